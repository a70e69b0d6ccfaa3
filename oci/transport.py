"""One HTTP request to a registry, or to where it leads: sent once, answered in bounded memory, every failure an error.

Beside `oci.connections` the only importer of urllib3; used within `oci` alone.
"""

import errno
import io
import json
import socket
import ssl
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from oci.addresses import Origin
from oci.bodies import PIECE, Body, Outgoing
from oci.connections import AddressForbidden, Connections, Reach
from oci.errors import AWAY, Denied, Failed, RegistryError, Unavailable, from_answer
from oci.patience import retry_after

Response = urllib3.BaseHTTPResponse
Broken = HTTPError
"""What a response that is read raises when its connection breaks."""

MAX_ANSWER = 4 * 1024 * 1024
UNSATISFIABLE = 416
SERVER_ERROR = 500
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_IDEMPOTENT = frozenset({"GET", "HEAD", "DELETE"})
_AMBIGUOUS = frozenset({400, 404})
_SHOWN = 300


class Lasting(Unavailable):
    """It won't pass by itself: a certificate that isn't trusted, a redirect that can't be followed."""


class Away(Unavailable):
    """It can't be reached, doesn't answer, or a gateway says so in its place: the registry is away, whatever it was
    asked for."""


class OffLimits(Denied):
    """An address that nothing is to connect to from here."""


class Ended(Unavailable):
    """The client was aborted, by whoever uses it."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    payload: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call to be made. `length` of a body that is no bytes: unknown when None, then it is sent chunked.

    `scope` is what its token must allow, see oci.challenge.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = field(default=None, repr=False)
    length: int | None = None
    timeout: float | None = None
    idempotent: bool = False
    scope: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether it can be sent again: a stream is gone once it was read."""
        return self.body is None or isinstance(self.body, bytes)

    @property
    def may_repeat(self) -> bool:
        return self.is_whole and (self.idempotent or self.method in _IDEMPOTENT)


class Transport:
    """One registry's host, and those it leads to. Thread-safe; keeps up to `pool_size` connections of each alive.

    Targets are path and query. `called` is what errors call the registry, for those whom its name is none of their
    business; else they name its host, and say more.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float,
        pool_size: int,
        reach: Reach,
        rest: float = 0.0,
        called: str = "",
        user_agent: str = "roadstead",
    ) -> None:
        self.origin, self.prefix = _taken_apart(base_url)
        self.connections = Connections(reach, pool_size)
        self.who = called or self.origin.authority
        self._named = not called
        self._insecure = reach.insecure
        self.timeout = timeout
        self._rest = rest
        self._silent_until = float("-inf")
        self._agent = user_agent

    def close(self) -> None:
        self.connections.close()

    def end(self) -> None:
        """Break off all that goes on, from another thread; whatever is asked after that is refused with Ended."""
        self.connections.end()

    def stopped(self) -> Ended | None:
        """The error to raise once the client is ended."""
        return Ended(f"the work with {self.who} was stopped") if self.connections.ended.is_set() else None

    def wait(self, seconds: float) -> None:
        """Sleep, unless the client is ended: then Ended at once."""
        self.connections.ended.wait(seconds)
        self._check_ended()

    def _check_ended(self) -> None:
        if ended := self.stopped():
            raise ended

    def open(self, request: Request, authorization: str | None = None) -> Response:
        """The answer's head. What may be said twice is, when a kept connection proves to be dead.

        A registry that was silent for a whole timeout is left alone for `rest` seconds: one caller waits, not all.
        """
        if time.monotonic() < self._silent_until:
            raise Away(f"{self.who} doesn't answer")
        try:
            return self._send(self.origin, request, authorization)
        except ProtocolError as error:
            if not request.may_repeat or self.connections.ended.is_set():
                raise self._failure(error, self.who) from error
        except ReadTimeoutError as error:
            self._silent_until = time.monotonic() + self._rest
            raise self._failure(error, self.who) from error
        except HTTPError as error:
            raise self._failure(error, self.who) from error
        try:
            return self._send(self.origin, request, authorization)
        except HTTPError as error:
            raise self._failure(error, self.who, again=True) from error

    def open_at(self, url: str, request: Request, called: str) -> Response:
        """The answer's head from where the registry leads; no credential goes there but what the request itself has.

        Never from TLS to plain HTTP, unless certificates aren't verified either.
        """
        try:
            origin = Origin.of(url)
        except ValueError as error:
            raise Lasting(f"{self.who} points to an address that is none") from error
        if origin.scheme != "https" and self.origin.scheme == "https" and not self._insecure:
            raise Lasting(f"{self.who} points to an address without TLS{f', {origin}' if self._named else ''}")
        who = f"{called} ({origin.authority})" if self._named else called
        try:
            return self._send(origin, request, None, target=_target(url))
        except HTTPError as error:
            raise self._failure(error, who) from error

    def _send(self, origin: Origin, request: Request, authorization: str | None, target: str = "") -> Response:
        self._check_ended()
        headers = {"User-Agent": self._agent, **request.headers}
        length = len(request.body) if isinstance(request.body, bytes) else request.length
        if authorization is not None:
            headers["Authorization"] = authorization
        if request.body is not None and length is not None:
            headers["Content-Length"] = str(length)
        body = None if request.body is None else Outgoing(request.body, length)
        pool = self.connections.pool(origin)
        target = target or request.target
        try:
            return pool.urlopen(
                request.method,
                f"{origin}{target}" if pool.proxy and origin.scheme == "http" else target,
                body=body,
                headers=headers,
                timeout=request.timeout or self.timeout,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
            )
        except (HTTPError, ValueError) as error:
            if body is not None and body.failure is not None:
                raise body.failure from None
            if isinstance(error, HTTPError):
                raise
            # Without the cause, which may show a secret.
            raise Lasting(f"a header for {self.who} has a character that HTTP doesn't take") from None

    def connect(self) -> socket.socket | None:
        """A connection to the registry for the caller's own use; None where a proxy stands between. OSError, Broken."""
        return self.connections.connect(self.origin, self.timeout)

    def head_of(self, request: Request, authorization: str | None) -> bytes:
        """A request without a body as it goes over a connection. ValueError when a header can't be sent."""
        headers = {"Host": self.origin.authority, "User-Agent": self._agent, **request.headers}
        if authorization is not None:
            headers["Authorization"] = authorization
        if not "".join([request.target, *headers.values()]).isprintable():
            raise ValueError("a header with a control character")
        lines = [f"{request.method} {request.target} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        lines += ["", ""]
        return "\r\n".join(lines).encode("ascii")

    def finish(
        self, response: Response, expected: Collection[int], *, limit: int = MAX_ANSWER, who: str = ""
    ) -> Answer:
        """Read the answer to its end, or drop the connection; raise what an unexpected status means."""
        payload, broken = bytearray(), None
        try:
            for piece in response.stream(PIECE, decode_content=False):
                payload += piece
                if len(payload) > limit:
                    break
        except HTTPError as error:  # Distribution's 416 has a body unlike its length
            broken = error
        if broken or len(payload) > limit or response.status == UNSATISFIABLE:
            response.close()
        response.release_conn()
        self._check_ended()
        if response.status not in expected:
            raise self._refusal(response, bytes(payload), who)
        if len(payload) > limit:
            raise Lasting(f"the answer of {who or self.who} is longer than {limit} bytes")
        if broken and response.status != UNSATISFIABLE:
            raise Unavailable(f"the answer of {who or self.who} broke off") from broken
        return Answer(response.status, response.headers, bytes(payload))

    def _refusal(self, response: Response, payload: bytes, who: str) -> RegistryError:
        if response.status in REDIRECTS:
            return Lasting(f"{who or self.who} redirects: the address that answers itself is needed")
        code, message, detail = _first_error(payload)
        error = from_answer(response.status, code, message, detail)
        if isinstance(error, Unavailable):
            error = kind_of(response.status)(error.message, detail)
        if self._named:
            unknown = not code and not message and response.status in _AMBIGUOUS
            said = message if message and response.status >= SERVER_ERROR else error.message
            shown = "" if unknown else ": " + "".join(each if each.isprintable() else " " for each in said)[:_SHOWN]
            error = type(error)(f"{who or self.who} answered {response.status}{shown}", detail)
        error.retry_after = retry_after(response.headers.get("Retry-After"))
        return error

    def _failure(self, error: HTTPError, who: str, *, again: bool = False) -> RegistryError:
        """`again`: two connections broke before they answered anything."""
        if ended := self.stopped():
            return ended
        if isinstance(error, AddressForbidden):
            place = f" ({error})" if self._named else ""
            return OffLimits(
                f"{who} stands at an address{place} of this machine or its link: no connection is made there"
            )
        if isinstance(error, SSLError):
            return Lasting(f"{who} can't be reached: {_of_tls(error)}")
        kind = Away if again or isinstance(error, _UNREACHED) else Unavailable
        return kind(f"{who} {_reason(error)}")

    def location_in(self, answer: Answer) -> str:
        """Path and query of an answer's Location."""
        if not (location := answer.headers.get("Location", "")):
            raise Unavailable(f"{self.who} gave no Location")
        return self.local(location)

    def local(self, url: str, *, seen_from: str = "/") -> str:
        """Path and query of a URL that this registry gave: none may lead the next request elsewhere.

        Behind TLS that ends in front of it a registry often takes itself for plain HTTP: its path counts then.
        """
        joined = joined_url(f"{self.origin}{seen_from}", url)
        try:
            origin = Origin.of(joined)
        except ValueError as error:
            raise Lasting(f"{self.who} points to an address that is none") from error
        plain = {Origin("http", self.origin.host, port) for port in (80, self.origin.port)}
        if origin != self.origin and (self.origin.scheme == "http" or origin not in plain):
            raise Lasting(f"{self.who} points to another host{f', {origin.authority}' if self._named else ''}")
        return _target(joined)


def _taken_apart(base_url: str) -> tuple[Origin, str]:
    parts = urlsplit(base_url)
    try:
        origin = Origin.of(base_url)
    except ValueError as error:
        raise ValueError(f"not the address of a registry: {base_url!r}") from error
    if parts.query or parts.fragment:
        raise ValueError(f"not the address of a registry: {base_url!r}")
    return origin, parts.path.rstrip("/")


def joined_url(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError as error:
        raise Lasting("the registry points to an address that is none") from error


def _target(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


_UNREACHED = (ProxyError, NewConnectionError, ConnectTimeoutError, ReadTimeoutError)
_REASONS = {
    errno.ECONNREFUSED: "refuses the connection",
    errno.EHOSTUNREACH: "can't be reached: there is no way to its address",
    errno.ENETUNREACH: "can't be reached: there is no way to its network",
}


def _reason(error: HTTPError) -> str:
    """What kept a request from being answered, after the name of whom it was for."""
    if isinstance(error, ProxyError):
        return "can't be reached through the proxy that the environment names"
    if isinstance(error, NameResolutionError):
        return "can't be reached: its name can't be resolved"
    if isinstance(error, NewConnectionError):
        cause = error.__cause__
        return _REASONS.get(cause.errno or 0 if isinstance(cause, OSError) else 0, "can't be reached")
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        return "doesn't answer in time"
    return "broke the connection"


def _of_tls(error: SSLError) -> str:
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate isn't trusted: {cause.verify_message}"
    reason = getattr(cause, "reason", None) or str(cause)
    return f"TLS fails ({str(reason).replace('_', ' ').lower()[:_SHOWN]})"


def nothing() -> Response:
    """An answer without content."""
    return urllib3.HTTPResponse(io.BytesIO(), {"Content-Length": "0"}, preload_content=False)


def kind_of(status: int) -> type[Unavailable]:
    """Of an answer of 5xx."""
    return Away if status in AWAY else Failed


def number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _first_error(payload: bytes) -> tuple[str, str, Any]:
    """Code, message and detail of the first error in the body; empty when there is none, as for a HEAD."""
    try:
        error = json.loads(payload)["errors"][0]
        return str(error.get("code", "")), str(error.get("message", "")), error.get("detail")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return "", "", None
