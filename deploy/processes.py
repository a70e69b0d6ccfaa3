"""Facts about processes from /proc: who a recorded pid is, what hangs below it, and ending all of it."""

import ctypes
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Process:
    """One row of /proc/<pid>/stat: `started` counts ticks since boot and tells a pid from its next owner."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    started: int

    @property
    def alive(self) -> bool:
        return self.state not in "ZX"


def look_up(pid: int) -> Process | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return Process(pid, fields[0], int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]))


def all_processes() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (found := look_up(int(entry.name))):
            yield found


def become_subreaper() -> None:
    """Orphans below us become our children rather than init's, so that none gets lost (prctl(2))."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def record(path: Path, pid: int) -> None:
    """Write a pid file that names this very process: pid, start time, boot."""
    found = look_up(pid)
    path.write_text(f"{pid} {found.started if found else 0} {_boot()}\n", encoding="ascii")


def recorded(path: Path) -> Process | None:
    """The living process a pid file names; None if it has ended, or the pid is another's by now."""
    noted = _noted(path)
    found = look_up(noted[0]) if noted else None
    return found if found and found.alive and noted == (found.pid, found.started) else None


def remnants(path: Path) -> set[int]:
    """Everything left of the piece in a pid file: its main process, all below it, and its process group.

    The group counts even when the main process is gone: its number cannot be given anew while a member lives.
    """
    noted = _noted(path)
    if noted is None:
        return set()
    pid, started = noted
    main = look_up(pid)
    if main and main.started != started:
        return set()
    return {process.pid for process in all_processes() if process.alive and process.group == pid} | descendants(pid)


def descendants(pid: int) -> set[int]:
    """Every living process below `pid`."""
    below: dict[int, list[int]] = {}
    for process in all_processes():
        if process.alive:
            below.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        children = below.get(waiting.pop(), [])
        found.update(children)
        waiting.extend(children)
    return found


def send(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def end_leftover(path: Path, stop_signal: int, patience: float = 10.0) -> bool:
    """End what an earlier stack left behind under this pid file; True if there was something."""
    left = remnants(path)
    if main := recorded(path):
        send([main.pid], stop_signal)
        deadline = time.monotonic() + patience
        while remnants(path) and time.monotonic() < deadline:
            time.sleep(0.05)
    send(remnants(path), signal.SIGKILL)
    path.unlink(missing_ok=True)
    return bool(left)


def _noted(path: Path) -> tuple[int, int] | None:
    """Pid and start time in a pid file of this boot."""
    try:
        pid, started, boot = path.read_text(encoding="ascii").split()
    except (FileNotFoundError, ValueError):
        return None
    return (int(pid), int(started)) if boot == _boot() else None


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
