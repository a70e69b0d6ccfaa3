"""Starts the pieces, restarts one that dies together with what it left, and stops all in reverse order."""

import contextlib
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from deploy import processes
from deploy.layout import Layout
from deploy.probes import PUT_ASIDE, START_MARK
from deploy.problem import Problem

_HEALTHY_WITHIN = 60.0  # seconds
_STOPPED_WITHIN = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_STEADY = 10.0  # a piece that ran this long starts anew without a pause
_LOG_LIMIT = 16 * 1024 * 1024  # bytes; a larger log is put aside, one older file of the piece is kept

_Process = subprocess.Popen[bytes]


class Stopped(Exception):
    """A signal asked to stop while the start was still under way."""


def _nothing() -> None:
    return


@dataclass(frozen=True)
class Piece:
    """One program to keep running. `{data}` in its command becomes an open descriptor of `directory`."""

    name: str
    command: Sequence[str]
    healthy: Callable[[], bool]
    environment: Mapping[str, str]
    stop_signal: int = signal.SIGTERM
    user: str | None = None
    directory: Path | None = None
    before: Callable[[], None] = _nothing


@dataclass
class _Running:
    piece: Piece
    process: _Process | None = None
    started: float = 0.0
    pause: float = _FIRST_PAUSE
    due: float = 0.0  # when to start it again, while `process` is None

    def rest(self) -> None:
        """It ended: wait a little before it is started again, longer each time unless it ran well."""
        now = time.monotonic()
        if now - self.started > _STEADY:
            self.pause = _FIRST_PAUSE
        self.process, self.due = None, now + self.pause
        self.pause = min(2 * self.pause, _LONGEST_PAUSE)


@dataclass
class Supervisor:
    """The parent of all pieces. One thread; signals and ended children wake it through a pipe."""

    layout: Layout
    report: Callable[[str], None]
    lifeline: int | None = None  # a descriptor at whose end of file we stop, as if told to
    _running: dict[str, _Running] = field(default_factory=dict)
    _stopping: bool = False
    _wake: int = -1

    def __enter__(self) -> "Supervisor":
        processes.become_subreaper()
        _raise_file_limit()
        self._wake, writing = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._told_to_stop)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _told_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def start(self, pieces: Iterable[Piece]) -> None:
        """Start these and wait until each is healthy; Problem when one isn't."""
        batch = [_Running(piece) for piece in pieces]
        for running in batch:
            self._running[running.piece.name] = running
            running.process = self._spawn(running.piece)
            running.started = time.monotonic()
        for running in batch:
            self._await_health(running.piece, running.process)

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run a command to its end, its output in log/<name>.log; Problem when it fails."""
        process = self._spawn(Piece(name, command, lambda: True, environment))
        try:
            while process.poll() is None:
                self._sleep(0.5)
                self._check_stopping()
        finally:
            self._kill_rest(process)
            self.layout.pid_file(name).unlink(missing_ok=True)
        if process.returncode:
            raise Problem(f"{name} failed: {self._last_words(name)} (more in {self.layout.log(name)})")

    def watch(self) -> None:
        """Keep the pieces running until told to stop."""
        while not self._stopping:
            for running in self._running.values():
                self._look_after(running)
                self._shorten_log(running.piece.name)
            due = (running.due - time.monotonic() for running in self._running.values() if running.process is None)
            self._sleep(min(due, default=60.0))

    def stop(self) -> None:
        """Stop every piece, the last started first, each with its own signal and at last with SIGKILL."""
        for name in reversed(list(self._running)):
            running = self._running.pop(name)
            if running.process:
                self._end(running.process, running.piece.stop_signal)
            self.layout.pid_file(name).unlink(missing_ok=True)

    def _end(self, process: _Process, stop_signal: int) -> None:
        process.send_signal(stop_signal)
        deadline = time.monotonic() + _STOPPED_WITHIN
        while process.poll() is None and time.monotonic() < deadline:
            self._sleep(0.2)
        self._kill_rest(process)

    def _look_after(self, running: _Running) -> None:
        """Clear up after a piece that ended, and start it again when its pause is over."""
        if running.process is None:
            if time.monotonic() >= running.due:
                self._start_again(running)
        elif (status := running.process.poll()) is not None:
            self._kill_rest(running.process)
            running.rest()
            name = running.piece.name
            self.report(f"{name} {_how(status)}; starting it again (its log: {self.layout.log(name)})")

    def _start_again(self, running: _Running) -> None:
        running.started = time.monotonic()
        try:
            running.process = self._spawn(running.piece)
        except (Problem, OSError) as error:
            running.rest()
            self.report(f"{running.piece.name} does not start: {error}")

    def _spawn(self, piece: Piece) -> _Process:
        """Start the program in a session of its own, so that a Ctrl-C meant for us does not reach it."""
        piece.before()
        with contextlib.ExitStack() as opened:
            log = opened.enter_context(self._open_log(piece.name))
            command, descriptors = list(piece.command), []
            if piece.directory:
                descriptors = [os.open(piece.directory, os.O_RDONLY | os.O_DIRECTORY)]
                opened.callback(os.close, descriptors[0])
                command[command.index("{data}")] = f"/proc/self/fd/{descriptors[0]}"
            try:
                process = subprocess.Popen(
                    command,
                    env=dict(piece.environment),
                    cwd="/" if piece.user else None,
                    user=piece.user,
                    group=piece.user,
                    extra_groups=[] if piece.user else None,
                    pass_fds=descriptors,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise Problem(f"{error.filename} is missing: run `make install` as root.") from error
        processes.record(self.layout.pid_file(piece.name), process.pid)
        return process

    def _open_log(self, name: str) -> IO[bytes]:
        path = self.layout.log(name)
        if path.exists() and path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_name(path.name + ".1"))
        log = path.open("ab")
        log.write(f"{START_MARK}{time.strftime('%Y-%m-%dT%H:%M:%S%z')}\n".encode())
        log.flush()
        return log

    def _shorten_log(self, name: str) -> None:
        """Put a long log aside while its piece runs, for strangers can make some pieces write as much as they like.

        The piece holds the file open, to append: so the end of it is copied, and the file itself emptied.
        """
        path = self.layout.log(name)
        if not path.exists() or path.stat().st_size <= _LOG_LIMIT:
            return
        with contextlib.suppress(OSError), path.open("rb") as log:  # a full disk: then emptied without a copy
            log.seek(-_LOG_LIMIT, os.SEEK_END)
            path.with_name(path.name + ".1").write_bytes(log.read())
        os.truncate(path, 0)
        with contextlib.suppress(OSError), path.open("ab") as log:
            log.write(f"{PUT_ASIDE}{time.strftime('%Y-%m-%dT%H:%M:%S%z')}\n".encode())

    def _await_health(self, piece: Piece, process: _Process | None) -> None:
        deadline = time.monotonic() + _HEALTHY_WITHIN
        log = self.layout.log(piece.name)
        while not piece.healthy():
            self._check_stopping()
            if process and process.poll() is not None:
                raise Problem(f"{piece.name} did not start: {self._last_words(piece.name)} (more in {log})")
            if time.monotonic() > deadline:
                raise Problem(f"{piece.name} is not healthy after {_HEALTHY_WITHIN:.0f} seconds: see {log}")
            self._sleep(0.05)

    def _check_stopping(self) -> None:
        if self._stopping:
            raise Stopped

    def _kill_rest(self, process: _Process) -> None:
        """End what a main process leaves: its group, and orphans that made groups of their own (PostgreSQL's do)."""
        mains = {running.process.pid for running in self._running.values() if running.process} - {process.pid}
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            ours = [
                other
                for other in processes.all_processes()
                if other.pid not in mains and (other.group == process.pid or other.parent == os.getpid())
            ]
            rest = [other.pid for other in ours if other.alive]
            processes.send(rest, signal.SIGKILL)
            process.poll()
            self._reap(other.pid for other in ours if not other.alive and other.pid != process.pid)
            if not rest:
                break
            time.sleep(0.01)

    def _reap(self, orphans: Iterable[int]) -> None:
        for pid in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)

    def _sleep(self, seconds: float) -> None:
        """Sleep, but no longer than to the next signal, ended child or end of the lifeline."""
        watched = [self._wake] if self.lifeline is None else [self._wake, self.lifeline]
        ready, _, _ = select.select(watched, [], [], max(0.0, seconds))
        if self._wake in ready:
            os.read(self._wake, 4096)
        if self.lifeline in ready and not os.read(self.lifeline, 4096):
            self._stopping, self.lifeline = True, None

    def _last_words(self, name: str) -> str:
        """The last line a program wrote since its start: usually why it gave up."""
        text = self.layout.log(name).read_text(encoding="utf-8", errors="replace").rpartition(START_MARK)[2]
        lines = [line.strip() for line in text.splitlines()[1:] if line.strip()]
        return lines[-1][:300] if lines else "it said nothing"


def _how(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def _raise_file_limit() -> None:
    """nginx holds two descriptors a connection; the soft limit is often 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
