"""Which artifacts a list shows, and how many of them a repository has: kept with each change, so that no page looks
through what it doesn't show, and none is counted.

As in Harbor, a list leaves out what is shown beside something else: what refers to a manifest that is there, and the
parts of an index unless they are tagged themselves.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection, transaction

from artifacts import turns
from artifacts.models import Manifest, Repository
from db.prepared import fetch

_IS_LISTED = """
(m.subject = '' OR NOT EXISTS (
    SELECT FROM artifacts_manifest s WHERE s.repository_id = m.repository_id AND s.digest = m.subject
)) AND (
    NOT EXISTS (SELECT FROM artifacts_manifestchild c WHERE c.child_id = m.id)
    OR EXISTS (SELECT FROM artifacts_tag t WHERE t.manifest_id = m.id)
)
"""
_SETTLE = """
WITH touched AS (
    SELECT unnest(%s::bigint[]) AS id
    UNION
    SELECT c.child_id FROM artifacts_manifestchild c WHERE c.parent_id = ANY(%s::bigint[])
    UNION
    SELECT r.id FROM artifacts_manifest s
    JOIN artifacts_manifest r ON r.repository_id = s.repository_id AND r.subject = s.digest AND r.subject <> ''
    WHERE s.id = ANY(%s::bigint[])
), turned AS (
    UPDATE artifacts_manifest m SET listed = NOT m.listed FROM touched
    WHERE m.id = touched.id AND m.listed <> (IS_LISTED)
    RETURNING m.listed
), change AS (
    SELECT coalesce(sum(CASE WHEN listed THEN 1 ELSE -1 END), 0) - %s AS amount FROM turned
)
UPDATE artifacts_repository SET artifact_count = artifact_count + change.amount FROM change
WHERE id = %s AND change.amount <> 0
RETURNING artifact_count
""".replace("IS_LISTED", _IS_LISTED)


def settle(repository_id: int, manifests: Collection[int], *, made: Collection[int] = (), gone: int = 0) -> None:
    """Say anew of some manifests (ids) whether they are listed, once their tags and places have changed.

    Of those `made` just now, which aren't listed yet, what they name and what refers to them is looked at too; so many
    listed ones are `gone`. The caller has the repository's turn (`artifacts.turns`).
    """
    new = list(made)
    if manifests or new or gone:
        fetch(_SETTLE, ([*manifests, *new], new, new, gone, repository_id))


_DIFFERS = """
SELECT EXISTS (SELECT FROM artifacts_manifest m WHERE m.repository_id = r.id AND m.listed <> (IS_LISTED))
    OR r.artifact_count <> (SELECT count(*) FROM artifacts_manifest m WHERE m.repository_id = r.id AND m.listed)
FROM artifacts_repository r WHERE r.id = %s
""".replace("IS_LISTED", _IS_LISTED)
_MEND = """
UPDATE artifacts_manifest m SET listed = NOT m.listed WHERE m.repository_id = %s AND m.listed <> (IS_LISTED)
""".replace("IS_LISTED", _IS_LISTED)


def recount(repository: Repository, *, repair: bool) -> bool:
    """Look at all that a repository holds: whether anything is listed wrongly, or counted. `repair` mends it."""
    differs = any(found for (found,) in fetch(_DIFFERS, (repository.pk,)))
    if differs and repair:
        _mend(repository)
    return differs


@transaction.atomic
def _mend(repository: Repository) -> None:
    held = turns.take(repository.name)
    if held is not None:
        with connection.cursor() as cursor:
            cursor.execute(_MEND, [held.pk])
        held.artifact_count = Manifest.objects.filter(repository=held, listed=True).count()
        held.save(update_fields=["artifact_count"])
