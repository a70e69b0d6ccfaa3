"""HTTP to registries and to the storage behind them: the only importer of urllib3, used by `oci.client` alone.

Bodies are streamed both ways, a piece at a time; every answer is read to its end or its connection dropped; every
failure is one of `oci.errors`.
"""

import io
import json
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from oci.errors import RangeInvalid, SizeInvalid, Unavailable, from_answer


@runtime_checkable
class Readable(Protocol):
    """A file, or a web server's input."""

    def read(self, size: int, /) -> bytes: ...


Body = bytes | Readable | Iterator[bytes]
Response = urllib3.BaseHTTPResponse

PIECE = 256 * 1024
MAX_ANSWER = 4 * 1024 * 1024
MAX_REDIRECTS = 3

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_IDEMPOTENT = frozenset({"GET", "HEAD", "DELETE"})
_UNSATISFIABLE = 416
_STORAGE_ANSWERS = _REDIRECTS | {200, 206, 404, _UNSATISFIABLE}


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call to be made. `length` of a body that is no bytes: unknown when None, then it is sent chunked."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    length: int | None = None
    timeout: float | None = None
    idempotent: bool = False

    @property
    def may_repeat(self) -> bool:
        return self.idempotent or self.method in _IDEMPOTENT


class BlobStream(Iterator[bytes]):
    """The bytes of a blob, piece by piece; `length` is how many come from where it opens, None if unknown.

    Use it to the end, or in a `with`, or call `close`. Raises Unavailable when the bytes stop coming.
    """

    def __init__(self, response: Response, *, skip: int = 0) -> None:
        self._response = response
        self._pieces: Iterator[bytes] = response.stream(PIECE, decode_content=False)
        total = number(response.headers.get("Content-Length"))
        self.length = None if total is None else max(total - skip, 0)
        self._skip(skip)

    @classmethod
    def empty(cls) -> Self:
        return cls(urllib3.HTTPResponse(io.BytesIO(), {"Content-Length": "0"}, preload_content=False))

    def _skip(self, count: int) -> None:
        """Throw away what the caller already has: for a registry that knows no Range."""
        while count > 0:
            piece = next(self, None)
            if piece is None:
                self.close()
                raise RangeInvalid("the offset is beyond the end of the blob")
            if len(piece) > count:
                self._pieces = chain([piece[count:]], self._pieces)
            count -= len(piece)

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except HTTPError as error:
            self.close()
            raise Unavailable("the registry stopped in the middle of a blob") from error

    def close(self) -> None:
        """Drop the connection, unless all was read and it went back to the pool."""
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _QuickConnect(HTTPConnection):
    """urllib3 lets the timeout for connecting bound each send too: a registry that pauses to write would fail an
    upload. So connections have the patient timeout throughout, and only `connect` is in a hurry."""

    hurry = 1.0

    def connect(self) -> None:
        patience, self.timeout = self.timeout, self.hurry
        try:
            super().connect()
        finally:
            self.timeout = patience
        self.sock.settimeout(patience)


class _QuickConnectTLS(_QuickConnect, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _QuickConnect


class _PoolTLS(urllib3.HTTPSConnectionPool):
    ConnectionCls = _QuickConnectTLS


class Transport:
    """One registry's host. Thread-safe; keeps up to `pool_size` connections alive. Targets are path and query."""

    def __init__(self, base_url: str, *, timeout: float, pool_size: int, rest: float = 0.0) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
            raise ValueError(f"not the address of a registry: {base_url!r}")
        self._base = f"{parts.scheme}://{parts.netloc}"
        self._timeout = timeout
        self._rest = rest
        self._silent_until = float("-inf")
        pool = _PoolTLS if parts.scheme == "https" else _Pool
        self._pool = pool(parts.hostname, parts.port, maxsize=pool_size, retries=False)
        self._elsewhere = urllib3.PoolManager(maxsize=pool_size, retries=False)

    def close(self) -> None:
        self._pool.close()
        self._elsewhere.clear()

    def call(self, request: Request, expected: Collection[int], *, limit: int = MAX_ANSWER) -> Answer:
        """Raises what the answer means when its status is not one of `expected`."""
        return self.finish(self.open(request), expected, limit=limit)

    def open(self, request: Request) -> Response:
        """The answer's head. What may be said twice is, when a kept connection proves to be dead.

        A registry that was silent for a whole timeout is left alone for `rest` seconds: one caller waits, not all.
        """
        if time.monotonic() < self._silent_until:
            raise Unavailable("the registry doesn't answer")
        try:
            return self._send(request)
        except ProtocolError as error:
            if not request.may_repeat:
                raise Unavailable("the registry broke the connection") from error
        except ReadTimeoutError as error:
            self._silent_until = time.monotonic() + self._rest
            raise Unavailable("the registry doesn't answer") from error
        except HTTPError as error:
            raise Unavailable("the registry can't be reached") from error
        try:
            return self._send(request)
        except HTTPError as error:
            raise Unavailable("the registry can't be reached") from error

    def _send(self, request: Request) -> Response:
        body, length = request.body, request.length
        if isinstance(body, bytes):
            length = len(body)
        headers = {"User-Agent": "roadstead", **request.headers}
        if body is not None and length is not None:
            headers["Content-Length"] = str(length)
        return self._pool.urlopen(
            request.method,
            request.target,
            body=None if body is None else _pieces(body, length),
            headers=headers,
            timeout=request.timeout or self._timeout,
            redirect=False,
            preload_content=False,
        )

    def open_following(self, request: Request) -> Response:
        """The answer from the registry or, where that keeps blobs in S3, from the presigned URL it names."""
        response = self.open(request)
        url = self._base + request.target
        for _ in range(MAX_REDIRECTS):
            if response.status not in _REDIRECTS:
                break
            self.finish(response, _REDIRECTS)
            url = _joined(url, response.headers.get("Location", ""))
            response = self._open_elsewhere(request, url)
        if response.status in _REDIRECTS:
            response.close()
            raise Unavailable("the registry redirects without end")
        return response

    def _open_elsewhere(self, request: Request, url: str) -> Response:
        timeout = urllib3.Timeout(connect=_QuickConnect.hurry, read=self._timeout)
        try:
            response = self._elsewhere.request(
                request.method, url, headers=request.headers, redirect=False, preload_content=False, timeout=timeout
            )
        except HTTPError as error:
            raise Unavailable("the registry's storage can't be reached") from error
        if response.status not in _STORAGE_ANSWERS:  # its 403 is not the registry's
            response.close()
            raise Unavailable(f"the registry's storage answered {response.status}")
        return response

    def finish(self, response: Response, expected: Collection[int], *, limit: int = MAX_ANSWER) -> Answer:
        """Read the answer to its end, or drop the connection; raise what an unexpected status means."""
        payload, broken = bytearray(), None
        try:
            for piece in response.stream(PIECE, decode_content=False):
                payload += piece
                if len(payload) > limit:
                    break
        except HTTPError as error:  # Distribution's 416 has a body unlike its length
            broken = error
        if broken or len(payload) > limit or response.status == _UNSATISFIABLE:
            response.close()
        response.release_conn()
        if response.status not in expected:
            raise from_answer(response.status, *_first_error(bytes(payload)))
        if len(payload) > limit or (broken and response.status != _UNSATISFIABLE):
            raise Unavailable("the registry's answer broke off or has no end") from broken
        return Answer(response.status, response.headers, bytes(payload))

    def local(self, url: str, *, seen_from: str = "/") -> str:
        """Path and query of a URL that this registry gave: none may lead the next request elsewhere."""
        parts = urlsplit(_joined(self._base + seen_from, url))
        if f"{parts.scheme}://{parts.netloc}" != self._base:
            raise Unavailable("the registry points to another host")
        return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError as error:
        raise Unavailable("the registry points to an address that is none") from error


def _pieces(body: Body, length: int | None) -> Iterator[bytes]:
    """The body in pieces that a send can finish in time; SizeInvalid, before a byte too many, unless it is `length`."""
    count = 0
    for portion in _portions(body, length):
        for start in range(0, len(portion), PIECE):
            piece = portion[start : start + PIECE]
            count += len(piece)
            if length is not None and count > length:
                raise SizeInvalid(f"the content goes on after the {length} bytes announced")
            yield piece
    if length is not None and count < length:
        raise SizeInvalid(f"the content ends after {count} of the {length} bytes announced")


def _portions(body: Body, length: int | None) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, Readable):  # before iterators: a file is one too, of lines
        yield from _read(body, length)
    else:
        yield from body


def _read(file: Readable, length: int | None) -> Iterator[bytes]:
    """No more than `length`: a web server's input may wait for ever beyond it."""
    left = length
    while left is None or left > 0:
        portion = file.read(PIECE if left is None else min(PIECE, left))
        if not portion:
            return
        left = None if left is None else left - len(portion)
        yield portion


def number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _first_error(payload: bytes) -> tuple[str, str, Any]:
    """Code, message and detail of the first error in the body; empty when there is none, as for a HEAD."""
    try:
        error = json.loads(payload)["errors"][0]
        return str(error.get("code", "")), str(error.get("message", "")), error.get("detail")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return "", "", None
