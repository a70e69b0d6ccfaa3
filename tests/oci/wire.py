"""Servers that speak raw bytes, for what no HTTP library would send."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Behaviour = Callable[[socket.socket], object]


@contextmanager
def raw_server(behave: Behaviour) -> Iterator[int]:
    """Each connection is handed to `behave` on a thread of its own; the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        open_ones: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    open_ones.append(connection)
                    threading.Thread(target=_behave, args=(behave, connection), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            for connection in open_ones:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            thread.join()


def _behave(behave: Behaviour, connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        behave(connection)


def read_head(connection: socket.socket) -> bytes:
    """A request's head, as far as the empty line."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and (byte := connection.recv(1)):
        head += byte
    return head
