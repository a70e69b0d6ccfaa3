"""Connections to registries: where they may lead, how TLS and proxies are used, and how all of them end at once.

Beside `oci.transport` the only importer of urllib3.
"""

import http.client
import io
import ipaddress
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from urllib.parse import unquote
from weakref import WeakSet

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection, ProxyConfig
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
)
from urllib3.util import Url, parse_url
from urllib3.util.ssl_ import create_urllib3_context

from oci.addresses import Origin, as_literal, is_forbidden, is_own_name

SLOWEST = 1024  # bytes a second of an answer, beyond what its timeout allows for its beginning
MAX_LINE = 65536  # bytes, as http.client has it
MAX_LINES = 1000  # one after another
MOST_POOLS = 32  # hosts that a registry led to, whose connections are kept

_Options = Sequence[tuple[int, int, int | bytes]]


class AddressForbidden(HTTPError):
    """The host stands at an address that the client may not connect to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How hosts are reached: `insecure` verifies no certificate; `ca` is PEM, in place of the system's authorities;
    without `private` no address of this machine, its link or its cloud is connected to; `proxied` takes the proxies
    that the environment names; `hurry` is how many seconds a connection may take to come about. Answers are `watched`
    for being too slow or without end, line by line: a registry of our own needs no such care."""

    insecure: bool = False
    ca: str = ""
    private: bool = True
    proxied: bool = False
    hurry: float = 10.0
    watched: bool = True


class Connections:
    """The connections of one client, pooled by origin. `end` breaks all of them, from whatever thread."""

    def __init__(self, reach: Reach, pool_size: int) -> None:
        self.ended = threading.Event()
        self.reach = reach
        self._pool_size = pool_size
        self._context = _context(reach) if reach.insecure or reach.ca else None
        self._pools: dict[Origin, urllib3.HTTPConnectionPool] = {}
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()

    def pool(self, origin: Origin) -> urllib3.HTTPConnectionPool:
        """The pool of a host; AddressForbidden for one that is written as such an address."""
        with self._lock:
            found = self._pools.get(origin)
            if found is None:
                found = self._pools[origin] = self._new_pool(origin)
                if len(self._pools) > MOST_POOLS:
                    del self._pools[next(iter(self._pools))]  # it closes when its last user is done
            return found

    def close(self) -> None:
        """Drop the connections that are not in use."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def end(self) -> None:
        """Shut every connection down, whoever reads from it or writes to it; none is made after that."""
        self.ended.set()
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            with suppress(OSError):  # it is closed
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # SSLSocket's own would take TLS off a socket in use

    def keep(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.add(sock)
        if self.ended.is_set():
            sock.close()
            raise ConnectionAbortedError("the client was ended")

    def dial(self, host: str, port: int, timeout: float | None, options: _Options, *, trusted: bool) -> socket.socket:
        """Connect to the first address of `host` that answers. One that isn't `trusted` may not lead to this machine:
        the address that is connected to is the one that was judged, so that no second look at DNS can differ."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        allowed = [each for each in found if trusted or self.reach.private or not is_forbidden(str(each[4][0]))]
        if found and not allowed:
            raise AddressForbidden(f"{found[0][4][0]}")
        failure: OSError = OSError("its name has no address")
        for family, kind, protocol, _, address in allowed:
            sock = socket.socket(family, kind, protocol)
            try:
                self.keep(sock)
                for option in options:
                    sock.setsockopt(*option)
                sock.settimeout(timeout)
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
            else:
                return sock
        raise failure

    def connect(self, origin: Origin, timeout: float) -> socket.socket | None:
        """A connection outside of the pools; None where a proxy stands between. Raises OSError and urllib3's errors."""
        pool = self.pool(origin)
        if pool.proxy is not None:
            return None
        kind = _ConnectionTLS if origin.scheme == "https" else _Connection
        connection = kind(origin.host, origin.port, timeout=timeout, **pool.conn_kw)
        connection.connect()
        return cast("socket.socket", connection.sock)

    def _new_pool(self, origin: Origin) -> urllib3.HTTPConnectionPool:
        literal = as_literal(origin.host)
        if not self.reach.private and (is_own_name(origin.host) or (literal and is_forbidden(literal))):
            raise AddressForbidden(origin.host)  # here, for a proxy would go there
        options: dict[str, Any] = {"maxsize": self._pool_size, "retries": False, "connections": self}
        proxy = _proxy_of(origin) if self.reach.proxied else None
        if proxy is not None:
            headers = urllib3.make_headers(proxy_basic_auth=unquote(proxy.auth)) if proxy.auth else {}
            tunnels = ProxyConfig(None, use_forwarding_for_https=False, assert_hostname=None, assert_fingerprint=None)
            options |= {"_proxy": proxy, "_proxy_headers": headers, "_proxy_config": tunnels}
        if origin.scheme == "https":
            return _PoolTLS(origin.host, origin.port, ssl_context=self._context or _usual_context(), **options)
        if proxy is None:
            return _Pool(origin.host, origin.port, **options)
        return (_PoolTLS if proxy.scheme == "https" else _Pool)(proxy.host or "", proxy.port, **options)


@cache
def _usual_context() -> ssl.SSLContext:
    """One for all: reading the system's authorities takes tens of milliseconds."""
    return _context(Reach())


def _context(reach: Reach) -> ssl.SSLContext:
    """ValueError when `ca` is no PEM."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_NONE if reach.insecure else ssl.CERT_REQUIRED)
    if reach.insecure:
        context.check_hostname = False
    elif reach.ca:
        try:
            context.load_verify_locations(cadata=reach.ca)
        except (ssl.SSLError, ValueError, TypeError) as error:
            raise ValueError("the CA is not a certificate in PEM") from error
    else:
        context.load_default_certs()
    return context


def _proxy_of(origin: Origin) -> Url | None:
    """The proxy that the environment names for a host (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY), unless NO_PROXY does."""
    named = urllib.request.getproxies_environment()
    url = named.get(origin.scheme) or named.get("all")
    if not url or urllib.request.proxy_bypass(origin.host) or _bypassed(origin.host, named):
        return None
    try:
        parsed = parse_url(url if "://" in url else f"http://{url}")
    except LocationParseError as error:
        raise ProxyError("the environment names a proxy that is none", error) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ProxyError("the environment names a proxy that is none", ValueError(parsed.scheme or ""))
    return parsed if parsed.port else parsed._replace(port=443 if parsed.scheme == "https" else 80)


def _bypassed(host: str, named: dict[str, str]) -> bool:
    """Networks in NO_PROXY (10.0.0.0/8), as Go's programs know them too and Python's library doesn't."""
    literal = as_literal(host)
    for entry in (named.get("no") or "").split(","):
        with suppress(ValueError):
            if literal and "/" in entry and ipaddress.ip_address(literal) in ipaddress.ip_network(entry.strip()):
                return True
    return False


class _Paced(io.RawIOBase):
    """What comes from a socket, and no slower than SLOWEST on the whole: a timeout alone begins anew with each byte.

    Only the time spent waiting here counts: a reader may take as long as it likes.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._grace = sock.gettimeout()
        self._left = self._grace or 0.0
        self._shortened = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._grace is None:
            return self._raw.readinto(buffer)
        if self._left <= 0:
            raise TimeoutError("the answer comes too slowly")
        if self._shortened or self._left < self._grace:
            self._shortened = self._left < self._grace
            self._sock.settimeout(min(self._left, self._grace))
        start = time.monotonic()
        count = self._raw.readinto(buffer)
        self._left += (count or 0) / SLOWEST - (time.monotonic() - start)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedLines(io.BufferedReader):
    """The lines of an answer's head, of its chunks' lengths and of its trailers: not too long and not too many, which
    neither http.client nor urllib3 see to for all of them."""

    _count = 0

    def readline(self, size: int | None = -1) -> bytes:
        self._count += 1
        line = super().readline(MAX_LINE + 1 if size is None or size < 0 else size)
        if len(line) > MAX_LINE or self._count > MAX_LINES:
            raise http.client.HTTPException("an answer with too long a line, or too many")
        return line

    def read(self, size: int | None = -1) -> bytes:
        self._count = 0
        return super().read(size)

    def readinto(self, buffer: Any) -> int:
        self._count = 0
        return super().readinto(buffer)


class _WatchedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = _BoundedLines(_Paced(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    """urllib3 lets the timeout for connecting bound each send too: a registry that pauses to write would fail an
    upload. So connections have the patient timeout throughout, and only `connect` is in a hurry."""

    def __init__(self, *arguments: Any, connections: Connections, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._connections = connections
        if connections.reach.watched:
            self.response_class = _WatchedResponse

    def _new_conn(self) -> socket.socket:
        try:
            return self._connections.dial(
                self.host, self.port, self.timeout, self.socket_options or (), trusted=self.proxy is not None
            )
        except (socket.gaierror, UnicodeError) as error:
            cause = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
            raise NameResolutionError(self.host, self, cause) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no answer in time") from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error

    def connect(self) -> None:
        patience, self.timeout = self.timeout, self._connections.reach.hurry
        try:
            super().connect()
        finally:
            self.timeout = patience
        self.sock.settimeout(patience)
        self._connections.keep(_plain(self.sock))


class _ConnectionTLS(_Connection, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _PoolTLS(urllib3.HTTPSConnectionPool):
    ConnectionCls = _ConnectionTLS

    def _validate_conn(self, conn: Any) -> None:
        """Without urllib3's warning at each call: who asked not to verify knows."""
        if conn.is_closed:
            conn.connect()


def _plain(sock: Any) -> socket.socket:
    """The socket below TLS that runs through a proxy's TLS."""
    return cast("socket.socket", getattr(sock, "socket", sock))
