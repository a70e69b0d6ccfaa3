"""The heartbeat: one thread a process renews what that has claimed, and halts what is stopped or was lost.

While the database is away the work goes on: whoever took it over meanwhile finds what is done already, and the first
beat that gets through says so.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.db import DatabaseError, InterfaceError, connection

from replication.work import Work

EVERY = 1.0  # seconds

logger = logging.getLogger(__name__)


def shutting_down() -> bool:
    """Whether this is a worker that is shut down. What isn't Celery's has nothing to ask."""
    leaving = sys.modules.get("replication.leaving")
    return leaving is not None and bool(leaving.asked())


class Word(NamedTuple):
    """The database's word on a claim that still holds."""

    stop_asked: bool
    speed: int
    peers: int


Renew = Callable[[Work], Word | None]
"""Renews the claim; None where it is lost."""


class _Pulse:
    def __init__(self) -> None:
        self._beating: dict[str, tuple[Work, Renew]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._process = 0

    @contextmanager
    def of(self, work: Work, renew: Renew) -> Iterator[None]:
        work.ask = lambda: _hear(work, renew)
        with self._changed:
            self._beating[work.claim] = work, renew
            self._ensure_thread()
            self._changed.notify()
        try:
            yield
        finally:
            work.end()
            with self._changed:
                self._beating.pop(work.claim, None)

    def _ensure_thread(self) -> None:
        """A forked process has none of its parent's threads."""
        if self._thread is None or not self._thread.is_alive() or self._process != os.getpid():
            self._process = os.getpid()
            self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._beating and not self._changed.wait(timeout=5 * EVERY):
                    connection.close()  # an idle worker keeps none open for it
                    continue
            threading.Event().wait(EVERY)
            with self._changed:
                beating = list(self._beating.values())
            for work, renew in beating:
                _beat(work, renew)


def _beat(work: Work, renew: Renew) -> None:
    """The claim comes first: lines that can't be written cost nobody his lease."""
    try:
        _hear(work, renew)
        work.journal.flush()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("Replication: a heartbeat failed: %s", error)
        connection.close()
    except Exception:  # of one claim: the others are renewed by this thread too
        logger.exception("Replication: a heartbeat failed")


def _hear(work: Work, renew: Renew) -> None:
    word = renew(work)
    work.heard_at = time.monotonic()
    if word is None:
        work.halt(stop_asked=False)
    elif word.stop_asked:
        work.halt(stop_asked=True)
    elif shutting_down():
        work.halt(stop_asked=False, leaving=True)
    else:
        work.speed, work.peers = word.speed, word.peers


_pulse = _Pulse()
beating = _pulse.of
"""Keep a claim alive within the block."""
