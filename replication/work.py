"""What the threads at one claimed piece of work share: whether to go on, how far it is, and what it has to tell."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from replication.journal import Journal

MOMENTS = 3.0  # seconds that the last word on a claim is good for, where something can't be taken back


class Halted(Exception):
    """The work isn't to go on: somebody asked for a stop, or another process has taken it over."""


@dataclass(slots=True)
class Work:
    """One claim. `speed` (KiB/s, up to 0: no limit) is the policy's, `peers` the tasks that share it; both are kept up
    to date by the heartbeat. So is `heard_at`, when the claim was known to hold last; `ask` asks now. Counters are
    bytes: `done` skipped, mounted and sent; `sent` over the wire. `disputed`: tags that the task has put, and that the
    destination says are on something else."""

    journal: Journal
    claim: str = field(default_factory=lambda: uuid.uuid4().hex)
    policy: int = 0
    speed: int = 0
    peers: int = 1
    total: int = 0
    done: int = 0
    sent: int = 0
    disputed: set[str] = field(default_factory=set)
    stop_asked: bool = False
    leaving: bool = False
    halted: threading.Event = field(default_factory=threading.Event)
    heard_at: float = field(default_factory=time.monotonic)
    ask: Callable[[], None] = lambda: None
    _is_over: bool = False
    _aborts: list[Callable[[], None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> None:
        """Go on, or raise Halted."""
        if self.halted.is_set():
            raise Halted

    def confirm(self) -> None:
        """Before what can't be taken back. A process that was paused comes back with a claim that is another's by now,
        and goes on before its heartbeat does. Raises Halted, and what the database does."""
        self.check()
        if time.monotonic() - self.heard_at > MOMENTS:
            self.ask()
            self.check()

    def pause(self, seconds: float) -> None:
        """Wait, but not for what is over. Raises Halted."""
        if self.halted.wait(seconds):
            raise Halted

    def advance(self, *, done: int = 0, sent: int = 0) -> None:
        with self._lock:
            self.done += done
            self.sent += sent

    def on_halt(self, abort: Callable[[], None]) -> None:
        """Have `abort` called, from another thread, when the work is halted: it ends calls that go on. At once where it
        has been by now."""
        with self._lock:
            self._aborts.append(abort)
            if not self.halted.is_set():
                return
        abort()

    def halt(self, *, stop_asked: bool, leaving: bool = False) -> None:
        """End it, unless it is over by itself: then what it worked with serves other work by now. `leaving`: another
        process is to go on with it."""
        with self._lock:
            if self._is_over or self.halted.is_set():
                return
            self.stop_asked, self.leaving = stop_asked, leaving
            self.halted.set()
            for abort in self._aborts:
                abort()

    def end(self) -> None:
        """It is over."""
        with self._lock:
            self._is_over = True
