"""What pushes, tags and deletions lead to elsewhere: who follows them is told here, in the transaction of the deed.

Nothing of this package knows its followers. They sign up when the process starts, each with a condition in SQL that
holds while it wants to be told of anything; a push asks for it along with what it asks anyway (`artifacts.turns`), and
so pays nothing while nobody listens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

PUSH, RETAG, DELETE = "push", "retag", "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """Something happens in a repository. A deletion is told before its rows are gone: of `tags` that are taken off, of
    an artifact (`digest`), or of the whole repository (neither)."""

    kind: str
    repository: str
    digest: str = ""
    tags: Sequence[str] = ()


class Follower(NamedTuple):
    """`wanted`: a condition in SQL, true while `tell` wants to be called."""

    wanted: str
    tell: Callable[[Change], None]


_followers: list[Follower] = []


def follow(wanted: str, tell: Callable[[Change], None]) -> None:
    """Have `tell` called with each change, in its transaction, while the condition `wanted` holds."""
    follower = Follower(wanted, tell)
    if follower not in _followers:
        _followers.append(follower)


def wanted() -> str:
    """A condition in SQL: whether anybody wants to be told."""
    return " OR ".join(f"({follower.wanted})" for follower in _followers) or "false"


def tell(change: Change) -> None:
    """The caller is in the transaction of the deed."""
    for follower in _followers:
        follower.tell(change)
