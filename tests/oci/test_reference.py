"""Names of repositories, tags and references."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.digest import Digest
from oci.errors import DigestInvalid, NameInvalid, TagInvalid
from oci.reference import (
    TAG_PATTERN,
    parse_reference,
    parse_repository,
    parse_tag,
    project_of,
)

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    "name", ["library/alpine", "a/b", "a/b/c/d", "team-1/my.app", "a__b/c_d", "a---b/x", "0/0", "p/" + "a" * 253]
)
def test_it_takes_a_project_and_a_path(name):
    assert parse_repository(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "alpine",
        "/a/b",
        "a/b/",
        "a//b",
        "a/../b",
        "../a/b",
        "a/.b",
        "a/b.",
        "a/B",
        "a/b..c",
        "a/b___c",
        "a/b\n",
        "a/b\r\nX-Header: 1",
        "a/b%2fc",
        "a/é",
        "a/b c",
        "p/" + "a" * 254,
        pytest.param("a/" * 2**19, id="a mebibyte"),
        "a-" * 127,
    ],
)
def test_it_refuses_a_hostile_or_malformed_name(name):
    with pytest.raises(NameInvalid) as caught:
        parse_repository(name)
    assert len(caught.value.message) < 2000


@given(st.text() | st.text("ab0._-/", max_size=300))
def test_any_text_is_a_repository_name_or_refused(text):
    try:
        assert parse_repository(text) == text
    except NameInvalid:
        return
    assert len(text) <= 255
    assert all(component not in {"", ".", ".."} for component in text.split("/"))
    assert text.startswith(project_of(text) + "/")


ALPHANUMERIC = st.text("abz059", min_size=1, max_size=4)
COMPONENTS = st.lists(ALPHANUMERIC, min_size=3, max_size=3).flatmap(
    lambda parts: st.sampled_from([".", "_", "__", "-", "----"]).map(lambda separator: separator.join(parts))
)


@given(st.lists(ALPHANUMERIC | COMPONENTS, min_size=2, max_size=8).map("/".join))
def test_every_name_of_the_grammar_is_taken(name):
    assert parse_repository(name) == name
    assert "/" not in project_of(name)


@given(st.from_regex(TAG_PATTERN, fullmatch=True))
def test_every_tag_of_the_grammar_is_taken(tag):
    assert parse_tag(tag) == tag
    assert parse_reference(tag) == tag


@pytest.mark.parametrize(
    "tag", ["", ".a", "-a", "a" * 129, "a/b", "a b", "latest\n", "é", "..", pytest.param("x" * 2**20, id="a mebibyte")]
)
def test_it_refuses_what_is_no_tag(tag):
    with pytest.raises(TagInvalid):
        parse_tag(tag)


def test_a_reference_with_a_colon_is_a_digest():
    assert parse_reference(DIGEST) == Digest.parse(DIGEST)
    with pytest.raises(DigestInvalid):
        parse_reference("latest:1")


@given(st.text())
def test_any_text_is_a_reference_or_refused(text):
    try:
        assert str(parse_reference(text)) == text
    except (DigestInvalid, TagInvalid):
        return
