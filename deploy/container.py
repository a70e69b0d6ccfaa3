"""What a container runs, from the environment alone; `healthy` asks the piece of its own container."""

import os
import subprocess
import sys
import time
from pathlib import Path

from config.home import CHECKOUT
from deploy import following, probes
from deploy.__main__ import options_from
from deploy.environment import filesystem_root
from deploy.nginx import Site, render
from deploy.pieces import program, replicator_command, web_command, worker_command
from deploy.problem import Problem

_CACHE = Path("/cache")
_WEB, _NGINX = 8000, 8080  # the ports inside
_PATIENCE = 600  # seconds; then the container ends, and is started again
_MANAGE = [sys.executable, str(CHECKOUT / "manage.py")]


def main(piece: str) -> int:
    try:
        return _PIECES[piece]()
    except KeyError:
        print(f"usage: python -m deploy.container {' | '.join(_PIECES)}", file=sys.stderr)
        return 2
    except Problem as problem:
        print(f"roadstead: {problem}", file=sys.stderr)
        return 1


def web() -> int:
    """Bring the database up to date, then become granian."""
    for command in (["migrate", "--noinput"], ["bootstrap"]):
        if status := subprocess.run([*_MANAGE, *command], check=False).returncode:
            return status
    return _become(web_command(["--host", "0.0.0.0", "--port", str(_WEB)], _workers()))  # noqa: S104 - a private network


def worker() -> int:
    return _once_migrated(worker_command(_workers()))


def replicator() -> int:
    """For all sites, or for those that ROADSTEAD_SERVES names."""
    sites = filter(None, os.environ.get("ROADSTEAD_SERVES", "").split(","))
    return _once_migrated(replicator_command(int(os.environ.get("ROADSTEAD_REPLICATORS") or _workers() + 1), *sites))


def clock() -> int:
    return _once_migrated([*_MANAGE, "clock"])


def nginx() -> int:
    """Render the template for this container, then run nginx."""
    options = options_from(os.environ, (), durable=True)
    configuration = _CACHE / "nginx.conf"
    site = Site(
        port=_NGINX,
        web=os.environ.get("ROADSTEAD_WEB", f"web:{_WEB}"),
        registry=os.environ.get("ROADSTEAD_REGISTRY", "registry:5000"),
        temporary=_CACHE,
        static=Path(os.environ.get("ROADSTEAD_STATIC", "/static")),
        pid=_CACHE / "nginx.pid",
        store=filesystem_root(os.environ),
        certificate=options.certificate,
        key=options.key,
        trusted=options.trusted,
    )
    configuration.write_text(render(site), encoding="utf-8")
    command = [program("nginx"), "-e", "stderr", "-p", str(_CACHE), "-c", str(configuration)]
    places = [place for place in (site.web, site.registry) if not place.startswith("unix:")]
    return following.run(command, [place.rpartition(":")[0] for place in places])


def healthy() -> int:
    """0 when what listens in this container answers."""
    tls = bool(os.environ.get("ROADSTEAD_TLS_CERT"))
    return 0 if probes.http_at(_WEB) or probes.http_at(_NGINX, tls=tls) else 1


def _once_migrated(command: list[str]) -> int:
    """Become it once the database is as this version knows it: `web` sees to that."""
    end = time.monotonic() + _PATIENCE
    while subprocess.run([*_MANAGE, "migrate", "--check"], check=False, capture_output=True).returncode:
        if time.monotonic() > end:
            raise Problem("The database isn't there, or not of this version: see what `web` says, which migrates it.")
        time.sleep(2)
    return _become(command)


def _workers() -> int:
    return int(os.environ.get("ROADSTEAD_WORKERS") or os.cpu_count() or 1)


def _become(command: list[str]) -> int:
    os.execv(command[0], command)  # noqa: S606 - a fixed command, and no shell is wanted


_PIECES = {
    "web": web,
    "worker": worker,
    "replicator": replicator,
    "clock": clock,
    "nginx": nginx,
    "healthy": healthy,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
