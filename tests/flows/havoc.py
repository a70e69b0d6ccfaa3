"""Doing harm to a stack: killing and freezing its pieces, filling its disk; and judging what survived."""

import itertools
import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from tests.flows.conformance import pushes
from tests.flows.content import Content, image
from tests.flows.stacks import Running, eventually
from tests.flows.wire import Refused, Wire, digest_of

PIECES = ["web", "nginx", "registry", "redis", "postgres"]


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in task.read_text().split():
                found += family(int(child))
    return found


def send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def kill(stack: Running, piece: str) -> int | None:
    """kill -9 of a piece's first process: its children are left to notice by themselves."""
    pid = stack.pid_of(piece)
    if pid:
        send([pid], signal.SIGKILL)
    return pid


def comes_again(stack: Running, piece: str, before: int | None) -> None:
    """Wait for another process of a piece than the one that was killed."""
    eventually(lambda: stack.pid_of(piece) not in {None, before}, f"{piece} was not started again")


@contextmanager
def frozen(stack: Running, piece: str) -> Iterator[None]:
    """Every process of a piece stopped: it still has its sockets, and never answers."""
    pid = stack.pid_of(piece)
    assert pid, f"{piece} does not run"
    pids = family(pid)
    send(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        send(pids, signal.SIGCONT)


@contextmanager
def held_down(stack: Running, piece: str) -> Iterator[None]:
    """A piece that is killed again as often as the stack starts it anew."""
    done = threading.Event()

    def kill_all() -> None:
        pid = stack.pid_of(piece)
        if pid:
            send(family(pid), signal.SIGKILL)

    def keep_killing() -> None:
        while not done.wait(0.02):
            kill_all()

    kill_all()
    thread = threading.Thread(target=keep_killing)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[Path]:
    """A file system of its own, as small as wanted, mounted at `directory`."""
    directory.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "none", str(directory)], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


@dataclass
class Pushers:
    """Clients that push at once, each image to a tag of its own, and remember what they were told."""

    stack: Running
    project: str
    wanted: int  # at least so many, and until `enough` is set
    clients: int = 4
    enough: threading.Event = field(default_factory=threading.Event)
    succeeded: list[tuple[str, Content]] = field(default_factory=list)
    failed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(self) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._client, args=(place,)) for place in range(self.clients)]
        for thread in threads:
            thread.start()
        return threads

    def done(self) -> bool:
        with self._lock:
            return self.enough.is_set() and len(self.succeeded) >= self.wanted

    def _client(self, place: int) -> None:
        wire, pause = self.stack.wire(), threading.Event()
        repository = f"{self.project}/app-{place % 2}"
        while not self.done() and self.failed < 100 * self.wanted:
            content = image(layers=2, size=100_000)
            with self._lock:
                content.tags = {f"t{next(self._numbers)}": content.top.digest}
            try:
                pushes.push_content(wire, repository, content)
            except (Refused, urllib3.exceptions.HTTPError, KeyError):
                with self._lock:
                    self.failed += 1
                wire.forget_tokens()
            else:
                with self._lock:
                    self.succeeded.append((repository, content))
            pause.wait(0.2)


def kill_at_random(pushers: Pushers, kills: int, seed: int) -> list[str]:
    """kill -9 of pieces at random moments while the clients push; the pieces killed, in order."""
    chance, killed, pause, stack = random.Random(seed), [], threading.Event(), pushers.stack
    threads = pushers.start()
    try:
        for piece in _each_in_turn(chance, kills):
            pause.wait(chance.uniform(0.1, 1.5))
            before = kill(stack, piece)
            killed.append(piece)
            comes_again(stack, piece, before)
    finally:
        pushers.enough.set()
        for thread in threads:
            thread.join()
    return killed


def _each_in_turn(chance: random.Random, kills: int) -> list[str]:
    """So many pieces, every one of them as often as the others, in an order left to chance."""
    pieces: list[str] = []
    while len(pieces) < kills:
        pieces += chance.sample(PIECES, len(PIECES))
    return pieces[:kills]


def assert_pulled_back(wire: Wire, repository: str, content: Content) -> None:
    for tag, digest in content.tags.items():
        answer = pushes.get_manifest(wire, repository, tag).expect(200)
        answer.expect_body(content.manifest(digest).payload)
    for digest, payload in content.blobs.items():
        wire.fetch(pushes.blob_path(repository, digest)).expect(200).expect_body(payload)


def assert_whole(wire: Wire, repository: str) -> int:
    """Every tag that is listed resolves, down to the last byte of its blobs; how many there are."""
    answer = wire.request("GET", f"/v2/{repository}/tags/list").expect(200, 404)
    tags = answer.json()["tags"] if answer.status == 200 else []
    for tag in tags:
        manifest = pushes.get_manifest(wire, repository, tag).expect(200)
        document = manifest.json()
        for descriptor in [document["config"], *document["layers"]]:
            blob = wire.fetch(pushes.blob_path(repository, descriptor["digest"])).expect(200)
            assert digest_of(blob.body) == descriptor["digest"], f"{repository}:{tag} holds a broken blob"
    return len(tags)
