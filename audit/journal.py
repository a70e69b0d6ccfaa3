"""Writing audit records into PostgreSQL: one inside the transaction of its deed, or many from the spool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.transaction import TransactionManagementError

from audit.entry import Context, Entry, Result, clean_entry, detail_json

_COLUMNS = ", ".join(Entry._fields)
_INSERT = f"INSERT INTO audit_record ({_COLUMNS}) VALUES ({', '.join(['%s'] * (len(Entry._fields) - 1))}, %s::jsonb)"  # noqa: S608
_COPY = f"COPY audit_record ({_COLUMNS}) FROM STDIN"


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
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, _as_row(entry))


def append(entries: Iterable[Entry]) -> None:
    """Write many entries by one COPY, in the caller's transaction."""
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for entry in entries:
            copy.write_row(_as_row(entry))


def _as_row(entry: Entry) -> tuple[datetime | str, ...]:
    return (*entry[:-1], detail_json(entry))
