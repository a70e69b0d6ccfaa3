"""Harbor's q and sort."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import BadRequest
from api.query import AllOf, AnyOf, Exact, Fuzzy, Range, a_flag, a_number, a_time, parse, parse_sort

words = st.text(alphabet=st.characters(exclude_characters=",\"'~[]{}()\\ \t\n", categories=["L", "N"]), min_size=1)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", {}),
        ("name=busybox", {"name": Exact("busybox")}),
        ("name=~busy,public=true", {"name": Fuzzy("busy"), "public": Exact("true")}),
        ("n=[1~9]", {"n": Range("1", "9")}),
        ("n=[~9]", {"n": Range("", "9")}),
        ("t=[2024-01-01T00:00:00~]", {"t": Range("2024-01-01T00:00:00", "")}),
        ("n={a b}", {"n": AnyOf(("a", "b"))}),
        ("n={'a b' c}", {"n": AnyOf(("a b", "c"))}),
        ("n=(a b)", {"n": AllOf(("a", "b"))}),
        (r"n=\~a", {"n": Exact("~a")}),
        (r"n=\[a]", {"n": Exact("[a]")}),
        ("n=a=b", {"n": Exact("a=b")}),
        ('n="a"', {"n": Exact("a")}),
        ("n=", {"n": Exact("")}),
    ],
)
def test_it_reads_each_kind_of_term(text, terms):
    assert parse(text) == terms


@pytest.mark.parametrize("text", ["name", "=x", "n=[1", "n=[12]", "n={a", "n=(a", "n=1,n=2", "n=" + "x" * 5000])
def test_it_refuses_what_is_no_term(text):
    with pytest.raises(BadRequest):
        parse(text)


@given(st.dictionaries(words, words, max_size=4))
def test_exact_terms_come_back_as_they_were_written(terms):
    assert parse(",".join(f"{key}={value}" for key, value in terms.items())) == {k: Exact(v) for k, v in terms.items()}


@given(words, st.text(alphabet=st.characters(exclude_characters=",", exclude_categories=["C", "Z"]), min_size=1))
def test_a_backslash_makes_anything_literal(key, value):
    assert parse(f"{key}=\\{value}") == {key: Exact(value)}


@given(st.text())
def test_whatever_comes_is_read_or_refused(text):
    with suppress(BadRequest):
        assert isinstance(parse(text), dict)


@given(st.text(), st.sampled_from([a_number, a_flag, a_time]))
def test_values_are_read_or_refused(text, read):
    with suppress(BadRequest):
        read(text)


@given(st.lists(st.tuples(words.filter(lambda word: not word.startswith("-")), st.booleans())))
def test_sort_keys_come_back_as_they_were_written(keys):
    assert parse_sort(",".join(f"{'-' if down else ''}{key}" for key, down in keys)) == keys


def test_a_time_without_a_zone_is_utc():
    assert a_time("2024-01-02T03:04:05") == a_time("2024-01-02 03:04:05") == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert a_time("2024-01-02T03:04:05+02:00") == datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC)
