"""Many small questions to one registry, sent without waiting for each answer (HTTP/1.1 pipelining, RFC 9112, 9.3.2).

A HEAD costs a registry a millisecond or so, and a general HTTP library here about as much. Whatever isn't answered
plainly is left to the caller, who asks it again in the ordinary way.
"""

import re
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from oci.digest import Digest
from oci.errors import DigestInvalid
from oci.transport import Broken, Request, Transport

WINDOW = 20  # questions on the way at a time
MAX_HEAD = 64 * 1024  # bytes of one answer
_PIECE = 64 * 1024
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})[ \r]")
_DIGEST = re.compile(rb"\r\ndocker-content-digest:[ \t]*([^ \t\r]+)[ \t]*\r", re.IGNORECASE)
_CLOSING = re.compile(rb"\r\nconnection:[^\r]*close", re.IGNORECASE)
_OK, _NOT_MODIFIED, _MISSING = 200, 304, 404
_BODILESS = frozenset({_OK, _NOT_MODIFIED, _MISSING})  # as they answer a HEAD


class Head(NamedTuple):
    """Of an answer what is looked at; `digest` as the registry wrote it, "" where it told none."""

    status: int
    digest: str


class Pipeline:
    """Connections for such questions to one registry. Thread-safe: each thread has one to itself."""

    def __init__(self, transport: Transport, size: int) -> None:
        self._transport = transport
        self._size = size
        self._idle: list[socket.socket] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for sock in idle:
            sock.close()

    def ask(self, requests: Sequence[Request], authorization: str | None) -> list[Head]:
        """The answers to these HEADs in their order, as far as they came and are usual ones."""
        answers: list[Head] = []
        while len(answers) < len(requests):
            kept, sock = self._take()
            if sock is None:
                break
            come = self._ask(sock, requests[len(answers) :], authorization)
            answers += come
            if not come and not kept:
                break
        return answers

    def _take(self) -> tuple[bool, socket.socket | None]:
        """A connection, and whether it is an older one, which the registry may have closed."""
        with self._lock:
            if self._idle:
                return True, self._idle.pop()
        try:
            return False, self._transport.connect()
        except (OSError, Broken):
            return False, None

    def _ask(self, sock: socket.socket, requests: Sequence[Request], authorization: str | None) -> list[Head]:
        answers: list[Head] = []
        try:
            reader = _Reader(sock)
            for start in range(0, len(requests), WINDOW):
                window = requests[start : start + WINDOW]
                sock.settimeout(self._transport.timeout)
                sock.sendall(b"".join(self._transport.head_of(each, authorization) for each in window))
                reader.until = time.monotonic() + self._transport.timeout
                for _ in window:
                    answers.append(reader.next())
        except (OSError, ValueError):
            sock.close()
            return answers
        self._give_back(sock)
        return answers

    def _give_back(self, sock: socket.socket) -> None:
        with self._lock:
            if len(self._idle) < self._size:
                self._idle.append(sock)
                return
        sock.close()


class _Reader:
    """Answers one after another. ValueError for one that is unusual, OSError for one that doesn't come in time."""

    def __init__(self, sock: socket.socket) -> None:
        self.until = float("-inf")
        self._sock = sock
        self._buffer = b""

    def next(self) -> Head:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD:
                raise ValueError("a head without end")
            self._sock.settimeout(max(self.until - time.monotonic(), 0.001))
            piece = self._sock.recv(_PIECE)
            if not piece:
                raise ConnectionError("the registry closed the connection")
            self._buffer += piece
        head, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
        return _parsed(head)


def _parsed(head: bytes) -> Head:
    head += b"\r"
    status = _STATUS.match(head)
    if status is None or int(status[1]) not in _BODILESS:
        raise ValueError("no usual answer")
    if _CLOSING.search(head):
        raise ValueError("the registry closes the connection")
    digest = _DIGEST.search(head)
    return Head(int(status[1]), digest[1].decode("latin-1") if digest else "")


def unless_on(digest: Digest, target: str, headers: Mapping[str, str]) -> Request:
    """The question for a manifest, if it is another than `digest`."""
    return Request(method="HEAD", target=target, headers={**headers, "If-None-Match": f'"{digest}"'})


def tags_on(
    expected: Mapping[str, Digest],
    ask: Callable[[Sequence[str]], list[Head]],
    ask_one: Callable[[str], Digest | None],
    *,
    known: bool,
) -> dict[str, Digest | None]:
    """What tags are on, None where there is none. `ask` asks for many at once, on the condition (If-None-Match) that
    they are not on the digest that is expected; `ask_one` in the ordinary way, which finds out how the registry wants
    to be asked: the first, unless that is `known`, then the first that isn't answered plainly, and what is left."""
    found: dict[str, Digest | None] = {}
    left = list(expected)
    for _ in range(2):
        if known:
            found |= _told(left, ask(left), expected)
            left = [tag for tag in left if tag not in found]
        if left:
            found[left[0]] = ask_one(left[0])
            left, known = left[1:], True
    return found | {tag: ask_one(tag) for tag in left}


def _told(tags: Sequence[str], heads: Sequence[Head], expected: Mapping[str, Digest]) -> dict[str, Digest | None]:
    found: dict[str, Digest | None] = {}
    for tag, head in zip(tags, heads, strict=False):
        digest = _digest_of(head)
        if head.status == _NOT_MODIFIED:
            found[tag] = expected[tag]
        elif head.status == _MISSING or digest is not None:
            found[tag] = digest
    return found


def _digest_of(head: Head) -> Digest | None:
    try:
        return Digest.parse(head.digest) if head.status == _OK else None
    except DigestInvalid:
        return None
