"""A blob's way to a site, over all tasks and executions: one process sends it, the others wait for it or mount it.

A row is a claim while it is under way, and afterwards a hint: whoever goes by it asks the site all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from oci.digest import Digest
from replication.claims import LEASE
from replication.models import Transfer

KEPT = timedelta(days=7)  # as long as a registry keeps an unfinished upload
_SOME = 8  # blobs that a task claims at once
FAVOUR = 10  # seconds that an upload which broke off waits for one who wants it in the same repository


class Hint(NamedTuple):
    """The row of a blob tells that it was sent to `repository`."""

    repository: str
    done_at: datetime


class Grant(NamedTuple):
    """The blob is ours to send; from `offset` of the upload at `location` on, if there is one."""

    location: str
    offset: int


# Of one row by its index, which IS NOT DISTINCT FROM would not use; and what a crash of the database may forget, since
# the site is asked all the same: nobody waits for the disk.
_HERE, _THERE = "t.endpoint_id IS NULL", "t.endpoint_id = %(endpoint)s"
_UNHURRIED = "set_config('synchronous_commit', 'off', true)"

_CLAIM = f"""
WITH wanted AS (
    SELECT digest, size FROM unnest(%(digests)s::text[], %(sizes)s::bigint[]) AS w(digest, size)
), granted AS (
    INSERT INTO replication_transfer AS t
        (endpoint_id, digest, repository, size, location, "offset", worker, lease_until)
    SELECT %(endpoint)s::bigint, digest, %(repository)s::text, size, '', 0, %(claim)s::text,
        now() + interval '{LEASE} seconds'
    FROM wanted ORDER BY digest COLLATE "C"
    ON CONFLICT (endpoint_id, digest) DO UPDATE
    SET repository = EXCLUDED.repository, size = EXCLUDED.size, worker = EXCLUDED.worker, done_at = NULL,
        lease_until = EXCLUDED.lease_until,
        location = CASE WHEN t.done_at IS NULL AND t.repository = EXCLUDED.repository THEN t.location ELSE '' END,
        "offset" = CASE WHEN t.done_at IS NULL AND t.repository = EXCLUDED.repository THEN t."offset" ELSE 0 END
    WHERE t.done_at = %(seen)s::timestamptz
       OR t.done_at IS NULL AND t.lease_until < now() - CASE
            WHEN t.repository = EXCLUDED.repository OR t.location = '' THEN interval '0'
            ELSE interval '{FAVOUR} seconds' END
    RETURNING t.digest, t.location, t."offset"
)
SELECT digest, true, location, "offset", NULL FROM granted
UNION ALL
SELECT t.digest, false, t.repository, 0, t.done_at FROM wanted JOIN replication_transfer t ON t.digest = wanted.digest
WHERE {{at}} AND t.done_at IS NOT NULL AND NOT EXISTS (SELECT FROM granted g WHERE g.digest = t.digest)
"""  # noqa: S608 - of constants


def claim(
    endpoint: int | None, sizes: Mapping[Digest, int], repository: str, *, claim: str, seen: datetime | None = None
) -> dict[Digest, Grant | Hint]:
    """Take it upon us to send these blobs to that repository: those that are granted, and of the others those that
    somebody has sent. What is in neither, somebody is at.

    `seen`: when they were done according to a hint that proved to be wrong.
    """
    values = {
        "endpoint": endpoint, "digests": [str(digest) for digest in sizes], "sizes": list(sizes.values()),
        "repository": repository, "claim": claim, "seen": seen,
    }  # fmt: skip
    found: dict[Digest, Grant | Hint] = {}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM.format(at=_at(endpoint)), values)
        for digest, granted, place, offset, done_at in cursor.fetchall():
            found[Digest.parse(digest)] = Grant(place, offset) if granted else Hint(place, done_at)
    return found


def _at(endpoint: int | None) -> str:
    return _HERE if endpoint is None else _THERE


def busy(endpoint: int | None, digests: Sequence[Digest]) -> set[Digest]:
    """Those that somebody is sending."""
    query = f"""
        SELECT t.digest FROM replication_transfer t
        WHERE {_at(endpoint)} AND t.digest = ANY(%(digests)s) AND t.done_at IS NULL AND t.lease_until >= now()
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(query, {"endpoint": endpoint, "digests": [str(digest) for digest in digests]})
        return {Digest.parse(digest) for (digest,) in cursor.fetchall()}


def note(endpoint: int | None, digest: Digest, claim: str, *, location: str, offset: int) -> None:
    """Where the upload can be taken up, by whoever comes after us."""
    _change('location = %(location)s, "offset" = %(offset)s', endpoint, digest, claim, location=location, offset=offset)


def done(endpoint: int | None, digest: Digest, claim: str) -> None:
    changes = """done_at = now(), worker = '', lease_until = NULL, location = '', "offset" = 0"""
    _change(changes, endpoint, digest, claim)


def _change(changes: str, endpoint: int | None, digest: Digest, claim: str, **values: str | int) -> None:
    """Of what is ours still."""
    statement = f"""
        UPDATE replication_transfer t SET {changes}
        WHERE {_at(endpoint)} AND t.digest = %(digest)s AND t.worker = %(claim)s AND t.done_at IS NULL
        RETURNING {_UNHURRIED}
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, {"endpoint": endpoint, "digest": str(digest), "claim": claim, **values})


# Rows are locked in the order of their digests by all who lock several: so nobody waits for one who waits for him.
_RELEASE = """
UPDATE replication_transfer SET worker = '', lease_until = now() - interval '1 second'
WHERE id IN (
    SELECT id FROM replication_transfer WHERE done_at IS NULL AND worker = %(claim)s ORDER BY digest FOR UPDATE
)
"""


def release(claim: str) -> None:
    """Let others take up where they are what that task hasn't brought to its end."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"claim": claim})


class Claims:
    """The blobs that a task wants, claimed some at a time by whichever of its threads needs the next: one statement for
    several, and none kept for long from others that could send it meanwhile. Thread-safe."""

    def __init__(self, endpoint: int | None, repository: str, claim: str, sizes: Mapping[Digest, int]) -> None:
        self._endpoint, self._repository, self._claim = endpoint, repository, claim
        self._left = list(sizes.items())
        self._found: dict[Digest, Grant | Hint] = {}
        self._lock = threading.Lock()

    def of(self, digest: Digest) -> Grant | Hint | None:
        """As `claim` has it; None: somebody is at it."""
        with self._lock:
            while any(digest == left for left, _ in self._left):
                some, self._left = self._left[:_SOME], self._left[_SOME:]
                self._found |= claim(self._endpoint, dict(some), self._repository, claim=self._claim)
            return self._found.get(digest)

    def again(self, digest: Digest, size: int, hint: Hint) -> Grant | None:
        """When the hint has proved to be wrong."""
        found = claim(self._endpoint, {digest: size}, self._repository, claim=self._claim, seen=hint.done_at).get(
            digest
        )
        return found if isinstance(found, Grant) else None


def forget() -> int:
    """Drop hints that are old, and what nobody took up."""
    old = Q(done_at__lt=Now() - KEPT) | Q(done_at=None, lease_until__lt=Now() - KEPT)
    return Transfer.objects.filter(old).delete()[0]
