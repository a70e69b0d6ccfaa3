"""Records as syslog messages (RFC 5424), and the server they are sent to, over TCP or UDP."""

import fcntl
import json
import re
import select
import socket
import struct
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from audit.entry import Entry
from audit.events import event_type

CONNECT_SECONDS, SEND_SECONDS = 2.0, 5.0
LONGEST = 8 * 1024  # bytes of a message, as collectors take them by default
_AUDIT = 13  # RFC 5424's facility "log audit"
_INFO, _WARNING = 6, 4
_NAME = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    protocol: Literal["tcp", "udp"]
    host: str
    port: int


def parse(text: str) -> Endpoint | None:
    """HOST:PORT, which is TCP as in Harbor, or tcp://HOST:PORT, or udp://HOST:PORT; None for anything else."""
    try:
        parts = urlsplit(text if "://" in text else f"tcp://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or not port or parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    if parts.scheme == "tcp":
        return Endpoint("tcp", host, port)
    return Endpoint("udp", host, port) if parts.scheme == "udp" else None


def message(entry: Entry) -> bytes:
    """One line of ASCII: RFC 5424's header with the event type for a message id, then the record as JSON."""
    severity = _INFO if entry.result == "success" else _WARNING
    host = socket.gethostname()
    head = (
        f"<{_AUDIT * 8 + severity}>1 {entry.at:%Y-%m-%dT%H:%M:%S.%fZ} {host if _NAME.fullmatch(host) else '-'}"
        f" roadstead - {event_type(entry)[:32]} - "
    )
    written = head + _json(entry)
    if len(written) > LONGEST:
        written = head + _json(entry._replace(detail={"omitted": "too long"}))
    return written.encode("ascii")


def _json(entry: Entry) -> str:
    return json.dumps({**entry._asdict(), "at": entry.at.isoformat()}, default=str)


class Sender:
    """A connection to the server. OSError when it doesn't take what it is given, in bounded time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, messages: Sequence[bytes]) -> None:
        """Returns once the other side's kernel has them all (TCP), or they left this one (UDP)."""
        if self._connection.type == socket.SOCK_DGRAM:
            for each in messages:
                self._connection.send(each)
            return
        self._refuse_closed()
        self._connection.sendall(b"".join(each + b"\n" for each in messages))
        end = time.monotonic() + SEND_SECONDS
        while self._on_its_way():
            if time.monotonic() > end:
                raise TimeoutError("the server doesn't acknowledge what it is sent")
            time.sleep(0.005)
        self._refuse_closed()

    def _on_its_way(self) -> int:
        """How many bytes the other side has yet to acknowledge."""
        answer = fcntl.ioctl(self._connection, termios.TIOCOUTQ, struct.pack("i", 0))
        return int(struct.unpack("i", answer)[0])

    def _refuse_closed(self) -> None:
        """A server that has closed takes no more, though the kernel would still take it from us."""
        waiting = select.poll()
        waiting.register(self._connection, select.POLLIN)
        if waiting.poll(0) and self._connection.recv(1, socket.MSG_PEEK) == b"":
            raise ConnectionResetError("the server has closed the connection")


@contextmanager
def connected(endpoint: Endpoint) -> Iterator[Sender]:
    """A connection to the endpoint; OSError."""
    if endpoint.protocol == "tcp":
        connection = socket.create_connection((endpoint.host, endpoint.port), timeout=CONNECT_SECONDS)
    else:
        [family, kind, number, _, address], *_ = socket.getaddrinfo(
            endpoint.host, endpoint.port, type=socket.SOCK_DGRAM
        )
        connection = socket.socket(family, kind, number)
        connection.connect(address)
    with connection:
        connection.settimeout(SEND_SECONDS)
        yield Sender(connection)
