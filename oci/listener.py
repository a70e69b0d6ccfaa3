"""An HTTP server on a thread that hands each request, whole, to a function: for tests."""

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_NO_CONTENT = 204


@dataclass(frozen=True)
class Reply:
    """`cut_after` breaks the line after so many bytes of the payload, though its whole length was announced."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    payload: bytes = b""
    cut_after: int | None = None


Answer = Callable[[str, str, dict[str, str], bytes], Reply | None]
"""Method, target, headers by lower-case name, body; no reply closes the connection."""


class Listener:
    """Listens on loopback from the start on until `stop`; port 0 takes a free one. With `tls`, it speaks that."""

    def __init__(self, answer: Answer, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._server = _Server(answer, port)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, name="listener", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Kept connections die too, as when a process ends."""
        self._server.shutdown()
        self._server.server_close()
        self._server.close_connections()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Answer, port: int) -> None:
        self.answer = answer
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # gone by itself

    def handle_error(self, *_: object) -> None:
        """A client that goes away is no error here; what a handler raises shows as a dropped connection."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._body(headers)
        reply = None if body is None else self.server.answer(self.command, self.path, headers, body)
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != _NO_CONTENT:
            self.send_header("Content-Length", str(len(reply.payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.payload[: reply.cut_after])
            self.close_connection |= reply.cut_after is not None

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = _handle  # noqa: N815  # http.server's names

    def _body(self, headers: dict[str, str]) -> bytes | None:
        """None when the client went away in the middle."""
        if headers.get("transfer-encoding") == "chunked":
            return self._chunks()
        length = int(headers.get("content-length", 0))
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def _chunks(self) -> bytes | None:
        body = b""
        while line := self.rfile.readline():
            length = int(line, 16)
            chunk = self.rfile.read(length + 2)  # and the line's end after it
            if length == 0:
                return body
            body += chunk[:length]
        return None

    def log_message(self, *_: object) -> None:
        """Tests have no use for an access log."""
