"""Hand-written, prepared statements on Django's connection: the hot reads, at one cheap round trip each."""

from collections.abc import Sequence
from typing import Any

from django.db import InterfaceError, OperationalError, connection


def fetch(sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    """All rows of one statement, prepared by the server at its first use on this connection.

    Outside a transaction a statement that finds its connection dead is sent once more on a new one, so only use
    it for statements that may run twice. Raises Django's `DatabaseError` classes.
    """
    try:
        return _fetch(sql, parameters)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or _alive():
            raise
        connection.close()
    return _fetch(sql, parameters)


def _fetch(sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    if connection.connection is None:
        connection.ensure_connection()
    with connection.wrap_database_errors:
        rows: list[tuple[Any, ...]] = connection.connection.execute(sql, parameters, prepare=True).fetchall()
    return rows


def _alive() -> bool:
    """False when the server is gone, as against a statement that failed (a timeout, a cancelled lock)."""
    return connection.connection is not None and not connection.connection.closed
