"""How many rows a list has: exact while they are few, remembered for a while when counting them would cost."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from typing import Any

from django.db.models import QuerySet

FEW = 1000  # rows that are counted at each request
SECONDS = 30.0  # how old the total of a longer list may be
_KEPT = 1000  # totals in a process

_remembered: OrderedDict[bytes, tuple[float, int]] = OrderedDict()


def count(rows: QuerySet[Any], *, at_most: int | None = None) -> int:
    """The number of `rows`, or `at_most` if there are more."""
    plain = rows.order_by() if at_most is None else rows.order_by()[:at_most]
    few = plain[: FEW + 1].count()
    return few if few <= FEW else _long(plain)


def forget() -> None:
    """Count anew at the next question."""
    _remembered.clear()


def _long(rows: QuerySet[Any]) -> int:
    sql, parameters = rows.query.sql_with_params()
    key = hashlib.sha256(repr((sql, parameters)).encode(errors="surrogatepass")).digest()
    until, total = _remembered.get(key, (0.0, 0))
    if until <= time.monotonic():
        total = rows.count()
        _remembered[key] = time.monotonic() + SECONDS, total
        _remembered.move_to_end(key)
        if len(_remembered) > _KEPT:
            _remembered.popitem(last=False)
    return total
