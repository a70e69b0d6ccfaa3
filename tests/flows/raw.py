"""Requests no decent client library would send: bytes over a socket, and the answer read back."""

import socket
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

MOST = 4 * 1024 * 1024


@dataclass(frozen=True)
class RawAnswer:
    status: int
    head: str
    body: bytes


def exchange(base: str, request: bytes) -> RawAnswer | None:
    """Send the bytes, read to the end; None when the server closed without a word."""
    place = urlsplit(base)
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        # Refused before we were done: the answer may be there all the same.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        received = b""
        while len(received) < MOST:
            try:
                chunk = connection.recv(65536)
            except ConnectionResetError:
                break
            if not chunk:
                break
            received += chunk
    return parse(received) if received else None


def parse(received: bytes) -> RawAnswer:
    if not received.startswith(b"HTTP/"):
        return RawAnswer(0, "", received)  # as in the days before answers had heads
    head, _, body = received.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100"):
        head, _, body = body.partition(b"\r\n\r\n")
    text = head.decode("latin-1")
    if "transfer-encoding: chunked" in text.lower():
        body = _unchunk(body)
    return RawAnswer(int(text.split(" ", 2)[1]), text, body)


def _unchunk(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        if not length:
            break
        whole, body = whole + body[:length], body[length + 2 :]
    return whole


def request(
    base: str, method: bytes, path: bytes, headers: dict[bytes, bytes] | None = None, body: bytes = b""
) -> RawAnswer | None:
    """One HTTP/1.1 request whose method, path and headers may be any bytes."""
    lines = [method + b" " + path + b" HTTP/1.1", b"Host: " + urlsplit(base).netloc.encode(), b"Connection: close"]
    lines += [name + b": " + value for name, value in (headers or {}).items()]
    if body or method in (b"POST", b"PUT", b"PATCH"):
        lines.append(b"Content-Length: " + str(len(body)).encode())
    return exchange(base, b"\r\n".join(lines) + b"\r\n\r\n" + body)
