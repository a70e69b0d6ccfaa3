"""Syslog servers for tests: they keep what they are sent, and can be made to fail in various ways."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Collector:
    """What a server has received so far, one message a line."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._received = bytearray()
        self._arrival = threading.Condition()

    def take(self, data: bytes) -> None:
        with self._arrival:
            self._received += data
            self._arrival.notify_all()

    def lines(self, count: int) -> list[str]:
        """The first messages, waited for; a test that gets fewer fails."""
        with self._arrival:
            arrived = self._arrival.wait_for(lambda: self._received.count(b"\n") >= count, 10)
        assert arrived, bytes(self._received)
        return bytes(self._received).decode("ascii").splitlines()

    def records(self, count: int) -> list[dict[str, Any]]:
        return [json.loads(line.split(" - ", 2)[2]) for line in self.lines(count)]


@contextmanager
def collector(protocol: str = "tcp", port: int = 0) -> Iterator[Collector]:
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        if protocol == "tcp":
            listener.listen()
        found = Collector(f"{protocol}://127.0.0.1:{listener.getsockname()[1]}")
        ended = threading.Event()
        listener.settimeout(0.05)
        thread = threading.Thread(target=_serve, args=(listener, found, ended), daemon=True)
        thread.start()
        try:
            yield found
        finally:
            ended.set()
            thread.join(10)


def _serve(listener: socket.socket, found: Collector, ended: threading.Event) -> None:
    while not ended.is_set():
        with suppress(TimeoutError):
            if listener.type == socket.SOCK_DGRAM:
                found.take(listener.recv(65536) + b"\n")
                continue
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(5)
                while data := connection.recv(65536):
                    found.take(data)


@contextmanager
def deaf_server() -> Iterator[str]:
    """The endpoint of a server that accepts a connection and reads nothing from it."""
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        yield f"127.0.0.1:{listener.getsockname()[1]}"
