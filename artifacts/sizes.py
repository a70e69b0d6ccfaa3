"""How much lists say there is: exact up to a bound, and at least that beyond it, so that no page counts millions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import BigIntegerField, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from artifacts.models import BlobLink, Manifest, Repository
from db.prepared import fetch

FEW_REPOSITORIES, FEW_BLOBS = 1000, 2000
FEW_LINKS = 5000  # of a project whose repositories are put in order by what they hold: that reads them all twice

_REPOSITORIES = """
SELECT p.id, (SELECT count(*) FROM (SELECT FROM artifacts_repository r WHERE r.project_id = p.id LIMIT %s) few)
FROM unnest(%s::bigint[]) AS p(id)
"""
_LINKS = """
SELECT count(*) FROM (
    SELECT FROM artifacts_repository r CROSS JOIN LATERAL (
        SELECT FROM artifacts_bloblink l WHERE l.repository_id = r.id LIMIT %s
    ) l WHERE r.project_id = %s LIMIT %s
) few
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


def are_few_links(project: int) -> bool:
    """Whether the repositories of a project (id) hold so little that `with_stored` may be asked of all of them."""
    [(links,)] = fetch(_LINKS, (FEW_LINKS + 1, project, FEW_LINKS + 1))
    return int(links) <= FEW_LINKS


def with_stored(rows: QuerySet[Repository]) -> QuerySet[Repository]:
    """Repositories with `stored_bytes`, to be ordered by; what several of them hold counts in each."""
    links = BlobLink.objects.filter(repository=OuterRef("pk")).order_by().values("repository")
    stored = links.annotate(bytes=Sum("blob__size")).values("bytes")
    return rows.annotate(stored_bytes=Coalesce(Subquery(stored), 0, output_field=BigIntegerField()))


def with_last_push(rows: QuerySet[Repository]) -> QuerySet[Repository]:
    """Repositories with `last_push`, to be ordered by; of one without artifacts, when it was made."""
    newest = Manifest.objects.filter(repository=OuterRef("pk"), listed=True).order_by("-pushed_at", "-pk")
    return rows.annotate(last_push=Coalesce(Subquery(newest.values("pushed_at")[:1]), F("created_at")))


def last_pushes(repositories: Sequence[int]) -> dict[int, datetime | None]:
    """When something last came into each of the repositories (ids)."""
    return dict(fetch(_LAST, (list(repositories),))) if repositories else {}
