"""Ports for the servers that tests start."""

import secrets
import socket

# Below those that stacks choose for themselves, and below Linux' range for outgoing connections: no client's socket, of
# another worker perhaps, takes one before its server has started, or while it starts again.
_PORTS = range(10000, 20000)


def free_port() -> int:
    while True:
        port = secrets.choice(_PORTS)
        if _is_free(port):
            return port


def _is_free(port: int) -> bool:
    """On every address: a server may listen on a single one of them."""
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True
