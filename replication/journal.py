"""What a task tells of itself: lines for people, gathered by its threads and written together, bounded in number."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from replication.models import LogLine

MOST = 500  # lines of a task's attempt; then only warnings, and of those as many again
LONGEST = 2000  # characters of a line


class Journal:
    """The lines of one task, or (`task` None) of nothing. Thread-safe. They are in the database after `flush`."""

    def __init__(self, task: int | None) -> None:
        self._task = task
        self._lines: list[LogLine] = []
        self._count = 0
        self._lock = threading.Lock()

    def info(self, text: str) -> None:
        self._add("INFO", text, MOST)

    def warning(self, text: str) -> None:
        self._add("WARNING", text, 2 * MOST)

    def error(self, text: str) -> None:
        self._add("ERROR", text, 2 * MOST)

    def _add(self, level: str, text: str, most: int) -> None:
        with self._lock:
            self._count += 1
            if self._count == MOST:
                text, level = "more is going on than there is room to tell: from here on, problems only", "INFO"
            if self._task is not None and self._count <= most:
                at = datetime.now(UTC)
                self._lines.append(LogLine(task_id=self._task, at=at, level=level, text=plain(text)[:LONGEST]))

    def flush(self) -> None:
        """Write what was gathered. The heartbeat does so too."""
        with self.taken() as lines:
            if lines:
                LogLine.objects.bulk_create(lines)

    @contextmanager
    def taken(self) -> Iterator[list[LogLine]]:
        """What was gathered, to be written within the block; it is kept for the next time when that fails."""
        with self._lock:
            lines, self._lines = self._lines, []
        try:
            yield lines
        except BaseException:
            with self._lock:
                self._lines[:0] = lines
            raise


def plain(text: str) -> str:
    """One line that can be kept and shown: what registries answer may have anything in it."""
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)


def size_words(size: int) -> str:
    """Bytes for people: 0 B, 12.5 KiB, 3.0 GiB."""
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":  # noqa: PLR2004
            break
        amount /= 1024
    return f"{int(amount)} B" if unit == "B" else f"{amount:.1f} {unit}"
