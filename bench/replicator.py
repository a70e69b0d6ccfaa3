"""Replication as the API drives it, and skopeo doing the same: each copies, and says how long that took."""

import base64
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench import cpu
from bench.load import Load
from bench.product import USER, Product, ProductError

TIMEOUT = 900  # seconds
POLL = 0.02


class Replicator:
    """A product's policies, made and carried out by its administrator."""

    def __init__(self, product: Product) -> None:
        self.product = product
        pair = base64.b64encode(f"admin:{product.stack.admin_password}".encode()).decode()
        self.headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/json"}
        self.made = 0

    def policy(self, repositories: str, url: str, *, kind: str = "docker-registry", login: str = "") -> int:
        """One that pushes what matches to the registry at `url`: an endpoint of its own, of which nothing is known."""
        self.made += 1
        registry: dict[str, Any] = {"name": f"to-{self.made}", "type": kind, "url": url, "insecure": True}
        if login:
            name, _, password = login.partition(":")
            registry["credential"] = {"type": "basic", "access_key": name, "access_secret": password}
        body = {
            "name": f"policy-{self.made}",
            "dest_registry": {"id": self._make("registries", registry)},
            "filters": [{"type": "name", "value": repositories}],
            "trigger": {"type": "manual"},
            "override": True,
            "enabled": True,
        }
        return self._make("replication/policies", body)

    def run(self, policy: int) -> float:
        """Carry it out; seconds from the request until the execution has succeeded."""
        begun = time.monotonic()
        number = self._make("replication/executions", {"policy_id": policy})
        with self.product.database() as connection:
            query = "SELECT state, text FROM replication_execution WHERE id = %s"
            while (row := connection.execute(query, [number]).fetchone()) and row[0] == "InProgress":
                if time.monotonic() - begun > TIMEOUT:
                    raise ProductError(f"execution {number} goes on after {TIMEOUT} s")
                time.sleep(POLL)
        if row is None or row[0] != "Succeed":
            raise ProductError(f"execution {number} came to {row}")
        return time.monotonic() - begun

    def _make(self, path: str, body: dict[str, Any]) -> int:
        connection = HTTPConnection("127.0.0.1", self.product.port, timeout=30)
        connection.request("POST", f"/api/v2.0/{path}", body=json.dumps(body), headers=self.headers)
        answer = connection.getresponse()
        words = answer.read()
        connection.close()
        if answer.status != 201:
            raise ProductError(f"POST {path}: {answer.status} {words[:500]!r}")
        return int(answer.headers["Location"].rpartition("/")[2])

    @contextmanager
    def watched(self) -> Iterator[list[int]]:
        """Sees how large the largest worker process becomes: the only entry of the list, in bytes."""
        seen, done = [0], threading.Event()

        def look() -> None:
            while not done.wait(0.1):
                if pid := self.product.stack.pid_of("replicator"):
                    seen[0] = max([seen[0], *(cpu.resident(process) for process in cpu.tree([pid]))])

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield seen
        finally:
            done.set()
            thread.join()


def sync(
    home: Path, source: str, names: list[str], destination: str, *, login: str = "", destination_login: str = ""
) -> Load:
    """`skopeo sync` of all tags of the repositories `names`, which knows nothing from an earlier run.

    `source` and `destination` are URLs; the repositories come below the project of the same name.
    """
    host, project = source.removeprefix("http://"), names[0].partition("/")[0]
    what: dict[str, Any] = {"tls-verify": False, "images": {name: [] for name in names}}
    if login:
        what["credentials"] = dict(zip(("username", "password"), login.split(":", 1), strict=True))
    wanted = home / "sync.yml"
    wanted.write_text(json.dumps({host: what}))  # JSON is YAML
    target = f"{destination.removeprefix('http://')}/{project}"
    command = ["sync", "--src", "yaml", "--dest", "docker", "--dest-tls-verify=false"]
    command.append(f"--dest-creds={destination_login}" if destination_login else "--dest-no-creds")
    return _skopeo(home, [*command, str(wanted), target])


def copy(home: Path, source: str, name: str, destination: str) -> Load:
    """`skopeo copy --all` of one image without credentials, as a program that knows nothing from an earlier run."""
    places = [f"docker://{url.removeprefix('http://')}/{name}" for url in (source, destination)]
    return _skopeo(home, ["copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", *places])


def _skopeo(home: Path, arguments: list[str]) -> Load:
    """Its cache of where blobs are lies below `home`, and goes first."""
    cache = home / "containers" / "cache"
    for path in cache.glob("*"):
        path.unlink()
    environment = {**os.environ, "XDG_DATA_HOME": str(home), "_CONTAINERS_ROOTLESS_UID": "1"}
    begun = time.monotonic()
    done = subprocess.run(
        ["skopeo", "--insecure-policy", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    seconds = time.monotonic() - begun
    if done.returncode:
        raise ProductError(f"skopeo {arguments[0]}: {done.stderr[-1000:]}")
    return Load(1, 0, seconds)


def bencher(product: Product) -> str:
    return f"{USER}:{product.password}"
