"""What a project uses of its storage: counted in the transaction of each push and deletion, once for each content.

A row of `ProjectBlob` says that content counts. It is there exactly as long as a manifest of the project names the
content, or is it: whether a push brings anything new, and a deletion takes anything away, is whether it made or removed
such rows, and their sizes go into a change of the project's figure (`projects.quotas`) by the same statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db import connection
from django.db.models import F, Func, IntegerField

from artifacts.models import Manifest, ManifestBlob
from db.locks import transaction_lock
from db.prepared import fetch
from projects.quotas import Figures

# What counts already is locked in the order of its digests, and the rest inserted in that order: no two can deadlock.
_COUNT = """
WITH held AS MATERIALIZED (
    SELECT digest FROM artifacts_projectblob
    WHERE project_id = %(project)s AND digest = ANY(%(digests)s::text[])
    ORDER BY digest FOR KEY SHARE
), added AS (
    INSERT INTO artifacts_projectblob (project_id, digest, size)
    SELECT %(project)s, n.digest, n.size FROM unnest(%(digests)s::text[], %(sizes)s::bigint[]) AS n(digest, size)
    WHERE n.digest NOT IN (SELECT digest FROM held)
    ORDER BY n.digest
    ON CONFLICT (project_id, digest) DO NOTHING
    RETURNING digest, size
), noted AS (
    INSERT INTO projects_usagechange (project_id, bytes)
    SELECT %(project)s, sum(size) FROM added HAVING sum(size) > 0
    RETURNING bytes
)
SELECT ARRAY(SELECT digest FROM held UNION ALL SELECT digest FROM added),
       coalesce((SELECT bytes FROM noted), 0),
       coalesce(q.hard, -1),
       coalesce(q.used, 0)
           + coalesce((SELECT sum(c.bytes) FROM projects_usagechange c WHERE c.project_id = %(project)s), 0)::bigint
FROM (SELECT) one LEFT JOIN projects_quota q ON q.project_id = %(project)s
"""


def count(project: int, contents: Mapping[str, int]) -> tuple[int, Figures]:
    """Count `contents` (bytes by digest) for a project from this transaction on. Answers how many bytes of them are new
    to it, and its figures before.

    What counts already is held by a lock that pushes share, so that no deletion takes it away before they are seen to
    need it. Two pushes wait for each other only where both bring the same new content.
    """
    missing, total = dict(contents), 0
    while True:
        digests = sorted(missing)
        sizes = [missing[digest] for digest in digests]
        values = {"project": project, "digests": digests, "sizes": sizes}
        counted, added, hard, used = fetch(_COUNT, values)[0]
        total += added
        for digest in counted:
            del missing[digest]
        if not missing:  # else somebody has counted it just now, and it must be held too
            return total, Figures(project, hard, used + added - total)


_OF_REPOSITORY = """
SELECT b.canonical AS digest FROM artifacts_bloblink l JOIN artifacts_blob b ON b.id = l.blob_id
WHERE l.repository_id = %s
UNION
SELECT m.digest FROM artifacts_manifest m WHERE m.repository_id = %s
ORDER BY digest
"""
_LOCK = """
SELECT count(*) FROM (
    SELECT FROM artifacts_projectblob WHERE project_id = %(project)s AND digest = ANY(%(digests)s::text[])
    ORDER BY digest FOR UPDATE
) locked
"""
# Its own statement, after the one that locks: it must see what those pushes did that were waited for.
_RELEASE = """
WITH released AS (
    DELETE FROM artifacts_projectblob c
    WHERE c.project_id = %(project)s AND c.digest = ANY(%(digests)s::text[])
      AND NOT EXISTS (
          SELECT FROM artifacts_blob b JOIN artifacts_manifestblob n ON n.blob_id = b.id
          WHERE b.canonical = c.digest AND n.project_id = c.project_id
      ) AND NOT EXISTS (
          SELECT FROM artifacts_manifest m JOIN artifacts_repository r ON r.id = m.repository_id
          WHERE m.digest = c.digest AND r.project_id = c.project_id AND r.id IS DISTINCT FROM %(going)s::bigint
      )
    RETURNING c.project_id, c.size
)
INSERT INTO projects_usagechange (project_id, bytes)
SELECT project_id, -sum(size) FROM released GROUP BY project_id HAVING sum(size) > 0
"""
BATCH = 5000  # digests looked at by one statement: a repository may hold more than one answer's patience is enough for


@contextmanager
def released(project: int, manifests: Sequence[int]) -> Iterator[None]:
    """The block deletes these manifests (ids): what nothing else in the project needs counts no longer."""
    digests = sorted(contents_of(manifests))
    yield
    _release(project, (digests[first : first + BATCH] for first in range(0, len(digests), BATCH)))


def release_repository(project: int, repository: int) -> None:
    """The same for all of a repository's manifests, whose mentions of blobs are deleted and which are so next."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_OF_REPOSITORY, [repository, repository])
        batches = iter(lambda: [digest for (digest,) in cursor.fetchmany(BATCH)], [])
        _release(project, batches, going=repository)


def contents_of(manifests: Sequence[int]) -> dict[str, int]:
    """What these manifests (ids) take of the store, themselves included: bytes by digest."""
    named = ManifestBlob.objects.filter(manifest__in=manifests).values_list("blob__canonical", "blob__size").distinct()
    length = Func(F("payload"), function="octet_length", output_field=IntegerField())
    own = Manifest.objects.filter(pk__in=manifests).values_list("digest", length)
    return dict(named) | dict(own)


def _release(project: int, batches: Iterable[list[str]], *, going: int | None = None) -> None:
    """`batches` come in the order of their digests, as pushes lock them. A repository that is `going` needs nothing."""
    transaction_lock(recount_lock(project), shared=True)
    for digests in batches:
        values: dict[str, int | list[str] | None] = {"project": project, "digests": digests, "going": going}
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, values)
            cursor.execute(_RELEASE, values)


def recount_lock(project: int) -> str:
    """What keeps deletions out of a project while it is counted anew (`artifacts.recount`)."""
    return f"recount {project}"
