"""Compares what is counted of the projects with what their manifests name, and sets it right.

Usage can't drift by what the platform does. It can by hand: rows changed past it, a restore of some tables alone, an
older release that pushed while the tables were made. A check reads one moment of a project; repair goes on beside
pushes, and keeps deletions in the project waiting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connection, transaction

from artifacts.models import ProjectBlob
from artifacts.usage import recount_lock
from db.locks import transaction_lock
from projects import quotas
from projects.models import Project, Quota, UsageChange

_CHUNK = 2000  # rows read at a time


class Kind(StrEnum):
    """What may differ."""

    UNCOUNTED = "a manifest needs it, and it isn't counted"
    UNNEEDED = "it is counted, and no manifest needs it"
    WRONG_SIZE = "it is counted with another size"
    WRONG_PLACE = "mentions of blobs are filed under another project"
    WRONG_TOTAL = "the figure isn't the sum of what is counted"
    NO_QUOTA = "the project has no quota"
    NO_PROJECT = "counted for a project that isn't there"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `counted` and `needed` are bytes, or for WRONG_PLACE and NO_PROJECT rows."""

    kind: Kind
    project: str
    name: str
    counted: int
    needed: int

    def __str__(self) -> str:
        subject = f"{self.project} {self.name}".rstrip()
        return f"{subject}: {self.kind} (counted {self.counted}, needed {self.needed})"


_NEEDED = """
SELECT b.canonical AS digest, b.size
FROM artifacts_repository r
JOIN artifacts_manifest m ON m.repository_id = r.id
JOIN artifacts_manifestblob n ON n.manifest_id = m.id
JOIN artifacts_blob b ON b.id = n.blob_id
WHERE r.project_id = %(project)s
UNION
SELECT m.digest, octet_length(m.payload)
FROM artifacts_repository r JOIN artifacts_manifest m ON m.repository_id = r.id
WHERE r.project_id = %(project)s
"""
_CONTENTS = f"""
SELECT coalesce(c.digest, n.digest), c.size, n.size
FROM (SELECT digest, size FROM artifacts_projectblob WHERE project_id = %(project)s) c
FULL JOIN ({_NEEDED}) n ON n.digest = c.digest
WHERE c.size IS DISTINCT FROM n.size
ORDER BY 1
"""  # noqa: S608
_MISPLACED = """
SELECT count(*)
FROM artifacts_repository r
JOIN artifacts_manifest m ON m.repository_id = r.id
JOIN artifacts_manifestblob n ON n.manifest_id = m.id
WHERE r.project_id = %(project)s AND n.project_id <> r.project_id
"""
_TOTAL = "SELECT coalesce(sum(size), 0)::bigint FROM artifacts_projectblob WHERE project_id = %(project)s"
_STRAYS = """
SELECT project_id, count(*) FROM (
    SELECT project_id FROM artifacts_projectblob UNION ALL SELECT project_id FROM projects_usagechange
) c WHERE NOT EXISTS (SELECT FROM projects_project p WHERE p.id = c.project_id)
GROUP BY project_id ORDER BY project_id
"""


def check(only: Project | None = None) -> Iterator[Difference]:
    """Every difference, project by project; each project as it is at one moment."""
    for project in [only] if only else Project.objects.order_by("name").iterator():
        yield from _check(project)
    if only is None:
        yield from _strays()


def _strays() -> Iterator[Difference]:
    with transaction.atomic():
        for project_id, rows in _read(_STRAYS, {}):
            yield Difference(Kind.NO_PROJECT, f"project {project_id}", "", rows, 0)


def _check(project: Project) -> Iterator[Difference]:
    with transaction.atomic():
        _take_time()
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield from _differences(project)


def _differences(project: Project) -> Iterator[Difference]:
    place = {"project": project.pk}
    for digest, counted, needed in _read(_CONTENTS, place):
        kind = Kind.UNCOUNTED if counted is None else Kind.UNNEEDED if needed is None else Kind.WRONG_SIZE
        yield Difference(kind, project.name, digest, counted or 0, needed or 0)
    if misplaced := _number(_MISPLACED, place):
        yield Difference(Kind.WRONG_PLACE, project.name, "", misplaced, 0)
    figures = quotas.figures(project.pk)
    if figures is None:  # deleted since
        return
    if not Quota.objects.filter(project=project).exists():
        yield Difference(Kind.NO_QUOTA, project.name, "", 0, 0)
    if figures.used != (total := _number(_TOTAL, place)):
        yield Difference(Kind.WRONG_TOTAL, project.name, "", figures.used, total)


_PLACE = """
UPDATE artifacts_manifestblob n SET project_id = r.project_id
FROM artifacts_repository r JOIN artifacts_manifest m ON m.repository_id = r.id
WHERE r.project_id = %(project)s AND n.manifest_id = m.id AND n.project_id <> r.project_id
"""
_LOCK = f"""
SELECT count(*) FROM (
    SELECT FROM artifacts_projectblob c
    WHERE c.project_id = %(project)s AND c.digest NOT IN (SELECT n.digest FROM ({_NEEDED}) n)
    ORDER BY c.digest FOR UPDATE
) locked
"""  # noqa: S608
_REMOVE = f"""
DELETE FROM artifacts_projectblob c
WHERE c.project_id = %(project)s AND c.digest NOT IN (SELECT n.digest FROM ({_NEEDED}) n)
"""  # noqa: S608
_CORRECT = f"""
UPDATE artifacts_projectblob c SET size = n.size FROM ({_NEEDED}) n
WHERE c.project_id = %(project)s AND n.digest = c.digest AND n.size <> c.size
"""  # noqa: S608
_INSERT = f"""
INSERT INTO artifacts_projectblob (project_id, digest, size)
SELECT %(project)s, n.digest, n.size FROM ({_NEEDED}) n
WHERE NOT EXISTS (SELECT FROM artifacts_projectblob c WHERE c.project_id = %(project)s AND c.digest = n.digest)
ORDER BY n.digest
ON CONFLICT (project_id, digest) DO NOTHING
"""  # noqa: S608
_SET_TOTAL = """
UPDATE projects_quota q SET used =
    coalesce((SELECT sum(c.size) FROM artifacts_projectblob c WHERE c.project_id = q.project_id), 0)
    - coalesce((SELECT sum(u.bytes) FROM projects_usagechange u WHERE u.project_id = q.project_id), 0)
WHERE q.project_id = %(project)s
"""


@transaction.atomic
def repair(project: Project) -> None:
    """Count the project anew, as its manifests are."""
    _take_time()
    place = {"project": project.pk}
    transaction_lock(recount_lock(project.pk))
    quotas.hold_folding()
    Quota.objects.get_or_create(project=project)
    with connection.cursor() as cursor:
        # The rows to remove are locked by a statement of its own: the next one then sees the pushes waited for.
        for statement in (_PLACE, _LOCK, _REMOVE, _CORRECT, _INSERT, _SET_TOTAL):
            cursor.execute(statement, place)


def remove_strays() -> None:
    """Forget what is counted for projects that aren't there."""
    for model in (ProjectBlob, UsageChange):
        model.objects.exclude(project__in=Project.objects.all()).delete()


def _take_time() -> None:
    """A project of millions of blobs takes longer than a request may."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")


def _read(sql: str, values: dict[str, int]) -> Iterator[tuple[Any, ...]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, values)
        while rows := cursor.fetchmany(_CHUNK):
            yield from rows


def _number(sql: str, values: dict[str, int]) -> int:
    return int(next(_read(sql, values))[0])
