"""The months of the record table: made ahead of time, dropped whole by age."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime

from django.db import connection, transaction
from psycopg import sql

from audit.entry import Context
from audit.journal import record

AHEAD = 3  # months made beyond the current one
_STRAY_MONTHS = 24  # records outside every month are given theirs, for at most this many months at a time
_LOCK = 0x52_53_50_41_52_54  # pg advisory lock: one maker or dropper at a time
_NAME = re.compile(r"audit_record_(\d{4})_(\d{2})")


def month_of(moment: date) -> date:
    """The first day of the month."""
    return date(moment.year, moment.month, 1)


def months_later(month: date, count: int) -> date:
    """The first day of the month `count` months later, or earlier where negative."""
    years, index = divmod(month.year * 12 + month.month - 1 + count, 12)
    return date(years, index + 1, 1)


def this_month() -> date:
    return month_of(datetime.now(UTC))


def existing() -> list[date]:
    """The months that have a partition, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_record'::regclass")
        names = [name for (name,) in cursor.fetchall()]
    matches = (_NAME.fullmatch(name) for name in names)
    return sorted(date(int(match[1]), int(match[2]), 1) for match in matches if match)


def make_ahead(months: int = AHEAD) -> list[date]:
    """Make the partitions of this month and `months` ahead, and those that strayed records belong to; those made.

    May run twice, or at once: the second finds nothing to do.
    """
    wanted = {months_later(this_month(), ahead) for ahead in range(months + 1)}
    with transaction.atomic():
        _lock()
        strayed = set(_months_of_strays())
        missing = sorted((wanted | strayed) - set(existing()))
        if strayed:
            _rehome(missing)
        else:
            _make(missing)
    return missing


def drop_before(month: date) -> list[date]:
    """Drop every partition older than `month`, with its records; the months dropped. That is a deed, and recorded."""
    with transaction.atomic():
        _lock()
        old = [candidate for candidate in existing() if candidate < month_of(month)]
        for candidate in old:
            _execute("DROP TABLE {}", sql.Identifier(_table(candidate)))
            record(
                actor="system",
                operation="delete",
                resource_type="audit",
                resource=f"{candidate:%Y-%m}",
                context=Context(),
            )
    return old


def _table(month: date) -> str:
    return f"audit_record_{month:%Y_%m}"


def _lock() -> None:
    """One at a time; and rather give up than queue before every reader and writer of the trail behind us."""
    _execute("SET LOCAL lock_timeout = '3s'")
    _execute("SELECT pg_advisory_xact_lock({})", sql.Literal(_LOCK))


def _make(months: Iterable[date]) -> None:
    """Made beside the table, then attached: that locks out nobody who reads or writes other partitions."""
    for month in months:
        table = sql.Identifier(_table(month))
        _execute("CREATE TABLE {} (LIKE audit_record INCLUDING DEFAULTS INCLUDING CONSTRAINTS)", table)
        _execute(
            "ALTER TABLE audit_record ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})",
            table,
            sql.Literal(f"{month} 00:00:00+00"),
            sql.Literal(f"{months_later(month, 1)} 00:00:00+00"),
        )


def _months_of_strays() -> list[date]:
    """The months of records in the default partition: written while a clock was wrong, or months were not made."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC')::date AS month FROM audit_record_default"
            " ORDER BY month DESC LIMIT %s",
            [_STRAY_MONTHS],
        )
        return [month for (month,) in cursor.fetchall()]


def _rehome(missing: Iterable[date]) -> None:
    """Make months that the default partition already holds records of.

    PostgreSQL refuses to attach those, and the trigger refuses to move rows by DELETE. So the default partition is
    detached, its rows are added again, each to its month now, and it is dropped: all in the caller's transaction.
    """
    _execute("LOCK TABLE audit_record IN ACCESS EXCLUSIVE MODE")
    _execute("ALTER TABLE audit_record DETACH PARTITION audit_record_default")
    _execute("ALTER TABLE audit_record_default RENAME TO audit_record_stray")
    _make(missing)
    _execute("CREATE TABLE audit_record_default (LIKE audit_record INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    _execute("ALTER TABLE audit_record ATTACH PARTITION audit_record_default DEFAULT")
    _execute("INSERT INTO audit_record SELECT * FROM audit_record_stray")
    _execute("DROP TABLE audit_record_stray")


def _execute(statement: str, *parts: sql.Composable) -> None:
    """DDL takes no bound parameters: its names and values are quoted by psycopg."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*parts).as_string(cursor.connection))
