"""Advisory locks: held for a transaction, or across network calls, where no transaction may be."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import connection


@contextmanager
def advisory_lock(name: str, *, shared: bool = False) -> Iterator[None]:
    """Hold PostgreSQL's advisory lock of `name` for the session; others wait up to their `lock_timeout`.

    Shared holders go on together and keep an exclusive one out. A connection that dies gives its locks back.
    """
    kind = "_shared" if shared else ""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_lock{kind}(hashtextextended(%s, 0))", [name])
    try:
        yield
    finally:
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT pg_advisory_unlock{kind}(hashtextextended(%s, 0))", [name])


@contextmanager
def try_advisory_lock(name: str) -> Iterator[bool]:
    """`advisory_lock` if it is free; yields whether it was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        row = cursor.fetchone()
    ours = bool(row and row[0])
    try:
        yield ours
    finally:
        if ours and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


def transaction_lock(name: str, *, shared: bool = False) -> None:
    """Hold PostgreSQL's advisory lock of `name` until the transaction ends; others wait up to their `lock_timeout`.

    What is read by the next statement is as of then or later; a statement that both locks and reads may read what was
    there before it waited. Who holds it shared may deadlock by asking for it alone.
    """
    kind = "_shared" if shared else ""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock{kind}(hashtextextended(%s, 0))", [name])


_FREE = """
SELECT name FROM unnest(%s::text[]) AS n(name) WHERE pg_try_advisory_xact_lock(hashtextextended(name, 0)) LIMIT 1
"""


def free_lock(names: Sequence[str]) -> str | None:
    """Hold the first of these advisory locks that nobody holds, until the transaction ends; None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_FREE, [list(names)])
        row = cursor.fetchone()
    return row[0] if row else None
