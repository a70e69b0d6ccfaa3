"""Is a piece healthy? Small questions over its own protocol, each with a short timeout."""

import http.client
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

START_MARK = "--- started "  # the supervisor writes it to a piece's log at each start
PUT_ASIDE = "--- put aside "  # and this, where it cut the log of a piece that ran
_TIMEOUT = 2.0  # seconds


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(self._path)


def http_over_socket(path: Path) -> bool:
    """Django answers, with whatever it thinks of /v2/ without a token."""
    return _status(_UnixConnection(path)) < 500  # noqa: PLR2004


def http_at(port: int, *, tls: bool = False) -> bool:
    """The server at this loopback port answers /v2/ without a failure of its own."""
    if not tls:
        return _status(http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)) < 500  # noqa: PLR2004
    context = ssl.create_default_context()
    context.check_hostname = False  # the certificate names the host clients use, not loopback
    context.verify_mode = ssl.CERT_NONE
    return _status(http.client.HTTPSConnection("127.0.0.1", port, timeout=_TIMEOUT, context=context)) < 500  # noqa: PLR2004


def _status(connection: http.client.HTTPConnection) -> int:
    """The status of GET /v2/, 599 when there is no answer."""
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 599
    finally:
        connection.close()


def redis_at(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 6379), timeout=_TIMEOUT) as link:
            link.sendall(f"AUTH {parts.password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (more := link.recv(256)):  # noqa: PLR2004 - one line for each command
                answer += more
    except OSError:
        return False
    return answer.endswith(b"+PONG\r\n")


def log_says(path: Path, words: str) -> bool:
    """The log of a piece has these words since its last start: for pieces that answer on no socket."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False
    since_start = text.rpartition(START_MARK)[2]
    return words in since_start or PUT_ASIDE in since_start  # what it said at its start is in the other file then
