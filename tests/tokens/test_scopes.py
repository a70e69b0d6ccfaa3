import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokens.scopes import InvalidScope, Scope, parse

names = st.from_regex(r"[a-z0-9]{1,5}([._-][a-z0-9]{1,5}){0,2}(/[a-z0-9]{1,5}){0,3}", fullmatch=True)
actions = st.frozensets(st.sampled_from(["pull", "push", "delete", "*"]), min_size=1)
scopes = st.builds(Scope, kind=st.sampled_from(["repository", "registry"]), name=names, actions=actions)


def test_it_parses_what_docker_asks():
    assert parse(["repository:library/app:pull,push"]) == [
        Scope("repository", "library/app", frozenset({"pull", "push"}))
    ]


@pytest.mark.parametrize("texts", [[], [""], ["  "], ["", ""]])
def test_nothing_is_no_scope(texts):
    assert parse(texts) == []


def test_scopes_may_be_repeated_and_stand_between_spaces():
    first, second, third = parse(["repository:a/b:pull  registry:catalog:*", "repository:c/d:push"])

    assert [str(s) for s in (first, second, third)] == [
        "repository:a/b:pull",
        "registry:catalog:*",
        "repository:c/d:push",
    ]


@given(st.lists(scopes, max_size=10, unique_by=lambda s: (s.kind, s.name)))
def test_what_is_written_is_read_again(asked):
    assert parse(map(str, asked)) == asked
    assert parse([" ".join(map(str, asked))]) == asked


@given(st.lists(st.text(max_size=80), max_size=5))
def test_any_text_is_scopes_or_refused(texts):
    try:
        parsed = parse(texts)
    except InvalidScope:
        return
    for scope in parsed:
        assert scope.actions
        assert len(scope.name) <= 255
        assert str(scope).isascii()
        assert str(scope).isprintable()


@given(scopes, st.characters(blacklist_categories=["Ll", "Nd"], blacklist_characters=" ._-/:,*()"), st.data())
def test_a_foreign_character_anywhere_is_refused(scope, character, data):
    text = str(scope)
    at = data.draw(st.integers(0, len(text)))

    with pytest.raises(InvalidScope):
        parse([text[:at] + character + text[at:]])


def test_there_is_a_limit_to_how_many():
    with pytest.raises(InvalidScope):
        parse([f"repository:a/b{n}:pull" for n in range(101)])


def test_a_long_hostile_scope_is_refused_at_once():
    with pytest.raises(InvalidScope):
        parse(["repository:" + "a-" * 100_000 + ":pull"])
    with pytest.raises(InvalidScope):
        parse(["repository:" + "a__" * 5_000 + "!:pull"])
