"""What came into some projects last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artifacts import beside
from artifacts.models import Manifest

# A few of each project by its index, and of these the newest.
_NEWEST = """
SELECT m.id, m.digest, m.repository_id, m.project_id, m.media_type, m.artifact_type, m.size, m.pushed_at,
       r.name AS repository_name
FROM unnest(%s::bigint[]) AS p(id) CROSS JOIN LATERAL (
    SELECT id, digest, repository_id, project_id, media_type, artifact_type, size, pushed_at FROM artifacts_manifest
    WHERE project_id = p.id AND listed ORDER BY pushed_at DESC, id DESC LIMIT %s
) m JOIN artifacts_repository r ON r.id = m.repository_id
ORDER BY m.pushed_at DESC, m.id DESC LIMIT %s
"""
_TAGS = 3  # of each


def newest(projects: Sequence[int], most: int) -> list[tuple[Any, list[str]]]:
    """The newest artifacts of the projects (ids), each with `repository_name`, and its newest tags. Two queries."""
    if not projects:
        return []
    rows: list[Any] = list(Manifest.objects.raw(_NEWEST, [list(projects), most, most]))
    tags = beside.tags([row.pk for row in rows], _TAGS)
    return [(row, [tag.name for tag in tags.get(row.pk, [])]) for row in rows]
