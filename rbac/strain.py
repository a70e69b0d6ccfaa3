"""Bounds what failed logins cost everybody: each is worth a quarter of a second of a web process, and anybody can fail.

Unlike `backoff`, which protects one account, this counts all names together, in the process's own memory. A login that
is remembered or succeeds costs nothing here, so that a hundred machines may sign in at once.
"""

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from rbac.backoff import BackOff, origin

_ORIGINS = 4096  # addresses remembered at once
_EVERYBODY = ""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Failures that may come at once, and how many a second come back."""

    burst: float
    rate: float


ADDRESS = Allowance(burst=20, rate=0.5)
ALL = Allowance(burst=60, rate=2)  # half of a process's time at most


class _Strain:
    """What is left of the allowances: token buckets by origin, as (what was left, when)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def left(self, key: str, now: float) -> float:
        allowance = _allowance(key)
        left, then = self._left.get(key, (allowance.burst, now))
        return min(allowance.burst, left + (now - then) * allowance.rate)

    def spend(self, key: str, now: float) -> None:
        with self._lock:
            self._left[key] = self.left(key, now) - 1, now
            self._left.move_to_end(key)
            if len(self._left) > _ORIGINS:
                self._left.popitem(last=False)

    def forget(self) -> None:
        self._left.clear()


_strain = _Strain()


def check(address: str) -> None:
    """Raise BackOff while failures from `address`, or from everywhere together, have used up their allowance."""
    now = time.monotonic()
    for key in (origin(address), _EVERYBODY):
        lacking = 1 - _strain.left(key, now)
        if lacking > 0:
            raise BackOff(math.ceil(lacking / _allowance(key).rate))


def fail(address: str) -> None:
    """Count a login that failed after its password was hashed."""
    now = time.monotonic()
    for key in (origin(address), _EVERYBODY):
        _strain.spend(key, now)


def forget() -> None:
    """Begin anew, like a process that has just started."""
    _strain.forget()


def _allowance(key: str) -> Allowance:
    return ALL if key == _EVERYBODY else ADDRESS
