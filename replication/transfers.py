"""A blob's way to a site, over all tasks and executions: one process sends it, the others wait for it or mount it.

A row is a claim while it is under way, and afterwards a hint: whoever goes by it asks the site all the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from oci.digest import Digest
from replication.claims import LEASE
from replication.models import Transfer

KEPT = timedelta(days=7)  # as long as a registry keeps an unfinished upload
FAVOUR = 10  # seconds that an upload which broke off waits for one who wants it in the same repository


class Hint(NamedTuple):
    """What the row of a blob tells. `busy`: somebody is sending it, to `repository`."""

    repository: str
    done_at: datetime | None
    busy: bool


class Grant(NamedTuple):
    """The blob is ours to send; from `offset` of the upload at `location` on, if there is one."""

    location: str
    offset: int


_FIND = """
SELECT repository, done_at, done_at IS NULL AND lease_until >= now()
FROM replication_transfer WHERE endpoint_id IS NOT DISTINCT FROM %s AND digest = %s
"""
_CLAIM = f"""
INSERT INTO replication_transfer AS t (endpoint_id, digest, repository, size, location, "offset", worker, lease_until)
VALUES (%(endpoint)s, %(digest)s, %(repository)s, %(size)s, '', 0, %(claim)s, now() + interval '{LEASE} seconds')
ON CONFLICT (endpoint_id, digest) DO UPDATE
SET repository = EXCLUDED.repository, size = EXCLUDED.size, worker = EXCLUDED.worker, done_at = NULL,
    lease_until = EXCLUDED.lease_until,
    location = CASE WHEN t.done_at IS NULL AND t.repository = EXCLUDED.repository THEN t.location ELSE '' END,
    "offset" = CASE WHEN t.done_at IS NULL AND t.repository = EXCLUDED.repository THEN t."offset" ELSE 0 END
WHERE t.done_at = %(seen)s
   OR t.done_at IS NULL AND t.lease_until < now() - CASE
        WHEN t.repository = EXCLUDED.repository OR t.location = '' THEN interval '0'
        ELSE interval '{FAVOUR} seconds' END
RETURNING location, "offset"
"""  # noqa: S608 - of constants


def find(endpoint: int | None, digest: Digest) -> Hint | None:
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [endpoint, str(digest)])
        row = cursor.fetchone()
    return Hint(*row) if row else None


def claim(
    endpoint: int | None, digest: Digest, repository: str, *, size: int, claim: str, seen: datetime | None
) -> Grant | None:
    """Take it upon us to send the blob to that repository; None while somebody else is at it.

    `seen`: when it was done according to a hint that proved to be wrong.
    """
    values = {
        "endpoint": endpoint, "digest": str(digest), "repository": repository, "size": size, "claim": claim,
        "seen": seen,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        row = cursor.fetchone()
    return Grant(*row) if row else None


_OURS = "WHERE endpoint_id IS NOT DISTINCT FROM %s AND digest = %s AND worker = %s AND done_at IS NULL"
_NOTE = f'UPDATE replication_transfer SET location = %s, "offset" = %s {_OURS}'  # noqa: S608 - of constants
_DONE = f"""
UPDATE replication_transfer
SET done_at = now(), worker = '', lease_until = NULL, location = '', "offset" = 0 {_OURS}
"""  # noqa: S608
_RELEASE = f"""
UPDATE replication_transfer SET worker = '', lease_until = now() - interval '1 second' {_OURS}
"""  # noqa: S608


def note(endpoint: int | None, digest: Digest, claim: str, *, location: str, offset: int) -> None:
    """Where the upload can be taken up, by whoever comes after us."""
    _change(_NOTE, [location, offset, endpoint, str(digest), claim])


def done(endpoint: int | None, digest: Digest, claim: str) -> None:
    _change(_DONE, [endpoint, str(digest), claim])


def release(endpoint: int | None, digest: Digest, claim: str) -> None:
    """Let another take it up where it is."""
    _change(_RELEASE, [endpoint, str(digest), claim])


def _change(statement: str, values: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def forget() -> int:
    """Drop hints that are old, and what nobody took up."""
    old = Q(done_at__lt=Now() - KEPT) | Q(done_at=None, lease_until__lt=Now() - KEPT)
    return Transfer.objects.filter(old).delete()[0]
