"""Scopes of a token request, parsed once into types ("repository:library/app:pull,push")."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from oci.reference import MAX_NAME, PATH_PATTERN

MOST = 100  # scopes in one request; a push that mounts from many repositories asks for each of them
LONGEST = 16 * 1024  # characters of all of them

# distribution's token scope grammar. A class in parentheses is allowed and says nothing; a name's host isn't ours to
# have: names are within this registry.
_SCOPE = re.compile(
    rf"(?P<kind>[a-z0-9]+)(?:\([a-z0-9]+\))?:(?P<name>{PATH_PATTERN})"
    r":(?P<actions>(?:[a-z]+|\*)(?:,(?:[a-z]+|\*))*)"
)
_SHOWN = 120


class InvalidScope(Exception):
    """A scope that isn't one, or too many of them."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Actions asked for on a named thing of a kind, such as "pull" on the "repository" "library/app"."""

    kind: str
    name: str
    actions: frozenset[str]

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{','.join(sorted(self.actions))}"


def parse(texts: Iterable[str]) -> list[Scope]:
    """The scopes in `texts`, each with any number of them between spaces; one per kind and name, in order of asking.

    Raises InvalidScope.
    """
    words = [word for text in texts for word in text.split(" ") if word]
    if len(words) > MOST or sum(map(len, words)) > LONGEST:
        raise InvalidScope(f"more than {MOST} scopes")
    asked: dict[tuple[str, str], frozenset[str]] = {}
    for word in words:
        scope = _parse(word)
        asked[scope.kind, scope.name] = asked.get((scope.kind, scope.name), frozenset()) | scope.actions
    return [Scope(kind, name, actions) for (kind, name), actions in asked.items()]


def _parse(word: str) -> Scope:
    match = _SCOPE.fullmatch(word)
    if match is None or len(match["name"]) > MAX_NAME:
        raise InvalidScope(f"malformed scope {word[:_SHOWN]!r}: type:name:action[,action] expected")
    return Scope(match["kind"], match["name"], frozenset(match["actions"].split(",")))
