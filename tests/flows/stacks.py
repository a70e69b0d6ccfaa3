"""Stacks for the journeys: started on a free port under a home of their own, with the people the stories need."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.processes import recorded
from deploy.stack import Stack
from tests.flows.wire import Wire
from tests.ports import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
# What a stack tells its pieces by the environment: our own process's must not reach a stack of the tests.
OURS = ("ROADSTEAD_", "REGISTRY_", "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE")


def clean_environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | more


def eventually(happens: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
    """Wait until something has come true; what never does is a failure, and how long it took is not."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.1)


@dataclass
class Running:
    """A stack that runs, as the tests speak to it."""

    url: str
    home: Path

    @property
    def host(self) -> str:
        """What stands before the repository in an image's name."""
        return self.url.partition("://")[2]

    @property
    def admin_password(self) -> str:
        return (self.home / "admin-password").read_text().strip()

    def wire(self, username: str | None = "admin", password: str | None = None, **options: Any) -> Wire:
        if username == "admin" and password is None:
            password = self.admin_password
        return Wire(self.url, username, password, **options)

    def manage(self, *arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env=clean_environment(ROADSTEAD_HOME=str(self.home)),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not done.returncode, f"manage.py {' '.join(arguments)}: {done.stderr[-2000:]}"
        return done.stdout

    def create_user(self, name: str) -> str:
        """Make a user; answer the password."""
        password = "Pw1-" + secrets.token_urlsafe(12)
        self.manage("createuser", name, "--email", f"{name}@example.com", "--password-stdin", stdin=password + "\n")
        return password

    def create_project(self, name: str, *, public: bool = False) -> str:
        self.manage("createproject", name, *(["--public"] if public else []))
        return name

    def add_member(self, project: str, user: str, role: str) -> None:
        self.manage("addmember", project, role, "--user", user)

    def pid_of(self, piece: str) -> int | None:
        """The first process of a piece, or None while there is none."""
        found = recorded(self.home / "run" / f"{piece}.pid")
        return found.pid if found else None

    def answers(self) -> bool:
        """Whether the whole way works: a token, PostgreSQL and Distribution behind it."""
        wire = self.wire()
        try:
            began = wire.request("POST", "/v2/library/probe/blobs/uploads/", headers={"Content-Length": "0"}, timeout=5)
            listed = wire.request("GET", "/v2/library/probe/tags/list", timeout=5)
        except Exception:
            return False
        return began.status == 202 and listed.status in (200, 404)

    def wait_until_it_answers(self, seconds: float = 60) -> None:
        eventually(self.answers, f"{self.url} does not answer; see {self.home / 'log'}", seconds=seconds)


@contextmanager
def running_stack(home: Path, *, durable: bool = False, **settings: str) -> Iterator[Running]:
    """`make run`'s own command with a home and a port of its own; `settings` are ROADSTEAD_* of its environment.

    One that isn't `durable` may forget what it committed last when PostgreSQL is killed.
    """
    with Stack(home, free_port(), durable=durable, settings=settings) as stack:
        yield Running(stack.url, home)


@contextmanager
def running_distribution(home: Path) -> Iterator[str]:
    """Distribution itself, without Roadstead: its URL."""
    port = free_port()
    (home / "data").mkdir(parents=True)
    configuration = home / "registry.yml"
    configuration.write_text(
        f"""version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {home / "data"}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}", relativeurls: true}}
validation: {{manifests: {{urls: {{allow: [".*"]}}}}}}
"""
    )
    command = ["docker-registry", "serve", str(configuration)]
    with (home / "registry.log").open("wb") as log:
        registry = subprocess.Popen(command, env=clean_environment(), stdout=log, stderr=log)
    try:
        eventually(lambda: _listens(port), "Distribution does not listen")
        yield f"http://127.0.0.1:{port}"
    finally:
        registry.terminate()
        registry.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
