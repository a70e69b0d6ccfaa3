"""Our side: a whole stack with a home of its own, the people and the projects the benchmarks use, and tokens."""

import base64
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg

from bench import cpu
from bench.client import Client
from deploy.stack import Stack

CHECKOUT = Path(__file__).resolve().parent.parent
PIECES = ("nginx", "web", "registry", "redis", "postgres", "worker", "replicator", "clock")
SERVICE = "harbor-registry"
USER = "bencher"
PROJECT = "bench"
QUIET = 0.1  # CPU seconds a second: an idle stack takes about a fifth of that
PATIENCE = 60  # seconds
RENEWAL = 120  # seconds; tokens live five minutes, and no pass is longer than the rest


class ProductError(Exception):
    """The stack refused what the benchmark needs."""


class Product:
    """A running Roadstead on a loopback port, with a user who may push to the private project `bench`."""

    def __init__(self, home: Path, port: int, *, items: Mapping[str, str] | None = None) -> None:
        """`items` are configuration items that are set before there is anybody. A home that an earlier one has left is
        gone on with, as it is."""
        self.home = home
        self.is_new = not home.exists()
        self.items = items or {}
        self.port = port
        self.password = self._password()
        self.stack = Stack(home, port)
        self.client = Client(self.url, self.authorize)
        self._tokens: dict[str, tuple[float, str]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        try:
            self.stack.start()
            self.stack.wait_healthy()
            if self.is_new:
                self._settle_in()
        except BaseException:
            self.stack.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.stop()

    def _password(self) -> str:
        """Of everybody here, kept beside the home; with one of each kind that the rules ask for."""
        kept = self.home.with_name(f"{self.home.name}.password")
        if self.is_new:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(f"Aa1-{secrets.token_urlsafe(18)}", encoding="ascii")
        return kept.read_text(encoding="ascii")

    def _settle_in(self) -> None:
        for name, value in self.items.items():
            self.manage("configure", name, value)
        self.make_user(USER)
        self.manage("createproject", PROJECT)
        self.manage("addmember", PROJECT, "developer", "--user", USER)

    def make_user(self, name: str) -> None:
        """Somebody with the same password."""
        self.manage("createuser", name, "--email", f"{name}@example.com", "--password-stdin", stdin=self.password)

    def manage(self, *arguments: str, stdin: str = "") -> str:
        """Run a manage.py command on this stack."""
        ours = ("ROADSTEAD_", "REGISTRY_", "DATABASE_URL", "REDIS_URL", "CELERY_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env=environment | {"ROADSTEAD_HOME": str(self.home)},
            input=stdin + "\n",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise ProductError(f"manage.py {' '.join(arguments)}: {done.stderr[-1000:]}")
        return done.stdout

    def pids(self) -> list[int]:
        """The first process of each piece."""
        return [pid for piece in PIECES if (pid := self.stack.pid_of(piece))]

    def cpu(self) -> float:
        """CPU seconds of every piece (nginx, web, Distribution, Redis, PostgreSQL, worker, clock) and of `deploy`."""
        pieces = self.pids()
        supervisors = {int(fields[1]) for pid in pieces if (fields := cpu.stat_fields(pid))} - {1, os.getpid()}
        return cpu.seconds([*pieces, *supervisors])

    def settle(self) -> None:
        """Wait until what earlier load left behind is done: the audit spool carried, the tables vacuumed."""
        deadline = time.monotonic() + PATIENCE
        used = QUIET
        while used >= QUIET and time.monotonic() < deadline:
            before = self.cpu()
            time.sleep(1)
            used = self.cpu() - before

    def basic(self, user: str = USER, password: str = "") -> dict[str, str]:
        """The headers of a `docker login`."""
        pair = base64.b64encode(f"{user}:{password or self.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    def token_path(self, scope: str) -> str:
        return f"/service/token?service={SERVICE}&scope={quote(scope, safe=':/,')}"

    def authorize(self, scope: str) -> dict[str, str]:
        """The header with a token for `scope` that still lives some minutes."""
        taken, token = self._tokens.get(scope, (0.0, ""))
        if time.monotonic() - taken > RENEWAL:
            taken, token = time.monotonic(), self._fetch_token(scope)
            self._tokens[scope] = taken, token
        return {"Authorization": f"Bearer {token}"}

    def _fetch_token(self, scope: str) -> str:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", self.token_path(scope), headers=self.basic())
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if response.status != 200:
            raise ProductError(f"no token for {scope}: {response.status} {body[:500]!r}")
        return str(json.loads(body)["token"])

    def database(self) -> psycopg.Connection:
        """A connection to the stack's own database; each statement is its own transaction."""
        lines = (self.home / "env").read_text(encoding="utf-8").splitlines()
        environment = dict(line.split("=", 1) for line in lines if "=" in line)
        return psycopg.connect(environment["DATABASE_URL"], autocommit=True)
