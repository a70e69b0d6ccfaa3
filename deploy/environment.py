"""What the pieces are told: secrets made once, free ports kept, and the `env` file that `manage.py` reads too."""

import os
import random
import secrets
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from deploy.layout import Layout
from deploy.problem import Problem

# Below Linux' range for outgoing connections, so that no client's socket sits on a port while its server restarts.
_PORTS = range(20000, 32000)
_STORAGE = "REGISTRY_STORAGE_"
_DRIVERS = ("FILESYSTEM", "S3", "GCS", "AZURE")
# Names that say where a piece is: the stack knows better than the shell it was started from.
OWNED = frozenset(
    {
        "CELERY_BROKER_URL",
        "DATABASE_URL",
        "REDIS_URL",
        "REGISTRY_URL",
        "REGISTRY_HTTP_SECRET",
        "ROADSTEAD_ADMIN_PASSWORD",
        "ROADSTEAD_HOME",
        "ROADSTEAD_SECRET_KEY",
        "ROADSTEAD_SECRET_KEY_FILE",
        "ROADSTEAD_SPOOL",
        "ROADSTEAD_STATIC",
    }
)


def secret(path: Path, length: int = 32) -> str:
    """The secret in `path`, made on first use; the file is complete and 0600 from its first moment."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        value = _generated(length)
        write_private(path, value + "\n")
        return value


def _generated(length: int) -> str:
    """A random secret with a letter of both cases and a digit, without which no password is taken for a user's."""
    while True:
        value = secrets.token_urlsafe(length)
        if all(any(map(kind, value)) for kind in (str.isupper, str.islower, str.isdigit)):
            return value


def write_private(path: Path, text: str) -> None:
    """Replace `path` at once by a file that only its owner can read."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)


def read(path: Path) -> dict[str, str]:
    """The `NAME=value` lines of an `env` file; none where there is no file."""
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    return {name.strip(): value.strip() for name, sign, value in pairs if sign and not name.startswith("#")}


def prepare(layout: Layout, given: Mapping[str, str], database_sockets: Path) -> dict[str, str]:
    """Write the `env` file from what it said before, what the caller's environment says, and what we generate."""
    before = read(layout.environment)
    database_password, redis_password = (
        secret(layout.secrets / name) for name in ("database-password", "redis-password")
    )
    ports = distinct_ports(_port_in(before.get("REDIS_URL")), _port_in(before.get("REGISTRY_URL")))
    secret(layout.secrets / "secret-key", 48)
    kept = {name: value for name, value in before.items() if name not in OWNED and not name.startswith(_STORAGE)}
    values = {
        **kept,
        **storage(layout, before, given),
        "DATABASE_URL": f"postgresql://roadstead:{database_password}@{quote(str(database_sockets), safe='')}/roadstead",
        "REDIS_URL": f"redis://:{redis_password}@127.0.0.1:{next(ports)}/0",
        "REGISTRY_URL": f"http://127.0.0.1:{next(ports)}",
        "REGISTRY_HTTP_SECRET": secret(layout.secrets / "registry-secret"),
        "ROADSTEAD_SECRET_KEY_FILE": str(layout.secrets / "secret-key"),
        "ROADSTEAD_SPOOL": str(layout.spool),
    }
    head = "# Written at each start of the stack; a line of your own under a name of your own is kept.\n"
    write_private(layout.environment, head + "".join(f"{name}={value}\n" for name, value in values.items()))
    return values


def storage(layout: Layout, before: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Distribution's storage variables: those given now, else those of the last start, else files below the home.

    A store once chosen stays chosen: a start without its variables must not come up with an empty registry.
    """
    if now := _storage_of(given):
        chosen = now if _driver(now) else {**_storage_of(before), **now}
    else:
        chosen = _storage_of(before)
    if not _driver(chosen):
        chosen[_STORAGE + "FILESYSTEM_ROOTDIRECTORY"] = str(layout.registry)
    if any("\n" in value for value in chosen.values()):
        raise Problem("A REGISTRY_STORAGE_ variable holds a line break: give its value on one line.")
    return chosen


def filesystem_root(values: Mapping[str, str]) -> Path | None:
    """The blob store's directory when it is on a file system; None for S3, GCS and Azure."""
    root = values.get(_STORAGE + "FILESYSTEM_ROOTDIRECTORY")
    return Path(root) if root else None


def child_environment(layout: Layout, values: Mapping[str, str]) -> dict[str, str]:
    """What web, worker, clock and `manage.py` see: the shell's environment, with our own names set over it."""
    inherited = {
        name: value for name, value in os.environ.items() if name not in OWNED and not name.startswith(_STORAGE)
    }
    return {**inherited, **values, "ROADSTEAD_HOME": str(layout.home), "PYTHONUNBUFFERED": "1"}


def _storage_of(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name.startswith(_STORAGE)}


def _driver(values: Mapping[str, str]) -> str | None:
    return next(
        (driver for driver in _DRIVERS if any(name.startswith(_STORAGE + driver + "_") for name in values)), None
    )


def _port_in(url: str | None) -> int | None:
    return urlsplit(url).port if url else None


def distinct_ports(*wanted: int | None) -> Iterator[int]:
    """Each wanted port if it is still free, else another free one; none twice."""
    used: set[int] = set()
    for port in wanted:
        free = port if port and port not in used and is_free(port) else _free_port(used)
        used.add(free)
        yield free


def _free_port(used: set[int]) -> int:
    candidates = random.sample(_PORTS, 200)
    for port in candidates:
        if port not in used and is_free(port):
            return port
    raise Problem(f"No free port found between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1: stop what holds them.")


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True
