"""How much a project may hold and how much it does: limits, and figures that are cheap to read however much that is.

What is used is the figure of the quota's row and the changes since, which pushes and deletions write each for itself
(`artifacts.usage`) and the clock folds in. So no row is written by two of them, and reading costs the same always.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

import audit
from audit import Context
from configuration import values
from db.locks import free_lock, transaction_lock
from db.prepared import fetch
from projects.errors import InvalidQuota, QuotaUnknown
from projects.models import Project, Quota, UsageChange
from rbac.actors import Actor

STORAGE = "storage"  # the one resource that is limited
UNLIMITED = -1
WARNING = 85  # percent of the limit

_BIGGEST = 2**63 - 1
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_STEP = 1024
_AMOUNT = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,3}))? ?(?:([KMGTPE])i?)?B?", re.ASCII | re.IGNORECASE)
_FOLDING = "usage folding"
_FOLDED = 10_000  # changes by one statement


@dataclass(frozen=True, slots=True)
class Figures:
    """A project's limit and what it uses, bytes."""

    project_id: int
    hard: int
    used: int

    @property
    def is_limited(self) -> bool:
        """Whether the limit is enforced."""
        return self.hard != UNLIMITED and is_enforced()

    @property
    def is_full(self) -> bool:
        return self.is_limited and self.used >= self.hard

    def refuses(self, added: int) -> bool:
        """Whether so many more bytes are over the limit."""
        return self.is_limited and added > 0 and self.used + added > self.hard


def is_enforced() -> bool:
    """Whether limits count at all; what is used is known in any case."""
    return values.flag("quota_per_project_enable")


_FIGURES = """
SELECT p.id, coalesce(q.hard, -1), coalesce(q.used, 0)
    + coalesce((SELECT sum(c.bytes) FROM projects_usagechange c WHERE c.project_id = p.id), 0)::bigint
FROM projects_project p LEFT JOIN projects_quota q ON q.project_id = p.id
WHERE p.{key} = %s
"""
_BY_NAME, _BY_ID = _FIGURES.format(key="name"), _FIGURES.format(key="id")


def figures(project: str | int) -> Figures | None:
    """The project's figures, by its name or id; None where there is no such project. One round trip."""
    rows = fetch(_BY_ID if isinstance(project, int) else _BY_NAME, (project,))
    return Figures(*rows[0]) if rows else None


def unfolded(projects: Iterable[int]) -> dict[int, int]:
    """What is to be added to the figures of these projects' quotas, by project."""
    rows = UsageChange.objects.filter(project__in=list(projects)).values_list("project").annotate(Sum("bytes"))
    return dict(rows.order_by())


def figures_of(rows: Sequence[Quota]) -> list[Figures]:
    """The figures of these quotas' projects, in their order. One query."""
    changes = unfolded([row.project_id for row in rows])
    return [Figures(row.project_id, row.hard, row.used + changes.get(row.project_id, 0)) for row in rows]


def create(project: Project, hard: int | None = None) -> Quota:
    """A new project's quota: `hard` bytes, or what the configuration gives to each. Raises InvalidQuota."""
    limit = values.number("storage_per_project") if hard is None else checked(hard)
    return Quota.objects.create(project=project, hard=limit)


def find(quota_id: int) -> Quota:
    """The quota of that id, with its project; QuotaUnknown."""
    quota = Quota.objects.select_related("project__owner").filter(pk=quota_id).first()
    if quota is None:
        raise QuotaUnknown(f"there is no quota {quota_id}")
    return quota


@transaction.atomic
def set_limit(quota: Quota, hard: int, *, actor: Actor, context: Context) -> None:
    """Another limit. One below what is used keeps more from coming in. Raises InvalidQuota, QuotaUnknown."""
    row = Quota.objects.select_for_update(of=("self",)).select_related("project").filter(pk=quota.pk).first()
    if row is None:
        raise QuotaUnknown(f"there is no quota {quota.pk} any more")
    before, row.hard, row.updated_at = row.hard, checked(hard), timezone.now()
    row.save(update_fields=["hard", "updated_at"])
    audit.record(
        actor=actor.name,
        operation="update",
        resource_type="quota",
        resource=row.project.name,
        project=row.project.name,
        context=context,
        detail={"hard": {"storage": row.hard}, "before": {"storage": before}},
    )


def checked(hard: int) -> int:
    """`hard` as a limit; InvalidQuota."""
    if hard != UNLIMITED and not 0 < hard <= _BIGGEST:
        raise InvalidQuota("a storage limit is a number of bytes above 0, or -1 for none")
    return hard


def storage_in(limits: Mapping[str, int]) -> int:
    """The storage among limits by resource, where there is nothing else; InvalidQuota."""
    for resource in limits:
        if resource != STORAGE:
            raise InvalidQuota(f"the resource {resource[:60]!r} isn't limited: {STORAGE} is")
    if STORAGE not in limits:
        raise InvalidQuota(f"a limit of {STORAGE} is expected")
    return checked(limits[STORAGE])


def parse(text: str) -> int:
    """A limit as people write it: `10GiB`, `1.5T`, `1000000`, `-1` or `unlimited`. Raises InvalidQuota."""
    if text.lower() in {"unlimited", str(UNLIMITED)}:
        return UNLIMITED
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise InvalidQuota(f"{text[:40]!r} is no limit: 10GiB is one, or a number of bytes, or unlimited")
    whole, part, unit = found.groups()
    scale = _STEP ** ("KMGTPE".index(unit.upper()) + 1 if unit else 0)
    return checked((int(whole + (part or "")) * scale) // 10 ** len(part or ""))


def written(hard: int) -> str:
    """A limit as `parse` reads it again: in words only where they are exact."""
    if hard == UNLIMITED:
        return "unlimited"
    text = words(hard)
    return text if parse(text) == hard else str(hard)


def words(size: int) -> str:
    """So many bytes for people: `98.1 MiB`."""
    value, unit = float(size), 0
    while abs(value) >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{size} B"


_FOLD = """
WITH folded AS (
    DELETE FROM projects_usagechange
    WHERE id IN (
        SELECT c.id FROM projects_usagechange c JOIN projects_quota q ON q.project_id = c.project_id
        ORDER BY c.id LIMIT %s
    )
    RETURNING project_id, bytes
), summed AS (
    SELECT project_id, sum(bytes) AS bytes, count(*) AS changes FROM folded GROUP BY project_id
), done AS (
    UPDATE projects_quota q SET used = q.used + s.bytes FROM summed s WHERE q.project_id = s.project_id
)
SELECT coalesce(sum(changes), 0)::bigint FROM summed
"""


def fold() -> int:
    """Add the changes there are to the quotas' figures, and answer how many those were. One at a time does it.

    What a project uses stays the same throughout: each statement takes the changes away and adds their sum at once.
    """
    total = 0
    while count := _fold_some():
        total += count
        if count < _FOLDED:
            break
    return total


@transaction.atomic
def _fold_some() -> int:
    if free_lock([_FOLDING]) is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_FOLD, [_FOLDED])
        row = cursor.fetchone()
    return row[0] if row else 0


def hold_folding() -> None:
    """Nothing is folded until this transaction ends."""
    transaction_lock(_FOLDING)
