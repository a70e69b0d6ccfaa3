"""Reading the trail: newest first, filtered, paged by the key (at, id), which no count and no offset slows down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Q, QuerySet

from audit.models import AuditRecord


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show. An empty field doesn't narrow; `since` is inclusive, `until` exclusive."""

    actor: str = ""
    operation: str = ""
    resource_type: str = ""
    resource: str = ""
    project: str = ""
    result: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: the key of its last record. Written as microseconds since the epoch, a dash, the id."""

    at: datetime
    id: int

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """ValueError for what is no cursor."""
        moment, separator, number = text.partition("-")
        if not (separator and moment.isascii() and moment.isdigit() and number.isascii() and number.isdigit()):
            raise ValueError(f"{text!r} is no cursor")
        seconds, microseconds = divmod(int(moment), 1_000_000)
        try:
            at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
        except (OverflowError, OSError) as error:
            raise ValueError(f"{text!r} is no cursor") from error
        return cls(at, int(number))

    @classmethod
    def of(cls, record: AuditRecord) -> Cursor:
        return cls(record.at, record.id)

    def __str__(self) -> str:
        return f"{int(self.at.timestamp()) * 1_000_000 + self.at.microsecond}-{self.id}"


def newest(filters: Filters, *, limit: int, before: Cursor | None = None) -> list[AuditRecord]:
    """At most `limit` records, newest first, older than `before`."""
    records = matching(filters)
    if before:
        # The first half lets PostgreSQL leave out the partitions of newer months; the pair is the key's order.
        records = records.filter(at__lte=before.at).filter(Q(at__lt=before.at) | Q(id__lt=before.id))
    return list(records.order_by("-at", "-id")[:limit])


def matching(filters: Filters) -> QuerySet[AuditRecord]:
    """All records that the filters let through, in no order."""
    texts = {
        name: value
        for name in ("actor", "operation", "resource_type", "resource", "project", "result")
        if (value := getattr(filters, name))
    }
    records = AuditRecord.objects.filter(**texts)
    if filters.since:
        records = records.filter(at__gte=filters.since)
    if filters.until:
        records = records.filter(at__lt=filters.until)
    return records


# What PostgreSQL may reckon with for looking through records: some seven million of them.
_DEAREST = 250_000.0


def is_dear(records: QuerySet[AuditRecord]) -> bool:
    """Whether reading these would take PostgreSQL through millions of records, by its own reckoning."""
    told = records.explain(format="json")  # nothing where nothing can be found
    return bool(told) and json.loads(told)[0]["Plan"]["Total Cost"] > _DEAREST
