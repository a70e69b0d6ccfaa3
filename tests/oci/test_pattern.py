"""Doublestar patterns: the cases that Harbor's rules are written with, and any pattern against a slow reference."""

import itertools
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from oci.pattern import DEEPEST, LONGEST, InvalidPattern, Pattern, compiled


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("**", "a", True),
        ("**", "a/b/c", True),
        ("*", "abc", True),
        ("*", "a/b", False),
        ("a*", "a", True),
        ("a*/b", "abc/b", True),
        ("a*/b", "a/c/b", False),
        ("**abc", "xabc", True),
        ("**abc", "x/abc", False),
        ("abc**", "abc", True),
        ("a/**", "a", False),
        ("a/**", "a/b/c", True),
        ("**/c", "c", True),
        ("**/c", "a/b/c", True),
        ("**/c", "a/xc", False),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/b/b/c", True),
        ("a/**/**/c", "a/c", True),
        ("a?b", "a☺b", True),
        ("a?b", "a/b", False),
        ("v[0-9].[0-9]", "v1.2", True),
        ("v[0-9].[0-9]", "v1.x", False),
        ("[^0-9]*", "latest", True),
        ("[!0-9]*", "1.0", False),
        ("[^a]", "/", False),
        (r"[a\-z]", "-", True),
        (r"[a\]]", "]", True),
        (r"\*", "*", True),
        (r"\*", "x", False),
        ("{dev,main}", "main", True),
        ("{dev,main}", "master", False),
        ("release-{1,2,{rc,beta}*}", "release-rc7", True),
        ("{a/**,b}/x", "a/b/c/x", True),
        ("{a,b/c}", "b/c", True),
        ("{,x}y", "y", True),
        ("a,b", "a,b", True),
        ("**,x", "yy,x", True),
        ("a}", "a}", True),
        ("a]", "a]", True),
        ("1.*", "1.2.3", True),
        ("1.*", "10", False),
        ("latest", "Latest", False),
    ],
)
def test_it_matches_as_written(pattern, name, expected):
    assert Pattern(pattern).matches(name) is expected


@pytest.mark.parametrize(
    "pattern",
    ["", "[", "[]", "[]a]", "[^]", "[a", "[a-", "[a-]", "[-a]", "[z-a]", "[a-b-c]", "{", "{a", "{a,b", "a\\", "[a\\",
     "{" * (DEEPEST + 1) + "}" * (DEEPEST + 1), "a" * (LONGEST + 1)],
)  # fmt: skip
def test_what_is_no_pattern_is_refused_in_words(pattern):
    with pytest.raises(InvalidPattern) as refused:
        Pattern(pattern)
    assert str(refused.value)


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * (LONGEST // 2),
        "{a,aa,*a}" * (LONGEST // 9),
        "**/" * (LONGEST // 3),
        "{*,*}" * (LONGEST // 5) + "b",
        "{,a}" * (LONGEST // 4 - 1) + "b",
        "[^b]*" * (LONGEST // 5) + "c",
    ],
)
def test_a_hostile_pattern_costs_a_bounded_number_of_steps(pattern):
    """Each character of the name is read once: a backtracking matcher would not come to an end."""
    made = Pattern(pattern)
    made.matches("a" * 255)
    made.matches("a/" * 127)
    assert len(made._states.accepts) <= 2 * LONGEST
    assert len(made._steps) <= 512


def test_a_pattern_is_compiled_once():
    assert compiled("v*") is compiled("v*")


# The reference: braces written out, then components compared one by one, by trying everything.


def expanded(pattern: str) -> set[str]:
    found = re.search(r"\{([^{}]*)\}", pattern)
    if found is None:
        return {pattern}
    parts = [pattern[: found.start()] + option + pattern[found.end() :] for option in found[1].split(",")]
    return set(itertools.chain.from_iterable(expanded(part) for part in parts))


def slow(pattern: str, name: str) -> bool:
    return any(components(each.split("/"), name.split("/")) for each in expanded(pattern))


def components(patterns: list[str], names: list[str]) -> bool:
    if not patterns:
        return not names
    first, rest = patterns[0], patterns[1:]
    if first == "**":
        return bool(names) if not rest else any(components(rest, names[skip:]) for skip in range(len(names) + 1))
    return bool(names) and one(first, names[0]) and components(rest, names[1:])


def one(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(one(pattern[1:], name[skip:]) for skip in range(len(name) + 1))
    if not name:
        return False
    if pattern[0] == "?":
        return one(pattern[1:], name[1:])
    if pattern[0] == "[":
        inside, _, after = pattern[1:].partition("]")
        negated = inside[0] == "^"
        return ((name[0] in inside.removeprefix("^")) != negated) and one(after, name[1:])
    return pattern[0] == name[0] and one(pattern[1:], name[1:])


NAMES = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=4).map("/".join)
SIMPLE = st.sampled_from(["a", "b", "/", "*", "?", "[ab]", "[^a]", "[b]"])


@given(st.lists(SIMPLE | st.just("**"), min_size=1, max_size=8).map("".join), NAMES)
def test_any_pattern_of_stars_and_slashes_is_matched_as_by_the_reference(pattern, name):
    assert Pattern(pattern).matches(name) == slow(pattern, name)


@st.composite
def braced(draw, depth=2):
    parts = draw(st.lists(SIMPLE, max_size=3))
    for _ in range(draw(st.integers(0, 2)) if depth else 0):
        options = draw(st.lists(braced(depth=depth - 1), min_size=1, max_size=3))
        parts.insert(draw(st.integers(0, len(parts))), "{" + ",".join(options) + "}")
    return "".join(parts)


@given(braced(), NAMES)
def test_any_pattern_with_braces_is_matched_as_by_the_reference(pattern, name):
    assume(pattern)
    assume(not any("**" in each for each in expanded(pattern)))  # what only braces bring together is no `**`
    assert Pattern(pattern).matches(name) == slow(pattern, name)


@given(st.text(st.sampled_from("ab/*?[]{},^!-\\"), max_size=30), st.text("ab/", max_size=30))
def test_any_text_is_a_pattern_or_refused(pattern, name):
    try:
        made = Pattern(pattern)
    except InvalidPattern:
        return
    first = made.matches(name)
    assert made.matches(name) is first
