"""The private PostgreSQL: a cluster below the home, a socket and no port, one role with a password."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.layout import Layout, own_directory, refuse_a_stranger
from deploy.problem import Problem

_DEBIAN = Path("/usr/lib/postgresql")
_ACCESS = """\
# The owner of the server process manages the cluster; everybody else shows the role's password.
local all {owner} peer
local all all scram-sha-256
"""


@dataclass(frozen=True)
class Cluster:
    """PostgreSQL's data directory, and how to run its programs there.

    PostgreSQL refuses to run as root, and the user it then runs as may not be able to enter the home (a checkout in
    /root, say). So its programs get the data directory as an open descriptor, which needs no right on the way to it.
    """

    layout: Layout
    durable: bool = True

    @property
    def owner(self) -> str:
        return "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name

    @property
    def user(self) -> str | None:
        """The user to switch to, if any."""
        return "postgres" if os.getuid() == 0 else None

    @property
    def sockets(self) -> Path:
        """Among our sockets when the server's user can reach them, else below /tmp."""
        beside = self.layout.sockets
        reachable = self.user is None or _reaches(self.user, self.layout.home)
        return (beside if reachable else self.layout.sockets_in_tmp) / "postgres"

    def prepare(self) -> None:
        """Make socket directory and cluster where they are missing."""
        if self.user and self.user not in {entry.pw_name for entry in pwd.getpwall()}:
            raise Problem(
                "PostgreSQL does not run as root and there is no user `postgres`: apt-get install postgresql."
            )
        if self.sockets.parent == self.layout.sockets_in_tmp:
            own_directory(self.sockets.parent, 0o755)
            refuse_a_stranger(self.sockets.parent)
        self._hand_over(self.sockets)
        if not (self.layout.postgres / "PG_VERSION").exists():
            self._initialise()
        self._check_version()

    def _hand_over(self, path: Path) -> None:
        """Make a directory for the server's user; its mode says who may pass."""
        try:
            path.mkdir(exist_ok=True)
            path.chmod(0o755 if path == self.sockets else 0o700)
            if self.user:
                owner = pwd.getpwnam(self.user)
                os.chown(path, owner.pw_uid, owner.pw_gid)
        except OSError as error:
            raise Problem(
                f"Cannot give {path} to user {self.owner}: {error.strerror}. Set ROADSTEAD_HOME to a local file system."
            ) from error

    def _initialise(self) -> None:
        """Run initdb beside the final place, so that one cut short is started anew rather than taken for a cluster."""
        unfinished = self.layout.postgres.with_name("postgres.new")
        subprocess.run(["rm", "-rf", str(unfinished)], check=True)
        self._hand_over(unfinished)
        options = [
            "--auth-local=peer",
            "--auth-host=reject",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
        ]
        if not self.durable:
            options.append("--no-sync")
        done = self._run("initdb", options, unfinished)
        if done.returncode:
            raise Problem(f"initdb failed: {_last_line(done.stdout)} (data directory {unfinished}).")
        (unfinished / "pg_hba.conf").write_text(_ACCESS.format(owner=self.owner), encoding="ascii")
        unfinished.replace(self.layout.postgres)

    def _run(self, program: str, arguments: Sequence[str], data: Path) -> subprocess.CompletedProcess[str]:
        descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return subprocess.run(
                [str(programs() / program), "-D", f"/proc/self/fd/{descriptor}", *arguments],
                cwd="/",
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                pass_fds=(descriptor,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        finally:
            os.close(descriptor)

    def _check_version(self) -> None:
        made_by = (self.layout.postgres / "PG_VERSION").read_text(encoding="ascii").strip()
        installed = programs().parent.name
        if made_by != installed:
            raise Problem(
                f"{self.layout.postgres} was made by PostgreSQL {made_by}, installed is {installed}:"
                f" install postgresql-{made_by}, or dump and restore as docs/operations.md says."
            )

    def drop_stale_lock(self) -> None:
        """A killed server leaves postmaster.pid; should its pid be another's by now, PostgreSQL would not start."""
        lock = self.layout.postgres / "postmaster.pid"
        if not lock.exists():
            return
        pid = lock.read_text(encoding="ascii").partition("\n")[0]
        try:
            works_here = Path(f"/proc/{pid}/cwd").samefile(self.layout.postgres)
        except OSError:
            works_here = False
        if not works_here:
            lock.unlink(missing_ok=True)

    def command(self) -> list[str]:
        """The server's command line; `{data}` stands for the data directory's descriptor."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "max_connections": "200",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            # What was committed still survives a kill -9 of PostgreSQL: the kernel has it. A power cut would lose it.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        return [
            str(programs() / "postgres"), "-D", "{data}",
            *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
        ]  # fmt: skip

    def accepts(self) -> bool:
        question = [str(programs() / "pg_isready"), "-q", "-h", str(self.sockets), "-d", "postgres"]
        return subprocess.run(question, cwd="/", check=False).returncode == 0

    def make_database(self, password: str) -> None:
        """The role and its database, where they are missing. The role may create databases: the tests need it."""
        if self._sql("SELECT 1 FROM pg_database WHERE datname = 'roadstead'") == "1":
            return
        if self._sql("SELECT 1 FROM pg_roles WHERE rolname = 'roadstead'") != "1":
            self._sql(f"CREATE ROLE roadstead LOGIN CREATEDB PASSWORD '{password}'")
        self._sql("CREATE DATABASE roadstead OWNER roadstead")

    def _sql(self, statement: str) -> str:
        """Run one statement as the cluster's owner, by standard input: a command line is no place for a secret."""
        done = subprocess.run(
            [str(programs() / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", str(self.sockets), "-d", "postgres"],
            cwd="/",
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
            input=statement,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        if done.returncode:
            raise Problem(f"PostgreSQL refused to make the database: {_last_line(done.stderr)}")
        return done.stdout.strip()


def programs() -> Path:
    """The directory of the newest PostgreSQL that Debian's packages installed."""
    versions = [path for path in _DEBIAN.glob("*/bin/initdb") if path.parent.parent.name.isdigit()]
    if not versions:
        raise Problem("PostgreSQL's programs are missing: run `make install` as root, or apt-get install postgresql.")
    return max(versions, key=lambda path: int(path.parent.parent.name)).parent


def _reaches(user: str, path: Path) -> bool:
    entering = ["test", "-x", str(path)]
    return subprocess.run(entering, cwd="/", user=user, group=user, extra_groups=[], check=False).returncode == 0


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
