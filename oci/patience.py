"""When a call is made again, and after how long: what `Retry-After` says, else a wait that doubles."""

import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 60.0  # seconds that are waited within a call; who is told to come back later than that gets the error
_FIRST = 0.5
_LAST = 20.0
_MAX_DIGITS = 9


def retry_after(text: str | None, now: float | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, section 10.2.3): a number or a date; None for none."""
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:_MAX_DIGITS])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    present = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    return max((moment - present).total_seconds(), 0.0)


def back_off(attempt: int) -> float:
    """Seconds before the try after the `attempt`th, from 1 on: half a second, doubled each time, give or take half."""
    return min(_FIRST * 2.0 ** min(attempt - 1, 10), _LAST) * random.uniform(0.5, 1.5)  # noqa: S311
