"""The real clients, each kept to directories of its own: docker with an engine, podman, skopeo, buildah."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

TIMEOUT = 180  # seconds; a client that takes longer hangs
# Debian's own programs first: a newer docker elsewhere on the PATH may not speak to Debian's engine.
PROGRAMS = "/usr/bin:/usr/sbin:" + os.environ.get("PATH", "")


class ClientFailed(AssertionError):
    """A client that was to succeed failed, or the other way round; its words say how."""


def program(name: str) -> str:
    found = shutil.which(name, path=PROGRAMS)
    assert found, f"{name} is not installed: the flows need it (`make test` installs it)"
    return found


@dataclass
class Client:
    """One client program with its own login and storage, under `home`."""

    home: Path
    insecure: bool = True
    environment: dict[str, str] = field(default_factory=dict)

    def execute(self, *command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        self.home.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"HOME": str(self.home), "TMPDIR": str(self.home)} | self.environment
        return subprocess.run(
            [program(command[0]), *command[1:]],
            input=stdin,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """What the client prints; ClientFailed when it fails."""
        done = self.execute(*self.command(*arguments), stdin=stdin)
        if done.returncode:
            raise ClientFailed(f"{' '.join(done.args)} failed: {done.stderr.strip()} {done.stdout.strip()}")
        return done.stdout.strip()

    def refused(self, *arguments: str, stdin: str | None = None) -> str:
        """The words of a client that must fail."""
        done = self.execute(*self.command(*arguments), stdin=stdin)
        if not done.returncode:
            raise ClientFailed(f"{' '.join(done.args)} was to fail, and printed {done.stdout.strip()}")
        return done.stderr.strip() + done.stdout.strip()

    def command(self, *arguments: str) -> list[str]:
        raise NotImplementedError

    def login(self, host: str, username: str, password: str) -> str:
        return self.run("login", *self.flags, "-u", username, "--password-stdin", host, stdin=password)

    def login_refused(self, host: str, username: str, password: str) -> str:
        return self.refused("login", *self.flags, "-u", username, "--password-stdin", host, stdin=password)

    def own_login(self) -> None:
        """Keep logins in a file of our own; podman refuses to start when it is missing."""
        kept = self.home / "auth.json"
        self.home.mkdir(parents=True, exist_ok=True)
        if not kept.exists():
            kept.write_text("{}")
        self.environment["REGISTRY_AUTH_FILE"] = str(kept)

    @property
    def flags(self) -> list[str]:
        return ["--tls-verify=false"] if self.insecure else []


@dataclass
class Docker(Client):
    """The docker command line as one person, speaking to a shared engine."""

    socket: Path = Path("/nowhere")

    def command(self, *arguments: str) -> list[str]:
        return ["docker", "--config", str(self.home / "config"), "-H", f"unix://{self.socket}", *arguments]

    @property
    def flags(self) -> list[str]:
        return []

    def stored(self, host: str) -> dict[str, str]:
        """What the login left in docker's configuration for `host`."""
        configuration = json.loads((self.home / "config/config.json").read_text())
        found: dict[str, str] = configuration.get("auths", {}).get(host, {})
        return found

    def image_id(self, name: str) -> str:
        return self.run("image", "inspect", "--format", "{{.Id}}", name)

    def build(self, name: str, *files: tuple[str, bytes]) -> str:
        """Build an image of one layer a file, from nothing; answer its id."""
        context = self.home / f"context-{os.urandom(4).hex()}"
        context.mkdir(parents=True)
        lines = ["FROM scratch"]
        for place, (target, payload) in enumerate(files):
            (context / f"file{place}").write_bytes(payload)
            (context / f"file{place}").chmod(0o755)
            lines.append(f"COPY file{place} {target}")
        (context / "Dockerfile").write_text("\n".join([*lines, 'CMD ["/bin/busybox", "true"]']) + "\n")
        self.run("build", "-q", "-t", name, str(context))
        return self.image_id(name)


@dataclass
class Podman(Client):
    def command(self, *arguments: str) -> list[str]:
        self.own_login()
        storage = ["--root", str(self.home / "storage"), "--runroot", str(self.home / "run"), "--storage-driver", "vfs"]
        return ["podman", *storage, "--cgroup-manager=cgroupfs", *arguments]


@dataclass
class Buildah(Client):
    def command(self, *arguments: str) -> list[str]:
        self.own_login()
        storage = ["--root", str(self.home / "storage"), "--runroot", str(self.home / "run"), "--storage-driver", "vfs"]
        return ["buildah", *storage, *arguments]


@dataclass
class Skopeo(Client):
    def command(self, *arguments: str) -> list[str]:
        self.own_login()
        return ["skopeo", "--insecure-policy", *arguments]

    def copy(self, source: str, target: str, *options: str) -> str:
        insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"] if self.insecure else []
        return self.run("copy", *insecure, *options, source, target)


@contextmanager
def docker_engine(home: Path) -> Iterator[Path]:
    """An engine of our own, with no network and no system service touched; yields its socket."""
    assert os.geteuid() == 0, "the docker engine needs root: run the tests as root or with sudo"
    home.mkdir(parents=True)
    socket, log = home / "docker.sock", home / "dockerd.log"
    command = [program("dockerd"), "--data-root", str(home / "data"), "--exec-root", str(home / "exec")]
    command += ["--pidfile", str(home / "docker.pid"), "-H", f"unix://{socket}", "--storage-driver=vfs"]
    command += ["--iptables=false", "--ip6tables=false", "--bridge=none", "--shutdown-timeout=2"]
    with log.open("wb") as output:
        engine = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        _await_engine(engine, socket, log)
        yield socket
    finally:
        engine.terminate()
        engine.wait(30)


def _await_engine(engine: subprocess.Popen[bytes], socket: Path, log: Path) -> None:
    asking = Docker(socket.parent / "probe", socket=socket)
    for _ in range(300):
        if socket.exists() and not asking.execute(*asking.command("version")).returncode:
            return
        assert engine.poll() is None, f"the docker engine ended: {log.read_text()[-2000:]}"
        time.sleep(0.1)
    raise AssertionError(f"the docker engine did not answer: {log.read_text()[-2000:]}")


def busybox() -> bytes:
    found = shutil.which("busybox", path="/bin:/usr/bin")
    assert found, "busybox is not installed: the images are built from busybox-static"
    return Path(found).read_bytes()
