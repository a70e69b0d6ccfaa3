"""nginx in a container: it looks names up once, at its start, and is told anew when one stands for another address."""

import signal
import socket
import subprocess
from collections.abc import Iterable, Sequence

_SECONDS = 2.0  # between looks

Addresses = frozenset[tuple[str, str]]  # each name with each of its addresses


def run(command: Sequence[str], names: Iterable[str]) -> int:
    """Run nginx until it ends; its exit status. What the container is told to do, it is told too."""
    wanted = list(names)
    known = _addresses(wanted)
    child = subprocess.Popen(command)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, lambda told, _frame: child.send_signal(told))
    while True:
        try:
            return child.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            found = _addresses(wanted)
        if found is not None and found != known:
            known = found
            child.send_signal(signal.SIGHUP)  # it reads its configuration again, and breaks off nothing


def _addresses(names: Iterable[str]) -> Addresses | None:
    """None while one has no address: a piece that is down. nginx goes on with what it knows."""
    try:
        return frozenset((name, str(found[4][0])) for name in names for found in socket.getaddrinfo(name, None))
    except OSError:
        return None
