"""Counts round trips to PostgreSQL on the wire: hand-written statements on the raw connection are seen too."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """How often the block waits for the server, asked when it is over. As libpq's own trace tells: each wait ends with
    ReadyForQuery."""
    connection.ensure_connection()
    libpq = connection.connection.pgconn
    answers = -1
    with tempfile.TemporaryFile() as trace:
        libpq.trace(trace.fileno())
        try:
            yield lambda: answers
        finally:
            libpq.untrace()
            trace.seek(0)
            answers = sum(b"ReadyForQuery" in line for line in trace)


def fewest(ask: Callable[[], object], *, tries: int = 3) -> int:
    """How often `ask` waits for the server when what is remembered for some seconds is remembered."""
    found = []
    for _ in range(tries):
        with counted() as trips:
            ask()
        found.append(trips())
    return min(found)
