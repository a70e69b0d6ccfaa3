"""Where everything of one installation lies under ROADSTEAD_HOME."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from deploy.problem import Problem

# A unix socket's path has at most 107 bytes; the longest name below it is PostgreSQL's lock file.
SOCKET_PATH_LIMIT = 107
_LONGEST_SOCKET_NAME = "/postgres/.s.PGSQL.5432.lock"
_UNSAFE = set("\"'\\$;{}\n\r\t%")


@dataclass(frozen=True)
class Layout:
    """The paths below one home. `prepare` makes the directories."""

    home: Path

    @property
    def environment(self) -> Path:
        return self.home / "env"

    @property
    def admin_password(self) -> Path:
        return self.home / "admin-password"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def configuration(self) -> Path:
        return self.home / "etc"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def ready(self) -> Path:
        """Exists while every piece has been healthy since the start."""
        return self.run / "ready"

    @property
    def postgres(self) -> Path:
        return self.home / "postgres"

    @property
    def redis(self) -> Path:
        return self.home / "redis"

    @property
    def registry(self) -> Path:
        """Distribution's blob store, unless REGISTRY_STORAGE_* names another."""
        return self.home / "registry"

    @property
    def spool(self) -> Path:
        return self.home / "spool"

    @property
    def static(self) -> Path:
        """The pages' style sheets, scripts and images, collected for nginx."""
        return self.home / "static"

    @property
    def temporary(self) -> Path:
        """nginx's temporary files and its cache of the gate's answers."""
        return self.home / "tmp"

    @property
    def sockets(self) -> Path:
        """Beside the pid files, or under /tmp when that path would be too long for a socket."""
        inside = self.home / "run"
        if len(os.fsencode(inside)) + len(_LONGEST_SOCKET_NAME) <= SOCKET_PATH_LIMIT:
            return inside
        return self.sockets_in_tmp

    @property
    def sockets_in_tmp(self) -> Path:
        mark = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path("/tmp") / f"roadstead-{os.getuid()}-{mark}"  # noqa: S108 - `own_directory` refuses one that isn't ours

    @property
    def web_socket(self) -> Path:
        return self.sockets / "web.sock"

    def log(self, piece: str) -> Path:
        return self.home / "log" / f"{piece}.log"

    def pid_file(self, piece: str) -> Path:
        return self.run / f"{piece}.pid"

    def prepare(self) -> None:
        """Make the directories; raise Problem for a home that cannot be used."""
        if bad := _UNSAFE & set(str(self.home)):
            raise Problem(f"ROADSTEAD_HOME={str(self.home)!r} holds {bad.pop()!r}: choose a path of plain characters.")
        private = (self.secrets, self.configuration, self.temporary, self.redis, self.spool)
        for directory in (self.home, self.home / "log", self.run, self.registry, self.static, *private):
            own_directory(directory, 0o700 if directory in private else 0o755)
        if self.sockets == self.sockets_in_tmp:
            own_directory(self.sockets, 0o755)
            refuse_a_stranger(self.sockets)


def own_directory(path: Path, mode: int) -> None:
    """Make `path` with `mode`, or take the one that is there if we may write to it."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        if path.stat().st_uid == os.getuid():
            path.chmod(mode)
    except OSError as error:
        raise Problem(
            f"Cannot make {path}: {error.strerror}. Set ROADSTEAD_HOME to a place you may write to."
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise Problem(f"Cannot write to {path}: run as its owner or as root, or set ROADSTEAD_HOME to another place.")


def refuse_a_stranger(path: Path) -> None:
    """A name in /tmp can be foreseen: what stands there must be a real directory of our own."""
    found = path.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        raise Problem(f"{path} belongs to another user: remove it, or set ROADSTEAD_HOME to a shorter path.")
