"""Of a machine's processes one at a time speaks to the directory (or to the OpenID provider), and a server that failed
is left alone for a while.

A web process serves one request at a time. Were all of them waiting for a directory that hangs, nobody would be
served; so the others are told at once that it is busy, and go on with those who don't need it.
"""

import fcntl
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from django.conf import settings

_PATIENCE = 0.5  # seconds to wait for a turn; a directory that is well answers in hundredths
_STEP = 0.01

logger = logging.getLogger(__name__)


class Busy(Exception):
    """Another process speaks to the same servers, for longer than it should take."""


@contextmanager
def turn(whose: str = "directory", *, patience: float = _PATIENCE) -> Iterator[dict[str, float]]:
    """Hold the machine's one turn with the directory, or the provider. Yields until when each server rests (URL to
    seconds since the epoch), for the holder to change: it is kept for the next one. Raises Busy."""
    path = settings.HOME / "run" / whose
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        _lock(file, patience)
        rests = _read(file)
        before = dict(rests)
        try:
            yield rests
        finally:
            if rests != before:
                file.seek(0)
                file.truncate()
                json.dump(rests, file)
                file.flush()  # the lock goes with the file's close


def forget(whose: str = "directory") -> None:
    """No server rests any more."""
    with turn(whose) as rests:
        rests.clear()


def _lock(file: IO[str], patience: float) -> None:
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise Busy from None
            time.sleep(_STEP)
        else:
            return


def _read(file: IO[str]) -> dict[str, float]:
    file.seek(0)
    try:
        return {str(url): float(until) for url, until in json.loads(file.read() or "{}").items()}
    except (ValueError, TypeError, AttributeError):  # a process died as it wrote
        logger.warning("which servers rest can't be read; all of them are tried")
        return {}
