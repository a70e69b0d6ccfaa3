"""What name filters tell of the names they can match."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.pattern import InvalidPattern, compiled
from replication.names import sought

_NAMES = st.text("ab/", max_size=6)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("library/alpine", ("library/alpine",)),
        ("library/{alpine,busybox}", ("library/alpine", "library/busybox")),
        ("{a,b}/{c,d{e,f}}", ("a/c", "a/de", "a/df", "b/c", "b/de", "b/df")),
        (r"library/\alpine", ("library/alpine",)),
        # These can't be any repository's.
        (r"library/a\*b", ()),
        ("{Library,../..,library}/app", ("library/app",)),
        ("", ()),
    ],
)
def test_a_pattern_without_wildcards_tells_all_names(pattern, names):
    assert sought([pattern]).names is not None
    assert set(sought([pattern]).names or ()) == set(names)


@pytest.mark.parametrize(
    ("pattern", "prefixes", "namespaces"),
    [
        ("library/**", ("library/",), ("library",)),
        ("**", ("",), None),
        ("lib*/app", ("lib",), None),
        ("{a,b}/**", ("a/", "b/"), ("a", "b")),
        ("{a,b*}/x", ("a/x", "b"), None),
        ("team/[ab]{c,d}", ("team/",), ("team",)),
        ("team/app-?{1,2}", ("team/app-",), ("team",)),
    ],
)
def test_a_pattern_with_wildcards_tells_how_names_begin(pattern, prefixes, namespaces):
    found = sought([pattern])
    assert found.names is None
    assert set(found.prefixes) == set(prefixes)
    assert (set(found.namespaces) if found.namespaces else None) == (set(namespaces) if namespaces else None)


def test_the_pattern_that_tells_most_is_looked_at():
    assert sought(["**", "team/**"]).prefixes == ("team/",)
    assert sought(["team/**", "team/app", "**"]).names == ("team/app",)


def test_no_pattern_at_all_means_any_name():
    assert sought([]).namespaces is None
    assert sought([]).may_be("anything/there")


def test_ever_so_many_alternatives_are_looked_for_in_the_list():
    found = sought(["{a,b}" * 40])
    assert found.names is None
    assert found.may_be("ab" * 20)


@given(st.text(r"ab/*?{},[]\-", max_size=12), _NAMES)
def test_no_name_that_matches_is_left_out(pattern, name):
    try:
        matches = compiled(pattern).matches(name)
    except InvalidPattern:
        return
    assert sought([pattern]).may_be(name) or not matches
    namespaces = sought([pattern]).namespaces
    assert not matches or namespaces is None or name.partition("/")[0] in namespaces
