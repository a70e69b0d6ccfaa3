"""The spool: deeds that have no transaction are appended to local files first, and carried into PostgreSQL later.

One file per process. One record is one line and one write() with O_APPEND, so the death of any process (kill -9
included) loses nothing that `write` returned for: the bytes are the kernel's by then. They are not synced to the disk
one by one, so a power cut or a kernel crash may cost the records of the last seconds (as long as the kernel holds dirty
pages back, 30 s by Linux's default). The directory must be on a local file system (flock, atomic append).

A writer holds a lock on its file for as long as it may still write there; see `audit.drain` for the reading end.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from django.conf import settings

from audit.drain import drain, on_drain
from audit.entry import RESULTS, Context, Result

__all__ = ["Record", "SpoolError", "drain", "on_drain", "write"]

ROTATE_BYTES = 8 * 1024 * 1024
ROTATE_SECONDS = 600.0

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=str).encode


class SpoolError(Exception):
    """The record could not be written (a full disk, a missing directory): the deed must be refused, with a 503."""


class Record(TypedDict):
    """What `write` takes: the words of `audit.record`, and `at` (seconds since the epoch) where it isn't now."""

    actor: str
    operation: str
    resource_type: str
    resource: str
    context: Context
    result: NotRequired[Result]
    project: NotRequired[str]
    detail: NotRequired[Mapping[str, Any]]
    at: NotRequired[float]


def write(event: Record) -> None:
    """Append one record to this process's spool file. SpoolError if that fails; then nothing was recorded."""
    _writer.write(_line(event))


def _line(event: Record) -> bytes:
    """One line of the spool: a JSON array in the order of `audit.entry.Entry`, ASCII only. Escaped when drained."""
    context = event["context"]
    result = event.get("result", "success")
    if result not in RESULTS:
        raise ValueError(f"{result!r} is no result of a deed: {', '.join(RESULTS)}")
    fields = (
        event.get("at") or time.time(),
        event["actor"][:256],
        context.address[:65],
        context.user_agent[:513],
        context.request_id[:65],
        event["operation"],
        event["resource_type"],
        event["resource"][:1025],
        event.get("project", "")[:256],
        result,
        event.get("detail") or {},
    )
    return _encode(fields).encode("ascii") + b"\n"


class _Writer:
    """This process's open spool file. Made at the first write, so that every forked process gets one of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fd = -1
        self._directory: Path | None = None
        self._size = 0
        self._rotate_at = 0.0

    def write(self, line: bytes) -> None:
        with self._lock:
            try:
                self._append(line)
            except OSError as error:
                raise SpoolError(f"cannot write to the audit spool: {error.strerror}") from error

    def _append(self, line: bytes) -> None:
        if not self._usable():
            self._reopen()
        written = os.write(self._fd, line)
        if written != len(line):  # the disk became full in the middle of the line
            self._take_back()
            raise OSError(28, "No space left on device")
        self._size += written

    def _usable(self) -> bool:
        """Whether the open file still takes records: not too big, not too old, and not deleted under us."""
        return (
            self._fd >= 0
            and self._size < ROTATE_BYTES
            and time.monotonic() < self._rotate_at
            and os.fstat(self._fd).st_nlink > 0
            and self._directory is settings.AUDIT_SPOOL
        )

    def _reopen(self) -> None:
        """Open a new file, and close the old one, which tells the drainer that no more will come there.

        The file gets its name only after it is locked: a drainer never sees one of ours unlocked.
        """
        directory = settings.AUDIT_SPOOL
        directory.mkdir(mode=0o700, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(8)}"
        new = directory / f"{name}.new"
        fd = os.open(new, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            new.rename(directory / f"{name}.spool")
        except OSError:
            os.close(fd)
            new.unlink(missing_ok=True)
            raise
        self.close()
        self._fd, self._size, self._directory = fd, 0, directory
        self._rotate_at = time.monotonic() + ROTATE_SECONDS

    def _take_back(self) -> None:
        """Remove the part of a line that was written; where even that fails, leave the file (its drainer skips it)."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


_writer = _Writer()


def _after_fork() -> None:
    """A child writes to a file of its own. Closing its copy of the parent's leaves the parent's lock in place."""
    global _writer
    inherited, _writer = _writer, _Writer()
    inherited.close()


os.register_at_fork(after_in_child=_after_fork)
