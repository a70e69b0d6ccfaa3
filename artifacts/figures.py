"""Figures of the whole installation: exact while there is little to count, else as a task counted them last.

A count of millions takes seconds, and whoever looks at a page of statistics wants to know how large the thing is.
"""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from artifacts.models import Blob, Figure, Repository

FEW = 1000  # rows that are counted each time
PUBLIC_REPOSITORIES, PRIVATE_REPOSITORIES, STORED = "public repositories", "private repositories", "bytes stored"
_REPOSITORIES = """
SELECT count(*) FROM artifacts_repository r JOIN projects_project p ON p.id = r.project_id WHERE p.public = {public}
"""
# Content that is known by two names (sha512 beside sha256) is in the store once.
_STORED = """
SELECT coalesce(sum(b.size), 0)::bigint FROM artifacts_blob b WHERE b.digest = b.canonical OR NOT EXISTS (
    SELECT FROM artifacts_blob o
    WHERE o.canonical = b.canonical AND o.id <> b.id AND (o.digest = o.canonical OR o.id < b.id)
)
"""
_STATEMENTS = {
    PUBLIC_REPOSITORIES: _REPOSITORIES.format(public="true"),
    PRIVATE_REPOSITORIES: _REPOSITORIES.format(public="false"),
    STORED: _STORED,
}
_PATIENCE = "600s"


def repositories(*, public: bool) -> int:
    """How many there are in public projects, or in all others."""
    name = PUBLIC_REPOSITORIES if public else PRIVATE_REPOSITORIES
    return _count(name) if _are_few(Repository.objects.all()) else _remembered(name)


def stored() -> int:
    """Bytes of all blobs."""
    return _count(STORED) if _are_few(Blob.objects.all()) else _remembered(STORED)


def measure() -> None:
    """Count all of it anew. A task does, now and then."""
    for name in _STATEMENTS:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = '{_PATIENCE}'")
            value = _count(name)
            Figure.objects.update_or_create(name=name, defaults={"value": value, "measured_at": timezone.now()})


def _are_few(rows: QuerySet[Repository] | QuerySet[Blob]) -> bool:
    found: int = rows.order_by()[: FEW + 1].count()
    return found <= FEW


def _remembered(name: str) -> int:
    """As it was counted last; now, if it never was."""
    value = Figure.objects.filter(name=name).values_list("value", flat=True).first()
    return _count(name) if value is None else value


def _count(name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENTS[name])
        [(value,)] = cursor.fetchall()
        return int(value)
