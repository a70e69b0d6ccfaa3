"""`make run`'s own command: whole, killed piece by piece, refused, started again, and gone in the end."""

import http.client
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.home import CHECKOUT
from deploy import processes
from deploy.pieces import ORDER
from deploy.stack import Stack
from tests.deploy.certificates import make_certificate
from tests.ports import free_port


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    # A path far too long for sockets, in a directory that only its owner may enter.
    home = tmp_path_factory.mktemp("stack") / ("deep" * 30)
    with Stack(home, free_port()) as running:
        assert running.layout.sockets_in_tmp.is_dir()
        yield running
    assert not running.layout.sockets_in_tmp.exists()
    assert left_of(home) == []


def refused(home: Path, **settings: str) -> str:
    """Start a stack that cannot start: its one line."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ROADSTEAD_", "REGISTRY_"))}
    environment = {**inherited, "ROADSTEAD_HOME": str(home), "ROADSTEAD_PORT": str(free_port()), **settings}
    done = subprocess.run(
        [sys.executable, "-m", "deploy"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert left_of(home) == []
    return done.stderr


def left_of(home: Path) -> list[processes.Process]:
    files = [home / "run" / f"{name}.pid" for name in ORDER]
    return [found for file in files if (found := processes.recorded(file))]


def ask(stack: Stack, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", stack.options.port, timeout=10)
    connection.request("GET", path, headers=headers)
    return connection.getresponse()


def test_it_is_up_and_says_the_challenge_once(stack):
    stack.wait_healthy()
    blob = f"/v2/library/x/blobs/sha256:{'0' * 64}"
    for headers in ({}, {"Authorization": "Bearer x"}):
        answer = ask(stack, blob, **headers)
        assert answer.status == 401
        assert len(answer.headers.get_all("WWW-Authenticate") or []) == 1
    assert len(stack.admin_password) > 16


def test_the_page_of_the_rest_api_comes_with_all_it_loads(stack):
    stack.wait_healthy()
    page = ask(stack, "/api/docs").read().decode()
    addresses = re.findall(r'(?:src|href|data-document)="(/[^"]*)"', page)
    assert len(addresses) == 7
    for address in addresses:
        answer = ask(stack, address, **{"Accept-Encoding": "gzip"})
        assert answer.status == 200, address
        assert answer.headers["Content-Encoding"] == ("gzip" if len(answer.read()) > 1024 else None), address


def test_only_its_owner_may_speak_to_django(stack):
    assert stat.S_IMODE(stack.layout.web_socket.stat().st_mode) == 0o600


@pytest.mark.parametrize("piece", ["web", "nginx", "worker"])
def test_a_killed_child_of_a_piece_comes_back(stack, piece):
    stack.wait_healthy()
    main = stack.pid_of(piece)
    before = processes.descendants(main)
    os.kill(min(before), signal.SIGKILL)
    for _ in range(600):
        if processes.descendants(main) - before:
            break
        time.sleep(0.05)
    assert processes.descendants(main) - before
    assert stack.pid_of(piece) == main
    stack.wait_healthy()


@pytest.mark.parametrize("piece", ORDER)
def test_a_killed_piece_comes_back(stack, piece):
    stack.wait_healthy()
    before = stack.pid_of(piece)
    os.kill(before, signal.SIGKILL)
    stack.wait_healthy()
    assert stack.pid_of(piece) != before


def test_a_second_stack_in_the_same_home_is_refused_and_harms_nothing(stack):
    done = subprocess.run(
        [sys.executable, "-m", "deploy"],
        cwd=CHECKOUT,
        env=os.environ | {"ROADSTEAD_HOME": str(stack.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "runs already" in done.stderr
    stack.wait_healthy()


def test_it_ends_what_a_killed_stack_left_and_keeps_the_data(tmp_path):
    first = Stack(tmp_path / "home", free_port(), pieces=("postgres", "redis", "registry"), durable=False)
    first.start()
    assert first._process
    first._process.kill()
    first._process.wait()
    assert len(left_of(first.home)) == 3
    old = {process.pid for process in left_of(first.home)}
    with Stack(first.home, first.options.port, pieces=("postgres", "redis", "registry"), durable=False) as second:
        second.wait_healthy()
        assert not old & {process.pid for process in left_of(second.home)}
        assert not [pid for pid in old if (found := processes.look_up(pid)) and found.alive]
    assert left_of(first.home) == []


def test_a_taken_port_is_one_clear_line(tmp_path):
    with socket.create_server(("0.0.0.0", 0)) as taken:
        said = refused(tmp_path / "home", ROADSTEAD_PORT=str(taken.getsockname()[1]))
    assert "is taken" in said
    assert "ROADSTEAD_PORT" in said


@pytest.mark.parametrize("port", ["0", "x", "65536", "-1"])
def test_a_port_that_is_none_is_one_clear_line(tmp_path, port):
    assert "is no port" in refused(tmp_path / "home", ROADSTEAD_PORT=port)


def test_bad_tls_files_are_one_clear_line(tmp_path):
    certificate, key = map(str, make_certificate(tmp_path))
    (tmp_path / "other").mkdir()
    other = str(make_certificate(tmp_path / "other")[1])
    home = tmp_path / "home"
    assert "cannot be read" in refused(home, ROADSTEAD_TLS_CERT="/nowhere", ROADSTEAD_TLS_KEY=key)
    assert "needs both" in refused(home, ROADSTEAD_TLS_CERT=certificate)
    assert "its own key" in refused(home, ROADSTEAD_TLS_CERT=certificate, ROADSTEAD_TLS_KEY=other)
    assert "its own key" in refused(home, ROADSTEAD_TLS_CERT=key, ROADSTEAD_TLS_KEY=key)


def test_a_registry_that_cannot_start_is_one_clear_line(tmp_path):
    said = refused(tmp_path / "home", REGISTRY_STORAGE_S3_BUCKET="x")
    assert "registry did not start" in said
    assert "registry.log" in said
