"""A cable between two pieces: it counts what goes through, and is slowed, cut or made to swallow it on command."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

PIECE = 64 * 1024  # bytes
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding:[ \t]*chunked[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_UPLOADS = re.compile(r"/v2/.+/blobs/uploads/?")
_UPLOAD = re.compile(r"/v2/.+/blobs/uploads/.+")


@dataclass
class Asked:
    """A request that has gone through; `sent` are the bytes of its body so far."""

    method: str
    target: str
    sent: int = 0

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def digest(self) -> str:
        """What the request commits an upload as."""
        return parse_qs(urlsplit(self.target).query).get("digest", [""])[0]


class Reader:
    """Follows one client's side of HTTP/1.1 and tells of each request; bodies by length or in chunks."""

    def __init__(self, tell: Callable[[Asked], None]) -> None:
        self._tell = tell
        self._kept = b""
        self._asked = Asked("", "")
        self._left = 0  # bytes of the body, or of its chunk
        self._chunked = False

    def feed(self, piece: bytes) -> None:
        self._kept += piece
        while self._kept and self._step():
            pass

    def _step(self) -> bool:
        """Take one part of what is kept; False when it isn't whole yet."""
        if self._left:
            taken = min(self._left, len(self._kept))
            self._kept, self._left = self._kept[taken:], self._left - taken
            self._asked.sent += taken
            return True
        return self._chunk() if self._chunked else self._head()

    def _head(self) -> bool:
        head, end, rest = self._kept.partition(_HEAD_END)
        if not end:
            return False
        method, target, _ = head.partition(b"\r\n")[0].decode("latin-1").split(" ", 2)
        length = _LENGTH.search(head + b"\r\n")
        self._asked = Asked(method, target)
        self._left = int(length[1]) if length else 0
        self._chunked = _CHUNKED.search(head + b"\r\n") is not None
        self._kept = rest
        self._tell(self._asked)
        return True

    def _chunk(self) -> bool:
        """The line before a chunk; the line end that follows the chunk before it is an empty line."""
        line, end, rest = self._kept.partition(b"\r\n")
        if not end:
            return False
        if not line:
            self._kept = rest
            return True
        size = int(line.partition(b";")[0], 16)
        if size:
            self._kept, self._left = rest, size
            return True
        if not rest.startswith(b"\r\n"):
            return False  # the rest is to come: nobody here sends trailers
        self._kept, self._chunked = rest[2:], False
        return True


@dataclass
class Cable:
    """Connect to `url` instead of to what listens on `port` behind it. Use it in a `with`.

    `pace` is in bytes a second, of both directions and all connections together; None is as fast as it goes.
    `swallows`: connections are taken and kept, and nothing goes through. `cuts`: bytes towards the far end, counted
    over all connections, at which every connection is cut, once each.
    """

    port: int
    pace: float | None = None
    swallows: bool = False
    cuts: list[int] = field(default_factory=list)
    sent: int = 0  # to the far end; heads and all
    received: int = 0
    asked: list[Asked] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _lines: set[socket.socket] = field(default_factory=set)

    def __enter__(self) -> Cable:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Every connection is gone at once, for both of its ends."""
        with self._lock:
            lines, self._lines = self._lines, set()
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    # What went through

    @property
    def uploaded(self) -> int:
        """Bytes of blobs that went to the far end, in whatever requests."""
        return sum(each.sent for each in self._uploads())

    def uploading(self) -> int:
        """Bytes of the largest upload request so far."""
        return max((each.sent for each in self._uploads()), default=0)

    def sent_of(self) -> Counter[str]:
        """Those bytes by the digest that the upload was committed as; "" for uploads that never were."""
        asked = list(self._uploads())
        digests = {each.path: each.digest for each in asked if each.digest}
        found: Counter[str] = Counter()
        for each in asked:
            found[digests.get(each.path, "")] += each.sent
        return found

    @property
    def committed(self) -> Counter[str]:
        """How often each digest was committed: a mount isn't a commit."""
        return Counter(each.digest for each in self._uploads() if each.digest)

    def count(self, method: str, part: str) -> int:
        """Requests of `method` with `part` in their path."""
        return sum(each.method == method and part in each.path for each in list(self.asked))

    def forget(self) -> None:
        """Count from here on."""
        with self._lock:
            self.asked.clear()
            self.sent = self.received = 0

    def _uploads(self) -> Iterator[Asked]:
        """Requests that may carry a blob: to an upload, or the POST that is the whole of one."""
        for each in list(self.asked):
            whole = each.method == "POST" and each.digest and _UPLOADS.fullmatch(each.path)
            if whole or (each.method in {"PATCH", "PUT"} and _UPLOAD.fullmatch(each.path)):
                yield each

    # How it goes through

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        for line in (near, far):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._lines |= {near, far}
        reader = Reader(self.asked.append)
        back = threading.Thread(target=self._pump, args=(far, near, self._came), daemon=True)
        back.start()
        self._pump(near, far, lambda piece: self._went(piece, reader))
        back.join()
        with self._lock:
            self._lines -= {near, far}
        near.close()
        far.close()

    def _pump(self, source: socket.socket, target: socket.socket, count: Callable[[bytes], None]) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                self._wait(len(piece))
                count(piece)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
            return
        for line in (source, target):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _wait(self, size: int) -> None:
        """Hold a piece back: one at a time where there is a pace, so that it is shared."""
        while self.swallows and not self._ended.wait(0.02):
            pass
        if self.pace is None:
            return
        with self._turn:
            end = time.monotonic() + size / self.pace
            while self.pace is not None and (left := end - time.monotonic()) > 0 and not self._ended.is_set():
                self._ended.wait(min(left, 0.05))

    def _went(self, piece: bytes, reader: Reader) -> None:
        with self._lock:
            self.sent += len(piece)
            reached = [mark for mark in self.cuts if mark <= self.sent]
            for mark in reached:
                self.cuts.remove(mark)
        reader.feed(piece)
        if reached:
            self.cut()

    def _came(self, piece: bytes) -> None:
        with self._lock:
            self.received += len(piece)


@contextmanager
def cable_to(url: str) -> Iterator[Cable]:
    """A cable to the server at this URL."""
    with Cable(urlsplit(url).port or 80) as cable:
        yield cable
