"""A stack to hold in one's hand, for tests and benchmarks: `make run`'s own command as a child process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.home import CHECKOUT
from deploy import environment
from deploy.layout import Layout
from deploy.pieces import ORDER, Options, Workshop
from deploy.postgres import Cluster
from deploy.problem import Problem
from deploy.processes import recorded

_READY_WITHIN = 120.0  # seconds
# What a stack tells its pieces: the variables of another stack, our caller's perhaps, must not reach this one.
_FOREIGN = ("ROADSTEAD_", "REGISTRY_", "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE")


class Stack:
    """One stack below `home`; a context manager. `settings` are ROADSTEAD_* and REGISTRY_* of its environment."""

    def __init__(
        self,
        home: Path,
        port: int = 8080,
        *,
        pieces: Sequence[str] = ORDER,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home.resolve()
        self.layout = Layout(self.home)
        self.settings = {"ROADSTEAD_HOSTNAME": "127.0.0.1", **(settings or {})}
        self.options = Options(
            home=self.home,
            port=port,
            hostname=self.settings["ROADSTEAD_HOSTNAME"],
            certificate=Path(self.settings["ROADSTEAD_TLS_CERT"]) if "ROADSTEAD_TLS_CERT" in self.settings else None,
            only=tuple(pieces),
            durable=durable,
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Stack":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return self.options.url

    @property
    def admin_password(self) -> str:
        return self.layout.admin_password.read_text(encoding="utf-8").strip()

    def start(self) -> None:
        """Start and wait until ready. Our own end, however it comes, ends the stack too: it watches its input."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.layout.ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "deploy", "--lifeline", "--only", ",".join(self.options.only)]
        if not self.options.durable:
            command.append("--not-durable")
        with (self.home / "stack.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=CHECKOUT, env=self._environment(), stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _READY_WITHIN
        while not self.layout.ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Problem(f"the stack did not start: {(self.home / 'stack.log').read_text(encoding='utf-8')}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        if self._process.stdin:
            self._process.stdin.close()
        self._process = None

    def pid_of(self, piece: str) -> int | None:
        """The main process of a piece; None while it is down."""
        found = recorded(self.layout.pid_file(piece))
        return found.pid if found else None

    def wait_healthy(self, within: float = 60.0) -> None:
        """Wait until every piece runs and answers."""
        health = self._workshop().health()
        deadline = time.monotonic() + within
        while ill := [name for name in self.options.only if self.pid_of(name) is None or not health[name]()]:
            if time.monotonic() > deadline:
                raise Problem(f"not healthy after {within:.0f} seconds: {', '.join(ill)}; see {self.home / 'log'}")
            time.sleep(0.05)

    def _workshop(self) -> Workshop:
        values = environment.read(self.layout.environment)
        return Workshop(self.options, self.layout, Cluster(self.layout, self.options.durable), values)

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        own = {"ROADSTEAD_HOME": str(self.home), "ROADSTEAD_PORT": str(self.options.port)}
        return {**inherited, **self.settings, **own}
