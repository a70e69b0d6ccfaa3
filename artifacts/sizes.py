"""How much lists say there is: exact up to a bound, and at least that beyond it, so that no page counts millions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db.prepared import fetch

FEW_REPOSITORIES, FEW_BLOBS = 1000, 2000

_REPOSITORIES = """
SELECT p.id, (SELECT count(*) FROM (SELECT FROM artifacts_repository r WHERE r.project_id = p.id LIMIT %s) few)
FROM unnest(%s::bigint[]) AS p(id)
"""
# Each of a repository's blobs once, whichever of its artifacts name it.
_STORED = """
SELECT r.id, few.bytes, few.links
FROM unnest(%s::bigint[]) AS r(id) CROSS JOIN LATERAL (
    SELECT coalesce(sum(b.size), 0)::bigint AS bytes, count(*) AS links
    FROM (SELECT l.blob_id FROM artifacts_bloblink l WHERE l.repository_id = r.id LIMIT %s) l
    JOIN artifacts_blob b ON b.id = l.blob_id
) few
"""


# By the index that lists go by.
_LAST = """
SELECT r.id, (
    SELECT m.pushed_at FROM artifacts_manifest m WHERE m.repository_id = r.id AND m.listed
    ORDER BY m.pushed_at DESC, m.id DESC LIMIT 1
) FROM unnest(%s::bigint[]) AS r(id)
"""


@dataclass(frozen=True, slots=True)
class Amount:
    """So many, or (`more`) at least so many."""

    number: int
    more: bool


def repositories(projects: Sequence[int]) -> dict[int, Amount]:
    """How many each of the projects (ids) holds."""
    rows = fetch(_REPOSITORIES, (FEW_REPOSITORIES + 1, list(projects))) if projects else []
    return {pk: Amount(min(found, FEW_REPOSITORIES), found > FEW_REPOSITORIES) for pk, found in rows}


def stored(repositories: Sequence[int]) -> dict[int, Amount]:
    """Bytes of what each of the repositories (ids) holds."""
    rows = fetch(_STORED, (list(repositories), FEW_BLOBS + 1)) if repositories else []
    return {pk: Amount(size, links > FEW_BLOBS) for pk, size, links in rows}


def last_pushes(repositories: Sequence[int]) -> dict[int, datetime | None]:
    """When something last came into each of the repositories (ids)."""
    return dict(fetch(_LAST, (list(repositories),))) if repositories else {}
