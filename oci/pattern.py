"""Doublestar patterns on names of repositories and tags, as Harbor's rules are written in them.

    *        anything within a component, also nothing
    **       as a whole component: any components, none as well when a slash follows
    ?        one character
    [a-z]    one of a class, [^a-z] or [!a-z] one that isn't in it
    {a,b}    either; each may hold all of this, braces too
    \\x       the character x itself

None but `**` goes across a slash. A pattern is hostile input. So it is never made into a regular expression, whose
worst case is exponential: it becomes a Glushkov automaton, one state for each character of the pattern, which reads
each character of a name once, in all the states it may be in. Sets of states are the bits of an integer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

LONGEST = 1024  # characters of a pattern
DEEPEST = 8  # braces within braces
_KEPT = 256  # patterns that a process keeps compiled
_STEPS = 512  # steps that each of those remembers

_SLASH = "/"


class InvalidPattern(ValueError):
    """No pattern; the words say where."""


def _anything(character: str) -> bool:  # noqa: ARG001
    return True


def _but_a_slash(character: str) -> bool:
    return character != _SLASH


Accepts = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the automaton: whether it takes nothing, the states it can begin in, and those it can end in."""

    empty: bool
    first: int
    last: int


_NOTHING = _Part(empty=True, first=0, last=0)
_NEVER = _Part(empty=False, first=0, last=0)


def _bits(states: int) -> Iterator[int]:
    while states:
        lowest = states & -states
        yield lowest.bit_length() - 1
        states ^= lowest


@dataclass(slots=True)
class _States:
    """What each state takes, and which may come after it."""

    accepts: list[Accepts] = field(default_factory=list)
    follow: list[int] = field(default_factory=list)

    def one(self, accepts: Accepts) -> _Part:
        bit = 1 << len(self.accepts)
        self.accepts.append(accepts)
        self.follow.append(0)
        return _Part(empty=False, first=bit, last=bit)

    def link(self, before: int, after: int) -> None:
        for state in _bits(before):
            self.follow[state] |= after

    def then(self, a: _Part, b: _Part) -> _Part:
        self.link(a.last, b.first)
        return _Part(
            empty=a.empty and b.empty,
            first=a.first | (b.first if a.empty else 0),
            last=b.last | (a.last if b.empty else 0),
        )

    def repeated(self, part: _Part) -> _Part:
        """One or more of it."""
        self.link(part.last, part.first)
        return part


def _either(a: _Part, b: _Part) -> _Part:
    return _Part(empty=a.empty or b.empty, first=a.first | b.first, last=a.last | b.last)


def _maybe(part: _Part) -> _Part:
    return _either(part, _NOTHING)


class _Parser:
    """Reads a pattern once, from left to right, and builds its states."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.states = _States()

    def whole(self) -> _Part:
        return self._sequence(depth=0, at_start=True)

    def _sequence(self, *, depth: int, at_start: bool) -> _Part:
        """All up to the end, or within braces to the next comma or closing brace. `at_start`: of a component."""
        part = _NOTHING
        while self.place < len(self.text):
            character = self.text[self.place]
            if depth and character in ",}":
                break
            if character == "*":
                part = self.states.then(part, self._stars(depth=depth, at_start=at_start))
                at_start = self.text[self.place - 1] == _SLASH
                continue
            self.place += 1
            part = self.states.then(part, self._term(character, depth=depth, at_start=at_start))
            at_start = character == _SLASH
        return part

    def _term(self, character: str, *, depth: int, at_start: bool) -> _Part:
        if character == "?":
            return self.states.one(_but_a_slash)
        if character == "[":
            return self.states.one(self._class())
        if character == "{":
            return self._braces(depth=depth + 1, at_start=at_start)
        if character == "\\":
            character = self._next("a backslash ends it")
        return self.states.one(character.__eq__)

    def _stars(self, *, depth: int, at_start: bool) -> _Part:
        begin = self.place
        while self._ahead() == "*":
            self.place += 1
        states, ahead = self.states, self._ahead()
        ends = {_SLASH, "", *(",}" if depth else "")}
        if self.text[begin : self.place] != "**" or not at_start or ahead not in ends:
            return _maybe(states.repeated(states.one(_but_a_slash)))
        if ahead != _SLASH:
            return states.repeated(states.one(_anything))
        self.place += 1
        component = states.repeated(states.one(_but_a_slash))
        return _maybe(states.repeated(states.then(component, states.one(_SLASH.__eq__))))

    def _braces(self, *, depth: int, at_start: bool) -> _Part:
        if depth > DEEPEST:
            raise InvalidPattern(f"more than {DEEPEST} braces within braces")
        part = _NEVER
        while True:
            part = _either(part, self._sequence(depth=depth, at_start=at_start))
            if self._next("a brace isn't closed") == "}":
                return part

    def _class(self) -> Accepts:
        """The rest of a class, whose bracket is read already."""
        negated = self._ahead() in {"^", "!"}
        self.place += negated
        ranges: list[tuple[str, str]] = []
        while self._ahead() != "]":
            low = high = self._of_class()
            if self._ahead() == "-":
                self.place += 1
                high = self._of_class()
            if high < low:
                raise InvalidPattern(f"the range {low}-{high} goes backwards")
            ranges.append((low, high))
        self.place += 1
        if not ranges:
            raise InvalidPattern("a class in brackets is empty")

        def accepts(character: str) -> bool:
            within = any(low <= character <= high for low, high in ranges)
            return within != negated and character != _SLASH

        return accepts

    def _of_class(self) -> str:
        character = self._next("a bracket isn't closed")
        if character in "-]":
            raise InvalidPattern("a - in brackets stands between two characters, or after a backslash")
        return self._next("a backslash ends it") if character == "\\" else character

    def _ahead(self) -> str:
        return self.text[self.place : self.place + 1]

    def _next(self, otherwise: str) -> str:
        character = self._ahead()
        if not character:
            raise InvalidPattern(otherwise)
        self.place += 1
        return character


class Pattern:
    """A compiled pattern. `matches` takes at most a step a state for each character of the name, whatever the pattern;
    steps taken before are remembered."""

    def __init__(self, text: str) -> None:
        if not 0 < len(text) <= LONGEST:
            raise InvalidPattern(f"a pattern has 1 to {LONGEST} characters")
        parser = _Parser(text)
        self._part = parser.whole()
        self._states = parser.states
        self._taking: dict[str, int] = {}
        self._steps: dict[tuple[int, str], tuple[int, bool]] = {}

    def matches(self, name: str) -> bool:
        """Whether it matches all of `name`."""
        ahead, ended = self._part.first, self._part.empty
        for character in name:
            step = self._steps.get((ahead, character))
            ahead, ended = step if step is not None else self._step(ahead, character)
            if not ahead and not ended:
                return False
        return ended

    def _step(self, ahead: int, character: str) -> tuple[int, bool]:
        """The states that may come when `character` is read in one of `ahead`, and whether the name may end there."""
        reached = ahead & self._that_take(character)
        follow, following = self._states.follow, 0
        for state in _bits(reached):
            following |= follow[state]
        if len(self._steps) >= _STEPS:
            self._steps.clear()
        found = self._steps[ahead, character] = following, bool(reached & self._part.last)
        return found

    def _that_take(self, character: str) -> int:
        taking = self._taking.get(character)
        if taking is None:
            taking = sum(1 << state for state, accepts in enumerate(self._states.accepts) if accepts(character))
            if len(self._taking) < _STEPS:
                self._taking[character] = taking
        return taking


@lru_cache(maxsize=_KEPT)
def compiled(text: str) -> Pattern:
    """The pattern `text`; InvalidPattern where it is none."""
    return Pattern(text)
