"""No project comes to hold more than its limit: what comes is judged as early as can be, and exactly in the end.

The exact judgement is the last thing in the transaction that brings the content. Near the limit one at a time makes it,
under a lock that is held until it has committed. Far from it pushes would wait for each other in vain: there each takes
a ticket, of which there are so few that all who hold one, each with as much as its ticket is for, fit between "far" and
the limit. So whoever sees the project far from its limit, ticket in hand, can't take it over.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.db import transaction

from db.locks import free_lock, transaction_lock
from db.prepared import fetch
from oci.digest import Digest
from oci.errors import Denied
from projects import quotas
from projects.models import Project, Quota
from projects.quotas import Figures, words

WORTH = 1024 * 1024  # bytes; what is smaller may be uploaded in vain
_FAR = (8, 10)  # of the limit; the tickets below are for the rest
_EVERY_SIZE = 2**63 - 1
_REMEMBERED = 5.0  # seconds
_PROJECTS = 10_000  # remembered at once


class QuotaExceeded(Denied):
    """403 DENIED, with words for the one who pushes."""


@dataclass(frozen=True, slots=True)
class _Tickets:
    """So many tickets, each for what adds up to `share`⁻¹ of the limit."""

    kind: str
    count: int
    share: int

    def names(self, project: int) -> list[str]:
        """What they are called as locks, from a random one on."""
        first = random.randrange(self.count)  # noqa: S311
        return [f"quota {project} {self.kind} {(first + n) % self.count}" for n in range(self.count)]


_TICKETS = (_Tickets("small", 64, 640), _Tickets("large", 5, 50))


class _Near(Exception):
    """The limit is near, or all tickets are taken."""


def admit(project: Project, added: int, before: Figures) -> None:
    """Go on unless the bytes that this transaction has added (`usage.count`) take the project over its limit.

    The last thing that a transaction does. Raises QuotaExceeded.
    """
    if added <= 0 or not before.is_limited or _among_others(before, added):
        return
    transaction_lock(_lock(project.pk))
    figures = quotas.figures(project.pk)  # with what was added
    if figures is not None and figures.is_limited and figures.used > figures.hard:
        raise _exceeded(project.name, added, replace(figures, used=figures.used - added))


def _among_others(before: Figures, added: int) -> bool:
    """Whether this is far enough from the limit for others to push at the same time."""
    tickets = next((each for each in _TICKETS if added * each.share <= before.hard), None)
    if tickets is None or not _is_far(before):
        return False
    try:
        with transaction.atomic():  # what was locked in vain is let go again with the savepoint
            _take(tickets, before)
    except _Near:
        return False
    return True


def _take(tickets: _Tickets, before: Figures) -> None:
    """Hold a ticket, keep out whoever must be alone, then look again how far the limit is. Raises _Near."""
    if free_lock(tickets.names(before.project_id)) is None:
        raise _Near
    transaction_lock(_lock(before.project_id), shared=True)
    now = quotas.figures(before.project_id)
    if now is None or now.hard != before.hard or not _is_far(now):
        raise _Near


def _is_far(figures: Figures) -> bool:
    part, whole = _FAR
    return figures.used * whole <= figures.hard * part


def _lock(project: int) -> str:
    return f"quota {project}"


# Early


_NEW = """
SELECT coalesce(sum(n.size), 0)::bigint FROM unnest(%s::text[], %s::bigint[]) AS n(digest, size)
WHERE NOT EXISTS (SELECT FROM artifacts_projectblob c WHERE c.project_id = %s AND c.digest = n.digest)
"""


def foresee(project: Project, contents: Mapping[str, int]) -> None:
    """Refuse `contents` (bytes by digest) that `admit` would refuse now, before anything is done for them.

    Costs nothing for a project that was without a limit when it was read.
    """
    quota: Quota | None = getattr(project, "quota", None)
    if quota is None or quota.hard == quotas.UNLIMITED:
        return
    figures = quotas.figures(project.pk)
    if figures is None or not figures.refuses(sum(contents.values())):
        return
    added = fetch(_NEW, (list(contents), list(contents.values()), project.pk))[0][0]
    if figures.refuses(added):
        raise _exceeded(project.name, added, figures)


def check_not_full(project: str, figures: Figures) -> None:
    """Refuse the beginning of an upload, of which nothing is known yet, to a project without any room: even an image
    whose layers all count already brings a manifest."""
    if figures.is_full:
        raise QuotaExceeded(
            f"the project {project} is full: {words(figures.used)} used of the limit of {words(figures.hard)}"
        )


def foresee_upload(project: str, size: int, *, digest: Digest | None = None, is_whole: bool = False) -> None:
    """Refuse a blob of `size` bytes or more (`is_whole`: just so many) that the project has no room for.

    Never one that may count already: of the same digest or, while that isn't known, of a fitting size. Costs no round
    trip where the blob is small or the project had room for it a moment ago.
    """
    if size < WORTH or _rooms.have(project, size):
        return
    figures = quotas.figures(project)
    if figures is None:  # deleted meanwhile: who asked will learn it
        return
    _rooms.note(project, figures)
    if figures.refuses(size) and not _may_count(figures.project_id, size, digest, is_whole=is_whole):
        raise _exceeded(project, size, figures)


_BY_DIGEST = """
SELECT FROM artifacts_projectblob
WHERE project_id = %s AND digest = coalesce((SELECT canonical FROM artifacts_blob WHERE digest = %s), %s)
"""
_BY_SIZE = "SELECT FROM artifacts_projectblob WHERE project_id = %s AND size BETWEEN %s AND %s LIMIT 1"


def _may_count(project: int, size: int, digest: Digest | None, *, is_whole: bool) -> bool:
    """Whether a blob of which so much is known may be one that counts in the project already."""
    if digest is not None:
        return bool(fetch(_BY_DIGEST, (project, str(digest), str(digest))))
    return bool(fetch(_BY_SIZE, (project, size, size if is_whole else _EVERY_SIZE)))


def _exceeded(project: str, added: int, figures: Figures) -> QuotaExceeded:
    return QuotaExceeded(
        f"adding {words(added)} to the {words(figures.used)} used would exceed the limit of {words(figures.hard)} "
        f"of the project {project}"
    )


class _Rooms:
    """How much room projects had when this process last looked: enough to let uploads through, not to refuse one."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, int]] = {}

    def have(self, project: str, size: int) -> bool:
        until, room = self._known.get(project, (0.0, 0))
        return size <= room and time.monotonic() < until

    def note(self, project: str, figures: Figures) -> None:
        if len(self._known) >= _PROJECTS:
            self.forget()
        room = figures.hard - figures.used if figures.is_limited else _EVERY_SIZE
        self._known[project] = time.monotonic() + _REMEMBERED, room

    def forget(self) -> None:
        self._known.clear()


_rooms = _Rooms()


def forget() -> None:
    """Look anew at the next upload."""
    _rooms.forget()
