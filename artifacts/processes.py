"""The processes of the platform: each says every few seconds that it is there, so that one sees which serve what.

A process that ends takes its row along. One that was killed is taken for dead by the next of its kind on the same
machine; where there is none it is shown as silent, and forgotten after an hour.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now
from django.utils import timezone

from artifacts.models import Process

WEB, WORKER, REPLICATOR, CLOCK = "web", "worker", "replicator", "clock"
KINDS = (WEB, WORKER, REPLICATOR, CLOCK)
SHORT = "maintenance"  # the queue of short work
EVERY = 10.0  # seconds between two heartbeats
SILENT = timedelta(seconds=45)
_FORGOTTEN = timedelta(hours=1)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Group:
    """Processes that do the same on the same machine. `slots`: tasks or requests that they work on at once, together;
    `since`: when the oldest began; `heard_at`: of the one that was heard least lately."""

    kind: str
    host: str
    queues: Sequence[str]
    is_silent: bool
    processes: int
    slots: int
    since: datetime
    heard_at: datetime


def groups() -> list[Group]:
    """All processes that were heard of in the last hour, as a page shows them."""
    now, found = timezone.now(), dict[tuple[int, str, tuple[str, ...], bool], list[Process]]()
    for row in Process.objects.filter(heard_at__gte=now - _FORGOTTEN).order_by("host", "pid"):
        key = (KINDS.index(row.kind), row.host, tuple(row.queues), now - row.heard_at > SILENT)
        found.setdefault(key, []).append(row)
    return [
        Group(
            KINDS[place], host, queues, is_silent, len(rows), sum(row.slots for row in rows),
            min(row.started_at for row in rows), min(row.heard_at for row in rows),
        )
        for (place, host, queues, is_silent), rows in sorted(found.items())
    ]  # fmt: skip


def unserved(queues: Iterable[str], found: Iterable[Group]) -> list[str]:
    """Those queues that no process takes from which was heard of just now."""
    served = {queue for group in found if not group.is_silent for queue in group.queues}
    return [queue for queue in queues if queue not in served]


def kind_of(queues: Collection[str]) -> str:
    """What a Celery worker is that takes from these queues."""
    return WORKER if SHORT in queues else REPLICATOR


def begin(kind: str, queues: Sequence[str] = (), slots: int = 1) -> Callable[[], None]:
    """Say from now on that this process is there, from a thread of its own; what is answered ends that."""
    beat = _Beat(Process(kind=kind, host=socket.gethostname()[:255], pid=os.getpid(), queues=list(queues), slots=slots))
    beat.start()
    return beat.end


class _Beat(threading.Thread):
    def __init__(self, row: Process) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._row = row
        self._ended = threading.Event()
        self._fails = False

    def run(self) -> None:
        self._try(lambda: bury(self._row))
        while not self._ended.is_set():
            self._try(lambda: beat(self._row))
            self._ended.wait(EVERY)
        self._try(self._leave)

    def _leave(self) -> None:
        Process.objects.filter(kind=self._row.kind, host=self._row.host, pid=self._row.pid).delete()

    def end(self) -> None:
        self._ended.set()
        self.join(timeout=2)

    def _try(self, deed: Callable[[], object]) -> None:
        """The work of the process doesn't hang on this. No connection stays open: the process may fork."""
        try:
            deed()
            self._fails = False
        except (DatabaseError, InterfaceError) as error:
            if not self._fails:
                logger.warning("a heartbeat could not be written: %s", error)
            self._fails = True
        finally:
            with suppress(DatabaseError, InterfaceError):
                connection.close()


def beat(row: Process) -> None:
    """Write that the process is there now."""
    row.pk, row.heard_at = None, Now()
    Process.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["kind", "host", "pid"],
        update_fields=["queues", "slots", "started_at", "heard_at"],
    )


def bury(row: Process) -> None:
    """Forget who can't come back: processes of this machine that are no more, and those not heard of for an hour."""
    Process.objects.filter(heard_at__lt=Now() - _FORGOTTEN).delete()
    beside = Process.objects.filter(kind=row.kind, host=row.host).exclude(pid=row.pid)
    dead = [pk for pk, pid in beside.values_list("pk", "pid") if not _lives(pid)]
    Process.objects.filter(pk__in=dead).delete()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
