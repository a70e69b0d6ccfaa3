"""The reading end of the spool: carries its lines into PostgreSQL, each exactly once, whoever is killed when.

The records of a batch and the row that says how far the file was read are written in one transaction, so a drainer that
dies leaves either both or neither. A file goes when it was read to its end and its writer is gone (the lock is free).
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from audit.entry import Entry, from_line
from audit.journal import append
from audit.models import SpoolFile

logger = logging.getLogger(__name__)

BATCH_BYTES = 1024 * 1024
_LOCK = 0x52_53_41_44_52_41_49_4E  # pg advisory lock: one drainer at a time

Consumer = Callable[[Sequence[Entry]], None]
_consumers: list[Consumer] = []


class _Busy(Exception):
    """Another drainer holds the lock: it does the work."""


def on_drain(consumer: Consumer) -> Consumer:
    """Have `consumer` called with every batch of entries, in the transaction that stores them. May decorate."""
    if consumer not in _consumers:
        _consumers.append(consumer)
    return consumer


def drain() -> int:
    """Carry all that is spooled into the table; the number of records carried. Zero while another drainer is at it."""
    carried = 0
    offsets = dict(SpoolFile.objects.values_list("name", "offset"))
    with suppress(_Busy):
        for path in sorted(Path(settings.AUDIT_SPOOL).glob("*.spool")):
            carried += _drain_file(path, offsets.get(path.name, 0))
    return carried


def _drain_file(path: Path, known_offset: int) -> int:
    try:
        file = path.open("rb")
    except FileNotFoundError:  # another drainer finished it since we listed
        return 0
    with file:
        abandoned = _is_abandoned(file)  # asked before reading: whoever could write has written by then
        if not abandoned and os.fstat(file.fileno()).st_size <= known_offset:
            return 0
        carried = 0
        while (count := _carry_batch(path.name, file)) is not None:
            carried += count
        if abandoned:
            _finish(path, file)
    return carried


def _is_abandoned(file: BinaryIO) -> bool:
    """Whether no process can write to the file any more: its lock, held until then, is ours to take."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _carry_batch(name: str, file: BinaryIO) -> int | None:
    """Carry the next whole lines of the file; the number of records, or None where no whole line is left."""
    with transaction.atomic(durable=True):
        _lock_or_busy()
        offset = _offset(name)
        if os.fstat(file.fileno()).st_nlink == 0:  # finished by another drainer, its offset forgotten
            return None
        file.seek(offset)
        chunk = _whole_lines(file.read(BATCH_BYTES))
        if not chunk:
            return None
        entries = _entries(chunk, name, offset)
        append(entries)
        _set_offset(name, offset + len(chunk))
        _tell_consumers(entries)
    return len(entries)


def _whole_lines(chunk: bytes) -> bytes:
    """`chunk` up to its last line's end. A full chunk without any is no line of ours: all of it is passed over."""
    end = chunk.rfind(b"\n") + 1
    return chunk[:end] if end or len(chunk) < BATCH_BYTES else chunk


def _lock_or_busy() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        row = cursor.fetchone()
    if not (row and row[0]):
        raise _Busy


def _offset(name: str) -> int:
    return SpoolFile.objects.filter(name=name).values_list("offset", flat=True).first() or 0


def _set_offset(name: str, offset: int) -> None:
    SpoolFile.objects.update_or_create(name=name, defaults={"offset": offset})


def _entries(chunk: bytes, name: str, offset: int) -> list[Entry]:
    """The entries of whole lines. A line that makes no sense (half of one before a power cut) is logged and passed."""
    entries = []
    for line in chunk.splitlines(keepends=True):
        try:
            entries.append(from_line(line))
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError, OSError) as error:
            logger.error("Audit spool %s: no record at byte %d (%s), passed over", name, offset, type(error).__name__)  # noqa: TRY400
        offset += len(line)
    return entries


def _tell_consumers(entries: Sequence[Entry]) -> None:
    """Let each consumer do its part. What the database refuses for now (a deadlock, a lost connection) undoes the batch
    and is tried again; a consumer that is broken loses its part and must not keep the trail from being carried.
    """
    for consumer in _consumers if entries else ():
        try:
            with transaction.atomic():
                consumer(entries)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("Audit drain: %s failed for %d records", consumer, len(entries))


def _finish(path: Path, file: BinaryIO) -> None:
    """Remove a file that was carried whole, for good, and only then forget how far it was read: never the reverse, or
    the file would be carried twice. Killed in between, one row too many stays behind, which is harmless.
    """
    torn = os.fstat(file.fileno()).st_size - _offset(path.name)
    if torn > 0:
        logger.error("Audit spool %s: its last %d bytes are no whole record, passed over", path.name, torn)
    path.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    SpoolFile.objects.filter(name=path.name).delete()
