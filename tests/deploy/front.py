"""nginx with the real configuration, before Distribution and a stand-in for Django that notes what it is asked."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

from config.home import CHECKOUT
from deploy.nginx import Site, render
from tests.ports import free_port

GOOD, BAD = {"Authorization": "Bearer good"}, {"Authorization": "Bearer bad"}


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["errors"][0]["code"])


@dataclass
class Front:
    port: int
    store: Path
    registry: str
    temporary: Path
    static: Path
    django: ThreadingHTTPServer
    distribution: subprocess.Popen[bytes] | None = None
    asked: list[Asked] = field(default_factory=list)

    def ask(self, method: str, path: str, body=None, headers=None, *, chunked: bool = False) -> Answer:
        """One request, its path sent exactly as given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path, skip_accept_encoding=True, skip_host="Host" in (headers or {}))
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif body is not None:
            connection.putheader("Content-Length", str(len(body)))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # answered before it had all of the body
            connection.endheaders(iter([body]) if chunked else body, encode_chunked=chunked)
        answer = connection.getresponse()
        found = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        return found

    @property
    def bodies_put_on_disk(self) -> int:
        return (self.temporary.parent / "log").read_text().count("is buffered to a temporary file")

    def to_django(self) -> list[Asked]:
        return [asked for asked in self.asked if not asked.path.startswith("/internal/")]

    def to_gate(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.path.startswith("/internal/")]


class Django(BaseHTTPRequestHandler):
    """Yes to the token `good`, a failure for `boom`, no to all others; views say what they were asked."""

    protocol_version = "HTTP/1.1"
    front: Front

    def answer(self) -> None:
        body = self._body()
        front: Front = self.server.front  # type: ignore[attr-defined]
        front.asked.append(Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        token = self.headers.get("Authorization", "")
        if token == "Bearer boom":
            self._send(500, {}, b"boom")
        elif token != "Bearer good" and (self.path.startswith(("/v2/", "/internal/"))):
            words = b'{"errors":[{"code":"UNAUTHORIZED","message":"said by Django"}]}'
            challenge = {} if self.path.startswith("/internal/") else {"WWW-Authenticate": "Bearer realm=here"}
            self._send(401, {"Content-Type": "application/json", **challenge}, words)
        elif self.path.startswith("/internal/"):
            self._send(204, {"X-Accel-Expires": "60"}, b"")
        elif self.path.startswith("/accel/"):
            blob = self.path.removeprefix("/accel/")
            headers = {"X-Accel-Redirect": f"/_blob/{blob[:2]}/{blob}", "Docker-Content-Digest": f"sha256:{blob}"}
            headers |= {"ETag": f'"sha256:{blob}"', "Cache-Control": "private", "Content-Type": "application/x-blob"}
            self._send(200, headers, b"")
        else:
            self._send(200, {"Content-Type": "application/json"}, b'{"by":"django"}')

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def __getattr__(self, name: str):
        if name.startswith("do_"):  # http.server's name for what answers a method
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        return


def wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens at {port}")


@contextmanager
def program(command: list[str], port: int, log: IO[bytes], **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=os.environ | environment, stderr=log, start_new_session=True)
    try:
        wait_for(port)
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def running_front(home: Path, trusted: tuple[str, ...] = ()) -> Iterator[Front]:
    registry, port = free_port(), free_port()
    django = ThreadingHTTPServer(("127.0.0.1", 0), Django)
    django.daemon_threads = True
    front = Front(port, home / "store", f"127.0.0.1:{registry}", home / "tmp", home / "static", django)
    django.front = front  # type: ignore[attr-defined]
    front.temporary.mkdir(parents=True)
    threading.Thread(target=django.serve_forever, daemon=True).start()
    site = Site(
        port=port,
        web=f"127.0.0.1:{django.server_port}",
        registry=front.registry,
        temporary=front.temporary,
        static=front.static,
        pid=home / "nginx.pid",
        store=front.store,
        trusted=trusted,
        root=os.getuid() == 0,
        workers="1",
    )
    (home / "nginx.conf").write_text(render(site))
    serve = ["docker-registry", "serve", str(CHECKOUT / "deploy" / "registry.yml")]
    upstream = {
        "REGISTRY_HTTP_ADDR": front.registry,
        "REGISTRY_HTTP_SECRET": "test",
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(front.store),
        "OTEL_TRACES_EXPORTER": "none",
    }
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    assert nginx
    try:
        with (
            (home / "log").open("wb") as log,
            program(serve, registry, log, **upstream) as distribution,
            program([nginx, "-e", "stderr", "-p", str(home), "-c", str(home / "nginx.conf")], port, log),
        ):
            front.distribution = distribution
            yield front
    finally:
        django.shutdown()
        django.server_close()
