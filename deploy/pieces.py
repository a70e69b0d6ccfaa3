"""The programs of a stack: what each is called, how it is started, and how it says that it is well."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from config.home import CHECKOUT
from deploy import probes
from deploy.environment import child_environment, filesystem_root
from deploy.layout import Layout
from deploy.nginx import Site, render
from deploy.postgres import Cluster
from deploy.problem import Problem
from deploy.supervisor import Piece

ORDER = ("postgres", "redis", "registry", "web", "worker", "replicator", "clock", "nginx")
STORES = ORDER[:3]  # what has to be there before the database is migrated
STOP_SIGNALS = {"postgres": signal.SIGINT, "nginx": signal.SIGQUIT}  # the others take SIGTERM for a clean end
_SBIN = os.pathsep + "/usr/sbin" + os.pathsep + "/usr/local/sbin"


@dataclass(frozen=True)
class Options:
    """What the caller chose for one stack; the command line reads it from the environment."""

    home: Path
    port: int = 8080
    hostname: str = "localhost"
    certificate: Path | None = None
    key: Path | None = None
    trusted: tuple[str, ...] = ()
    only: tuple[str, ...] = ORDER
    durable: bool = True
    workers: int = os.cpu_count() or 1

    @property
    def url(self) -> str:
        scheme, usual = ("https", 443) if self.certificate else ("http", 80)
        return f"{scheme}://{self.hostname}" + ("" if self.port == usual else f":{self.port}")


@dataclass(frozen=True)
class Workshop:
    """Makes the pieces of one stack from its options and its `env` file."""

    options: Options
    layout: Layout
    cluster: Cluster
    values: Mapping[str, str]

    def piece(self, name: str) -> Piece:
        return getattr(self, f"_{name}")()  # type: ignore[no-any-return]

    def health(self) -> dict[str, Callable[[], bool]]:
        return {name: self.piece(name).healthy for name in self.options.only}

    @property
    def environment(self) -> dict[str, str]:
        return child_environment(self.layout, self.values)

    def _postgres(self) -> Piece:
        return Piece(
            name="postgres",
            command=self.cluster.command(),
            healthy=self.cluster.accepts,
            environment=plain_environment(),
            stop_signal=STOP_SIGNALS["postgres"],
            user=self.cluster.user,
            directory=self.layout.postgres,
            before=self.cluster.drop_stale_lock,
        )

    def _redis(self) -> Piece:
        """Broker and cache: in memory only, because it may vanish. The password is in a file, not in the command."""
        return Piece(
            name="redis",
            command=[program("redis-server"), str(self.layout.configuration / "redis.conf")],
            healthy=partial(probes.redis_at, self.values["REDIS_URL"]),
            environment=plain_environment(),
        )

    def _registry(self) -> Piece:
        address = urlsplit(self.values["REGISTRY_URL"])
        environment = plain_environment() | {
            **{name: value for name, value in self.values.items() if name.startswith("REGISTRY_")},
            "REGISTRY_HTTP_ADDR": address.netloc,
            "GOGC": "off",
            "GOMEMLIMIT": "512MiB",
        }
        environment.pop("REGISTRY_URL")
        environment.pop("AWS_CA_BUNDLE", None)  # it panics the s3 driver
        return Piece(
            name="registry",
            command=[program("docker-registry"), "serve", str(CHECKOUT / "deploy" / "registry.yml")],
            healthy=partial(probes.http_at, address.port or 80),
            environment=environment,
        )

    def _web(self) -> Piece:
        socket = self.layout.web_socket
        return Piece(
            name="web",
            command=web_command(["--uds", str(socket), "--uds-permissions", "0o600"], self.options.workers),
            healthy=partial(probes.http_over_socket, socket),
            environment=self.environment,
            before=partial(socket.unlink, missing_ok=True),
        )

    def _worker(self) -> Piece:
        return Piece(
            name="worker",
            command=worker_command(self.options.workers),
            healthy=partial(probes.log_says, self.layout.log("worker"), " ready."),
            environment=self.environment,
        )

    def _replicator(self) -> Piece:
        return Piece(
            name="replicator",
            command=replicator_command(self.options.workers + 1),
            healthy=partial(probes.log_says, self.layout.log("replicator"), " ready."),
            environment=self.environment,
        )

    def _clock(self) -> Piece:
        return Piece(
            name="clock",
            command=[sys.executable, str(CHECKOUT / "manage.py"), "clock"],
            healthy=partial(probes.log_says, self.layout.log("clock"), "\n"),
            environment=self.environment,
        )

    def _nginx(self) -> Piece:
        configuration = str(self.layout.configuration / "nginx.conf")
        return Piece(
            name="nginx",
            command=[program("nginx"), "-e", "stderr", "-p", str(self.layout.home), "-c", configuration],
            healthy=partial(probes.http_at, self.options.port, tls=self.options.certificate is not None),
            environment=plain_environment(),
            stop_signal=STOP_SIGNALS["nginx"],
        )

    def site(self) -> Site:
        return Site(
            port=self.options.port,
            web=f"unix:{self.layout.web_socket}",
            registry=urlsplit(self.values["REGISTRY_URL"]).netloc,
            temporary=self.layout.temporary,
            static=self.layout.static,
            pid=self.layout.run / "nginx-master.pid",
            store=filesystem_root(self.values),
            certificate=self.options.certificate,
            key=self.options.key,
            trusted=self.options.trusted,
            root=os.getuid() == 0,
            ipv6=Path("/proc/net/if_inet6").exists(),
        )

    def configure(self) -> None:
        """Write the configuration files of nginx and Redis."""
        url = urlsplit(self.values["REDIS_URL"])
        redis = [
            f"bind {url.hostname}", f"port {url.port}", f"requirepass {url.password}", f"dir {self.layout.redis}",
            'save ""', "appendonly no", "maxmemory 256mb", "maxmemory-policy volatile-lru", "daemonize no",
        ]  # fmt: skip
        for name, text in (("redis.conf", "\n".join(redis) + "\n"), ("nginx.conf", render(self.site()))):
            path = self.layout.configuration / name
            path.touch(0o600)
            path.write_text(text, encoding="utf-8")


def web_command(listen: list[str], workers: int) -> list[str]:
    """Django under granian: one thread a process, because a second one only waits for the first one's lock."""
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws",
        "--workers", str(workers), "--blocking-threads", "1", "--respawn-failed-workers", "--respawn-interval", "0.2",
        "--workers-kill-timeout", "8", "--log-level", "warning", "--working-dir", str(CHECKOUT),
        *listen, "config.wsgi:application",
    ]  # fmt: skip


def worker_command(workers: int) -> list[str]:
    """What is short: the clock's work."""
    return _celery("maintenance", workers)


def replicator_command(workers: int, *sites: str) -> list[str]:
    """What takes as long as it takes: artifacts moved from site to site, so many at once. `sites` are endpoints that
    have a queue of their own (ROADSTEAD_SITE_QUEUES): with any, no other's work is taken."""
    return _celery(",".join(f"replication.{site}" for site in sites) or "replication", workers)


def _celery(queues: str, workers: int) -> list[str]:
    return [
        sys.executable, "-m", "celery", "--workdir", str(CHECKOUT), "-A", "config", "worker", "--loglevel", "INFO",
        "--queues", queues, "--hostname", f"{queues.partition(',')[0]}@%h", "--concurrency", str(workers),
        "--without-gossip", "--without-mingle",
    ]  # fmt: skip


def program(name: str) -> str:
    """The full path of a Debian program. /usr/sbin is looked into too: it is not on everybody's PATH."""
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + _SBIN)
    if not found:
        raise Problem(f"{name} is missing: run `make install` as root.")
    return found


def plain_environment() -> dict[str, str]:
    """The caller's environment without anything that would configure a server behind our back."""
    prefixes = ("REGISTRY_", "ROADSTEAD_", "PG", "NGINX")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
