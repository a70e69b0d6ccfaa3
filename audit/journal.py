"""Writing audit records into PostgreSQL: one inside the transaction of its deed, or many from the spool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.transaction import TransactionManagementError

from audit import routing
from audit.entry import Context, Entry, Result, clean_entry, detail_json, to_line
from audit.events import event_type

_COLUMNS = ", ".join(Entry._fields)
_INSERT = f"INSERT INTO audit_record ({_COLUMNS}) VALUES ({', '.join(['%s'] * (len(Entry._fields) - 1))}, %s::jsonb)"  # noqa: S608
_COPY = f"COPY audit_record ({_COLUMNS}) FROM STDIN"
_INSERT_OUTGOING = "INSERT INTO audit_outgoing (line, kept) VALUES (%s, %s)"
_COPY_OUTGOING = "COPY audit_outgoing (line, kept) FROM STDIN"


def record(
    *,
    actor: str,
    operation: str,
    resource_type: str,
    resource: str,
    context: Context,
    result: Result = "success",
    project: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write one record in the caller's transaction: if the record fails, the deed fails; if the deed does, so does it.
    None is written of an event type that is switched off.

    Operations and resource types are Harbor's words ("create", "delete", "pull", …; "artifact", "tag", …). Raises
    TransactionManagementError outside a transaction: such a deed belongs in `audit.spool`.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("audit.record() outside a transaction: use atomic(), or audit.spool.write()")
    texts = {
        "actor": actor,
        "operation": operation,
        "resource_type": resource_type,
        "resource": resource,
        "project": project,
        "address": context.address,
        "user_agent": context.user_agent,
        "request_id": context.request_id,
    }
    entry = clean_entry(datetime.now(UTC), texts, result, detail)
    route = routing.current()
    if event_type(entry) in route.off:
        return
    with connection.cursor() as cursor:
        if route.kept:
            cursor.execute(_INSERT, _as_row(entry))
        if route.endpoint:
            cursor.execute(_INSERT_OUTGOING, (to_line(entry), route.kept))


def append(entries: Sequence[Entry]) -> None:
    """Write many entries in the caller's transaction, but for those whose event type is switched off."""
    route = routing.current()
    wanted = [entry for entry in entries if event_type(entry) not in route.off]
    if route.kept:
        store(wanted)
    if wanted and route.endpoint:
        with connection.cursor() as cursor, cursor.copy(_COPY_OUTGOING) as copy:
            for entry in wanted:
                copy.write_row((to_line(entry), route.kept))


def store(entries: Sequence[Entry]) -> None:
    """Write entries into the trail by one COPY, whatever is switched off."""
    if entries:
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for entry in entries:
                copy.write_row(_as_row(entry))


def _as_row(entry: Entry) -> tuple[datetime | str, ...]:
    return (*entry[:-1], detail_json(entry))
