"""How long a web process waits for PostgreSQL: a server that hangs must be told from one that thinks.

libpq waits without end for an answer, and the server's own statement_timeout is no help when the server is what
hangs (a frozen machine, a stalled disk). Without a limit here every worker would be stuck on its first request.
"""

from typing import Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

LIMIT = 5.0  # seconds for one answer; what a request asks for takes milliseconds


def limit_waiting() -> None:
    """Limit every connection that this process opens from now on."""
    connection_created.connect(_limit, dispatch_uid="db.patience")


def _limit(connection: BaseDatabaseWrapper, **_: Any) -> None:
    raw: psycopg.Connection[Any] = connection.connection
    wait = raw.wait

    def wait_at_most(gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return wait(gen, interval, LIMIT if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if error.sqlstate is None:  # not the server's word: it did not answer, and the answer must not come later
                raw.pgconn.finish()
            raise

    raw.wait = wait_at_most  # type: ignore[method-assign]
