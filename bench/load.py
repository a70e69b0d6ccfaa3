"""Load that costs the client little: wrk for small answers, for large ones a reader whose bytes the kernel discards."""

import json
import resource
import selectors
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 8
SCRIPT = Path(__file__).with_name("wrk.lua")
HEAD_LIMIT = 16 * 1024
BITE = 4 << 20
TIMEOUT = 30  # seconds


class LoadError(Exception):
    """A server answered something else than the success that was to be measured."""


@dataclass(frozen=True)
class Load:
    """What the clients saw. `client` is the CPU seconds the load generator itself took, for information."""

    requests: int
    bytes: int
    seconds: float
    client: float = 0.0


@dataclass(frozen=True)
class Numbers:
    """Paths that differ by a number: `template` (as in Lua's string.format) of 0, step, 2·step … `amount` of them."""

    template: str
    step: int
    amount: int


def wrk(
    url: str, *, headers: Mapping[str, str], seconds: int, numbers: Numbers | None = None, paths: Path | None = None
) -> Load:
    """Keep eight connections busy for `seconds` with GETs of `url`, or there of the paths of `numbers`, or of those
    that the lines of the file `paths` are."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", f"{TIMEOUT}s", "-s", str(SCRIPT)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    before = _children_cpu()
    command += [url, *([numbers.template, str(numbers.step), str(numbers.amount)] if numbers else [])]
    command += ["--", "--paths", str(paths)] if paths else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    if done.returncode:
        raise LoadError(f"wrk failed at {url}: {done.stderr[-500:]}")  # its command line has a credential
    return read_summary(done.stdout, url, client=_children_cpu() - before)


def read_summary(text: str, url: str, *, client: float = 0.0) -> Load:
    """Turn the line of wrk.lua into a Load; one failed answer in a thousand spoils the pass."""
    line = next((line for line in text.splitlines() if line.startswith("SUMMARY ")), None)
    if line is None:
        raise LoadError(f"wrk said nothing about {url}: {text[-500:]}")
    seen = json.loads(line.removeprefix("SUMMARY "))
    bad = seen["status"] + seen["failed"]
    if not seen["requests"] or bad > seen["requests"] / 1000:
        raise LoadError(f"{bad} of {seen['requests']} requests to {url} failed")
    return Load(seen["requests"] - seen["status"], seen["bytes"], seen["microseconds"] / 1e6, client)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class _Reader:
    """One keep-alive connection: sends its request again as soon as the last answer is in."""

    def __init__(self, address: tuple[str, int], request: bytes, selector: selectors.BaseSelector) -> None:
        self.address = address
        self.request = request
        self.selector = selector
        self.head = b""
        self.left = 0
        self.answers = 0
        self.ends = False
        self.open()

    def open(self) -> None:
        self.socket = socket.create_connection(self.address, timeout=TIMEOUT)
        self.selector.register(self.socket, selectors.EVENT_READ, self)

    def close(self) -> None:
        self.selector.unregister(self.socket)
        self.socket.close()

    def ask(self) -> None:
        self.socket.sendall(self.request)

    def read(self, scratch: bytearray) -> int:
        """Take what has come; returns how many bytes of bodies that were."""
        return self._read_body(scratch) if self.left else self._read_head()

    def _read_head(self) -> int:
        data = self.socket.recv(HEAD_LIMIT)
        if not data:
            raise LoadError("the server closed the connection")
        self.head += data
        head, end, rest = self.head.partition(b"\r\n\r\n")
        if not end:
            return 0
        self.head = b""
        self.left = body_length(head) - len(rest)
        self.ends = b"\r\nconnection: close" in head.lower()
        self._next_if_done()
        return len(rest)

    def _read_body(self, scratch: bytearray) -> int:
        # MSG_TRUNC on TCP (tcp(7)): the kernel throws the bytes away instead of copying them.
        got = self.socket.recv_into(scratch, min(self.left, len(scratch)), socket.MSG_TRUNC)
        if not got:
            raise LoadError("the server closed the connection within a body")
        self.left -= got
        self._next_if_done()
        return got

    def _next_if_done(self) -> None:
        if self.left == 0:
            self.answers += 1
            if self.ends:  # a server may end a connection after some thousands of answers
                self.close()
                self.open()
            self.ask()


def body_length(head: bytes) -> int:
    """The Content-Length of a 200; anything else is not what was to be measured."""
    status, *lines = head.split(b"\r\n")
    if status.split(b" ")[1:2] != [b"200"]:
        raise LoadError(f"expected 200, got {status!r}")
    lengths = [int(line.partition(b":")[2]) for line in lines if line.lower().startswith(b"content-length:")]
    if len(lengths) != 1 or lengths[0] == 0:
        raise LoadError(f"expected one Content-Length, got {lengths}")
    return lengths[0]


def discard(url: str, *, headers: Mapping[str, str], seconds: float) -> Load:
    """Read `url` on eight connections for `seconds`, discarding the bodies in the kernel."""
    parts = urlsplit(url)
    head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": parts.netloc, **headers}.items())
    request = f"GET {parts.path} HTTP/1.1\r\n{head}\r\n".encode()
    address = parts.hostname or "", parts.port or 80
    with selectors.DefaultSelector() as selector:
        readers = [_Reader(address, request, selector) for _ in range(CONNECTIONS)]
        try:
            return _drive(selector, readers, seconds)
        finally:
            for reader in readers:
                reader.close()


def _drive(selector: selectors.BaseSelector, readers: list[_Reader], seconds: float) -> Load:
    scratch = bytearray(BITE)
    begun, client = time.monotonic(), time.process_time()
    for reader in readers:
        reader.ask()
    received = 0
    while (now := time.monotonic()) < begun + seconds:
        ready = selector.select(TIMEOUT)
        if not ready:
            raise LoadError(f"nothing came for {TIMEOUT} seconds")
        received += sum(key.data.read(scratch) for key, _ in ready)
    requests = sum(reader.answers for reader in readers)
    return Load(requests, received, now - begun, time.process_time() - client)
