"""Keeps what anybody can cause without an account (failed logins, refused tokens) from filling trail and disk."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from audit import spool
from audit.entry import Context, Result
from audit.spool import Record

WINDOW = 60.0  # seconds
EACH = 60  # refusals of one kind from one address that are recorded one by one in a window
_ORIGINS = 4096  # addresses remembered at once


@dataclass
class _Count:
    since: float
    seen: int = 0
    recorded: int = 0


class _Restraint:
    """How many refusals of each kind came from each address lately, in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[str, ...], _Count] = OrderedDict()

    def weight(self, key: tuple[str, ...], now: float) -> int:
        """How many refusals the record to be written now stands for; 0 when none is to be written.

        One by one at first, then only at each doubling: the count that is lost with the process is never more
        than what was recorded.
        """
        with self._lock:
            count, left = self._counts.get(key), 0
            if count is None or now - count.since >= WINDOW:
                left = count.seen - count.recorded if count else 0
                count = self._counts[key] = _Count(now)
            self._counts.move_to_end(key)
            if len(self._counts) > _ORIGINS:
                self._counts.popitem(last=False)
            count.seen += 1
            if EACH < count.seen < 2 * count.recorded:
                return 0
            weight, count.recorded = left + count.seen - count.recorded, count.seen
            return weight

    def forget(self) -> None:
        self._counts.clear()


_restraint = _Restraint()


def write_refusal(event: Record) -> None:
    """`spool.write` for a refusal; of many like it from one address some are counted in another's `detail` only."""
    key = (_origin(event["context"].address), event["operation"], event["resource_type"], event.get("result", ""))
    weight = _restraint.weight(key, time.monotonic())
    if weight == 1:
        spool.write(event)
    elif weight:
        spool.write({**event, "detail": {**event.get("detail", {}), "times": weight}})


def write_failed_login(username: str, context: Context, result: Result) -> None:
    """Record a login that was refused ("failure") or held back ("denied")."""
    write_refusal(
        {
            "actor": username,
            "operation": "login",
            "resource_type": "user",
            "resource": username,
            "context": context,
            "result": result,
        }
    )


def _origin(address: str) -> str:
    """Who is counted together: an IPv4 address, or the /64 network that one IPv6 host can choose addresses from."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))  # noqa: PLR2004


def forget() -> None:
    """Begin to count anew, like a process that has just started."""
    _restraint.forget()
