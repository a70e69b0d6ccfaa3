"""Hand-written, prepared statements on Django's connection: the hot reads, at one cheap round trip each."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError, connection

Parameters = Sequence[object] | Mapping[str, object]


def fetch(sql: str, parameters: Parameters) -> list[tuple[Any, ...]]:
    """All rows of one statement, prepared by the server at its first use on this connection.

    Outside a transaction a statement that finds its connection dead is sent once more on a new one, so only use
    it for statements that may run twice. Raises Django's `DatabaseError` classes.
    """
    if connection.connection is None:
        connection.ensure_connection()  # a database that is away is waited for once, not twice
        return _fetch(sql, parameters)
    try:
        return _fetch(sql, parameters)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or not connection.connection.closed:  # it is the statement that failed
            raise
    connection.close()
    connection.ensure_connection()
    return _fetch(sql, parameters)


@contextmanager
def planned_anew() -> Iterator[None]:
    """Have the ORM's statements within planned for the very values they ask for.

    A statement that was prepared is planned once for any value after some uses: right where each value finds about as
    many rows, and up to a thousand times slower where one finds half of a table and the next none of it.
    """
    connection.ensure_connection()
    raw = connection.connection
    before, raw.prepare_threshold = raw.prepare_threshold, None
    try:
        yield
    finally:
        raw.prepare_threshold = before


def _fetch(sql: str, parameters: Parameters) -> list[tuple[Any, ...]]:
    with connection.wrap_database_errors:
        rows: list[tuple[Any, ...]] = _cursor(connection.connection).execute(sql, parameters, prepare=True).fetchall()
    return rows


class _Kept(threading.local):
    """This thread's cursor, and the connection it belongs to."""

    connection: psycopg.Connection[Any] | None = None
    cursor: psycopg.Cursor[Any] | None = None


_kept = _Kept()


def _cursor(raw: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    """A cursor that reads PostgreSQL's binary format, made once a connection.

    A manifest's row costs 32 µs of CPU by it, 81 by a new cursor that reads text (a payload is hexadecimal there).
    """
    if _kept.connection is not raw or _kept.cursor is None:
        _kept.connection, _kept.cursor = raw, raw.cursor(binary=True)
    return _kept.cursor
