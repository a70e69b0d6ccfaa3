"""What a project uses of its storage: counted in the transaction of each push and deletion, once for each content.

A row of `ProjectBlob` says that content counts. It is there exactly as long as a manifest of the project names the
content, or is it: whether a push brings anything new, and a deletion takes anything away, is whether it made or removed
such rows, and their sizes go into a change of the project's figure (`projects.quotas`) by the same statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db import connection

from artifacts.models import Manifest, ManifestBlob
from db.locks import transaction_lock
from db.prepared import fetch

_HELD = """
SELECT digest FROM artifacts_projectblob WHERE project_id = %s AND digest = ANY(%s::text[])
ORDER BY digest FOR KEY SHARE
"""
_ADD = """
WITH added AS (
    INSERT INTO artifacts_projectblob (project_id, digest, size)
    SELECT %s, n.digest, n.size FROM unnest(%s::text[], %s::bigint[]) AS n(digest, size) ORDER BY n.digest
    ON CONFLICT (project_id, digest) DO NOTHING
    RETURNING project_id, digest, size
), noted AS (
    INSERT INTO projects_usagechange (project_id, bytes)
    SELECT project_id, sum(size) FROM added GROUP BY project_id HAVING sum(size) > 0
)
SELECT digest, size FROM added
"""


def count(project: int, contents: Mapping[str, int]) -> int:
    """Count `contents` (bytes by digest) for a project from this transaction on; how many bytes of them are new to it.

    What counts already is held by a lock that pushes share, so that no deletion takes it away before they are seen to
    need it. Two pushes wait for each other only where both bring the same new content.
    """
    missing, added = dict(contents), 0
    while missing:
        for (digest,) in fetch(_HELD, (project, sorted(missing))):
            del missing[digest]
        if missing:
            names = sorted(missing)
            for digest, size in fetch(_ADD, (project, names, [missing[name] for name in names])):
                added += size
                del missing[digest]
        # What is left was counted by somebody else just now: it must be held too.
    return added


_GONE = "SELECT unnest(%(names)s::text[])"
_OF_REPOSITORY = """
SELECT b.canonical FROM artifacts_bloblink l JOIN artifacts_blob b ON b.id = l.blob_id
WHERE l.repository_id = %(repository)s
UNION
SELECT m.digest FROM artifacts_manifest m WHERE m.repository_id = %(repository)s
"""
_LOCK = """
SELECT count(*) FROM (
    SELECT FROM artifacts_projectblob c WHERE c.project_id = %(project)s AND c.digest IN ({candidates})
    ORDER BY c.digest FOR UPDATE
) locked
"""
# Its own statement, after the one that locks: it must see what those pushes did that were waited for.
_RELEASE = """
WITH released AS (
    DELETE FROM artifacts_projectblob c
    WHERE c.project_id = %(project)s AND c.digest IN ({candidates})
      AND NOT EXISTS (
          SELECT FROM artifacts_blob b JOIN artifacts_manifestblob n ON n.blob_id = b.id
          WHERE b.canonical = c.digest AND n.project_id = c.project_id
      ) AND NOT EXISTS (
          SELECT FROM artifacts_manifest m JOIN artifacts_repository r ON r.id = m.repository_id
          WHERE m.digest = c.digest AND r.project_id = c.project_id AND r.id IS DISTINCT FROM %(repository)s::bigint
      )
    RETURNING c.project_id, c.size
)
INSERT INTO projects_usagechange (project_id, bytes)
SELECT project_id, -sum(size) FROM released GROUP BY project_id HAVING sum(size) > 0
"""


@contextmanager
def released(project: int, manifests: Sequence[int]) -> Iterator[None]:
    """The block deletes these manifests (ids): what nothing else in the project needs counts no longer."""
    names = _contents_of(manifests)
    yield
    _release(_GONE, {"project": project, "names": names, "repository": None})


def release_repository(project: int, repository: int) -> None:
    """The same for all of a repository's manifests, whose mentions of blobs are deleted and which are so next."""
    _release(_OF_REPOSITORY, {"project": project, "repository": repository})


def _contents_of(manifests: Sequence[int]) -> list[str]:
    blobs = ManifestBlob.objects.filter(manifest__in=manifests).values_list("blob__canonical", flat=True).distinct()
    own = Manifest.objects.filter(pk__in=manifests).values_list("digest", flat=True)
    return sorted({*blobs, *own})


def _release(candidates: str, values: Mapping[str, int | list[str] | None]) -> None:
    transaction_lock(recount_lock(values["project"]), shared=True)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK.format(candidates=candidates), values)
        cursor.execute(_RELEASE.format(candidates=candidates), values)


def recount_lock(project: object) -> str:
    """What keeps deletions out of a project while it is counted anew (`artifacts.recount`)."""
    return f"recount {project}"
