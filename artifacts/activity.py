"""How much is pulled and pushed, by day: counted in the audit trail by a task, and kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

from artifacts.models import Figure
from audit.models import AuditRecord

DAYS = 14  # that are shown
_KEPT = 400  # days
_OPERATIONS = {"pulls": "pull", "pushes": "create"}  # of artifacts, as the trail has them


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    pulls: int
    pushes: int


def measure(today: date) -> None:
    """Count what is shown and isn't over, or was never counted. Each day is a range of the index by kinds of deeds."""
    known = set(Figure.objects.filter(name__in=_names(today)).values_list("name", flat=True))
    for day in _days(today):
        for what, operation in _OPERATIONS.items():
            if _name(what, day) not in known or day >= today - timedelta(days=1):
                value = _count(operation, day)
                defaults = {"value": value, "measured_at": timezone.now()}
                Figure.objects.update_or_create(name=_name(what, day), defaults=defaults)
    _forget(today - timedelta(days=_KEPT))


def recent(today: date) -> list[Day]:
    """The last days, oldest first, as they were counted last. One query."""
    counted = dict(Figure.objects.filter(name__in=_names(today)).values_list("name", "value"))
    return [Day(day, counted.get(_name("pulls", day), 0), counted.get(_name("pushes", day), 0)) for day in _days(today)]


def _count(operation: str, day: date) -> int:
    start = datetime.combine(day, time(), UTC)
    records = AuditRecord.objects.filter(operation=operation, resource_type="artifact", result="success")
    return records.filter(at__gte=start, at__lt=start + timedelta(days=1)).count()


def _forget(before: date) -> None:
    for what in _OPERATIONS:
        Figure.objects.filter(name__startswith=f"{what} ", name__lt=_name(what, before)).delete()


def _days(today: date) -> list[date]:
    return [today - timedelta(days=ago) for ago in reversed(range(DAYS))]


def _names(today: date) -> list[str]:
    return [_name(what, day) for day in _days(today) for what in _OPERATIONS]


def _name(what: str, day: date) -> str:
    return f"{what} {day.isoformat()}"
