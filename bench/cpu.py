"""CPU time and memory of process trees, read from /proc."""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")


def tree(roots: Iterable[int]) -> set[int]:
    """The processes `roots` and everything that descends from them, as far as it lives."""
    children = defaultdict(list)
    for directory in PROC.iterdir():
        if directory.name.isdigit() and (fields := stat_fields(int(directory.name))):
            children[int(fields[1])].append(int(directory.name))
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting.extend(children[pid])
    return found


def seconds(roots: Iterable[int]) -> float:
    """User and system time of the whole trees, including children that ended and were waited for.

    A child that ends moves from its own line to its parent's `cutime` and `cstime`, so the sum never falls.
    """
    ticks = 0
    for pid in tree(roots):
        if fields := stat_fields(pid):
            ticks += sum(int(value) for value in fields[11:15])
    return ticks / TICK


def resident(pid: int) -> int:
    """VmRSS in bytes; 0 when the process is gone."""
    try:
        status = (PROC / str(pid) / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def stat_fields(pid: int) -> list[str]:
    """/proc/<pid>/stat after the command's name (proc(5)): [0] state, [1] ppid, [11..14] utime stime cutime cstime."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()
