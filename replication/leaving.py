"""A worker that is shut down lets go of what it is at: another goes on with it at once, and not when a lease ends.

Only Celery's main process gets the signal, and would wait for its children to end their tasks, for hours perhaps. They
share a flag with it, which the heartbeat looks at.
"""

from __future__ import annotations

import multiprocessing
from typing import Any

from celery.signals import worker_init, worker_shutting_down

_flag = multiprocessing.get_context("fork").Event()


def asked() -> bool:
    """Whether this process's worker is shutting down."""
    return _flag.is_set()


@worker_init.connect
def _begin(**_: Any) -> None:
    _flag.clear()


@worker_shutting_down.connect
def _leave(**_: Any) -> None:
    _flag.set()
