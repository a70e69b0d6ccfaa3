"""What name filters tell before any list is read: the only names they can mean, or how those begin."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from oci.reference import PATH_PATTERN

_NAME = re.compile(PATH_PATTERN)
_MANY = 64  # alternatives in braces that are told apart


@dataclass(frozen=True, slots=True)
class Sought:
    """Where to look for repositories. `prefixes`: each name begins with one of them, or is it where `exact`."""

    prefixes: tuple[str, ...]
    exact: bool = False

    @property
    def names(self) -> tuple[str, ...] | None:
        """All that can be meant; None where only a list can tell. What can't be a repository's name is none."""
        return tuple(filter(_NAME.fullmatch, self.prefixes)) if self.exact else None

    @property
    def namespaces(self) -> tuple[str, ...] | None:
        """All first components that can be meant (projects, organisations); None where only a list can tell."""
        if not all("/" in prefix for prefix in self.prefixes):
            return None
        return _once(prefix.partition("/")[0] for prefix in self.prefixes)

    def may_be(self, name: str) -> bool:
        return name in self.prefixes if self.exact else name.startswith(self.prefixes)


def sought(patterns: Sequence[str]) -> Sought:
    """What the one of `patterns` tells that tells most: a name has to match all of them."""
    return max(map(_sought, patterns), key=_narrowness, default=Sought(("",)))


def _narrowness(found: Sought) -> tuple[bool, int]:
    return found.exact, min(map(len, found.prefixes))


def _sought(pattern: str) -> Sought:
    beginnings = [_beginning(each) for each in _alternatives(pattern)]
    return Sought(_once(text for text, _ in beginnings), exact=all(whole for _, whole in beginnings))


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _beginning(pattern: str) -> tuple[str, bool]:
    """The text that each name begins with that matches, and whether that is all of it."""
    text, place = "", 0
    while place < len(pattern):
        character = pattern[place]
        if character in "*?[{":
            return text, False
        place += character == "\\"
        text += pattern[place : place + 1]
        place += 1
    return text, True


def _alternatives(pattern: str) -> list[str]:
    """The patterns that those braces mean which come before any wildcard; the pattern itself where they are many."""
    waiting = [pattern]
    found: list[str] = []
    while waiting:
        if len(waiting) + len(found) > _MANY:
            return [pattern]
        each = waiting.pop()
        begin = _first_brace(each)
        if begin is None:
            found.append(each)
            continue
        *choices, end = _choices(each, begin)
        waiting += [each[:begin] + choice + each[int(end) :] for choice in choices]
    return found[::-1]


def _first_brace(pattern: str) -> int | None:
    for place, character in _plain(pattern, 0):
        if character == "{":
            return place
        if character in "*?[":
            return None
    return None


def _choices(pattern: str, begin: int) -> list[str]:
    """What stands in the braces that open at `begin`, and last the place behind them."""
    depth, start, choices = 0, begin + 1, []
    for place, character in _plain(pattern, begin):
        depth += (character == "{") - (character == "}")
        if (character == "," and depth == 1) or not depth:
            choices.append(pattern[start:place])
            start = place + 1
        if not depth:
            break
    return [*choices, str(start)]


def _plain(pattern: str, place: int) -> Iterator[tuple[int, str]]:
    """The characters from `place` on that aren't behind a backslash, of a class in brackets none but the first."""
    inside = False
    while place < len(pattern):
        character = pattern[place]
        if character == "\\":
            place += 1
        elif not inside:
            yield place, character
            inside = character == "["
        else:
            inside = character != "]"
        place += 1
