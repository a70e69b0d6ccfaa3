"""The load generators, against a small server of our own."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.load import CONNECTIONS, LoadError, Numbers, body_length, discard, read_summary, wrk

BODY = b"x" * 100_000


@dataclass
class Served:
    """What the server was asked for."""

    url: str = ""
    paths: set[str] = field(default_factory=set)
    headers: set[str] = field(default_factory=set)
    connections: int = 0


@pytest.fixture
def served() -> Iterator[Served]:
    seen = Served()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.paths.add(self.path)
            seen.headers.add(self.headers.get("X-Bench", ""))
            self.send_response(404 if self.path == "/missing" else 200)
            self.send_header("Content-Length", str(len(BODY)))
            if self.path == "/tired":
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(BODY)

        def log_message(self, *_: object) -> None: ...

        def handle(self) -> None:
            seen.connections += 1
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    seen.url = f"http://127.0.0.1:{server.server_port}"
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_discard_counts_every_byte_of_the_bodies(served: Served):
    load = discard(f"{served.url}/blob", headers={"X-Bench": "yes"}, seconds=1)
    assert load.requests > 0
    assert load.requests * len(BODY) <= load.bytes <= (load.requests + CONNECTIONS) * len(BODY)
    assert (served.paths, served.headers) == ({"/blob"}, {"yes"})


def test_discard_connects_again_to_a_server_that_ends_connections(served: Served):
    discard(f"{served.url}/tired", headers={}, seconds=2)
    assert served.connections > CONNECTIONS


def test_discard_refuses_to_measure_an_error(served: Served):
    with pytest.raises(LoadError, match="404"):
        discard(f"{served.url}/missing", headers={}, seconds=0.5)


def test_wrk_asks_for_one_url_with_the_headers_given(served: Served):
    load = wrk(f"{served.url}/blob", headers={"X-Bench": "yes"}, seconds=1)
    assert load.requests > 0
    assert load.bytes >= load.requests * len(BODY)
    assert load.client > 0
    assert "yes" in served.headers


def test_wrk_goes_through_numbered_paths(served: Served):
    wrk(served.url, headers={}, seconds=1, numbers=Numbers("/n/%03d", step=10, amount=3))
    assert served.paths - {"/"} == {"/n/000", "/n/010", "/n/020"}


def test_wrk_goes_through_the_paths_of_a_file(served: Served, tmp_path):
    listed = tmp_path / "paths"
    listed.write_text("/a?x=1\n/b\n/c\n")
    wrk(served.url, headers={}, seconds=1, paths=listed)
    assert served.paths - {"/"} == {"/a?x=1", "/b", "/c"}


def test_wrk_refuses_to_measure_an_error(served: Served):
    with pytest.raises(LoadError, match="failed"):
        wrk(f"{served.url}/missing", headers={}, seconds=1)


def test_a_summary_with_hardly_an_error_is_a_load():
    line = 'SUMMARY {"requests": 5000, "bytes": 10, "microseconds": 2000000, "status": 1, "failed": 0}'
    load = read_summary(f"Running …\n{line}\n", "http://x/")
    assert (load.requests, load.bytes, load.seconds) == (4999, 10, 2.0)


@pytest.mark.parametrize(
    "text", ["", 'SUMMARY {"requests": 0, "bytes": 0, "microseconds": 1, "status": 0, "failed": 0}']
)
def test_a_run_without_an_answer_is_no_load(text: str):
    with pytest.raises(LoadError):
        read_summary(text, "http://x/")


@pytest.mark.parametrize("head", [b"HTTP/1.1 206 Partial\r\nContent-Length: 5", b"HTTP/1.1 200 OK", b""])
def test_a_head_that_is_no_plain_success_is_refused(head: bytes):
    with pytest.raises(LoadError):
        body_length(head)
