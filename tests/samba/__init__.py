"""A real Active Directory domain controller (Samba's), with people, nested groups and accounts that are out of use."""

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import slapd as servers

BASE = "DC=ad,DC=example,DC=com"
STAFF, GROUPS = f"OU=Staff,{BASE}", f"OU=Groups,{BASE}"
PASSWORD = "Directory-Pw1"
SEARCH = f"CN=search,{STAFF}"
DOMAIN = "ad.example.com"

_PROVISION = Path(__file__).with_name("provision.py")
# Samba's own settings, of a controller that speaks LDAP on one loopback address of its own and nothing else: the ports
# of a domain controller can't be chosen.
_SETTINGS = """[global]
realm = AD.EXAMPLE.COM
workgroup = EXAMPLE
netbios name = DC1
server role = active directory domain controller
server services = ldap
interfaces = {address}/8
bind interfaces only = yes
private dir = {home}/private
state directory = {home}/state
cache directory = {home}/cache
lock directory = {home}/lock
pid directory = {home}/run
ncalrpc dir = {home}/run/ncalrpc
binddns dir = {home}/dns
log file = {home}/log
tls enabled = yes
tls keyfile = {home}/key.pem
tls certfile = {home}/cert.pem
tls cafile = {home}/ca.pem

[sysvol]
path = {home}/state/sysvol

[netlogon]
path = {home}/state/sysvol/ad.example.com/scripts
"""


@dataclass(frozen=True)
class ActiveDirectory:
    home: Path
    address: str

    @property
    def url(self) -> str:
        return f"ldaps://{self.address}"

    @property
    def plain_url(self) -> str:
        return f"ldap://{self.address}"

    @property
    def ca(self) -> Path:
        return self.home / "ca.pem"


def group_dn(name: str) -> str:
    return f"CN={name},{GROUPS}"


@contextmanager
def running_samba(home: Path) -> Iterator[ActiveDirectory]:
    """A controller of a new domain. It takes root: port 389 can't be another one."""
    server = ActiveDirectory(home, _free_address())
    servers.make_certificates(home, server.address)
    (home / "key.pem").chmod(0o600)  # samba uses no key that others can read
    settings = home / "smb.conf"
    settings.write_text(_SETTINGS.format(home=home, address=server.address))
    for name in ("private", "state", "cache", "lock", "run", "dns"):
        (home / name).mkdir()
    _provision(settings)
    with (home / "log").open("ab") as log:
        command = [_program("samba"), "--interactive", "--model=single", "--debug-stdout", "-s", str(settings)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _provision(settings: Path) -> None:
    """Make the domain, by Samba's Python bindings: they are the system's Python's."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    command = ["/usr/bin/python3", str(_PROVISION), str(settings), PASSWORD]
    done = subprocess.run(command, env=clean, text=True, capture_output=True, check=False, timeout=300)
    assert not done.returncode, done.stderr[-3000:]


def _wait(server: ActiveDirectory, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex((server.address, 636)) == 0:
                return
        assert process.poll() is None, (server.home / "log").read_text()[-3000:]
        time.sleep(0.1)
    raise AssertionError("samba does not listen")


def _free_address() -> str:
    """A loopback address on which nobody has the ports of a domain controller. Linux answers on all of 127/8."""
    assert sys.platform == "linux"
    while True:
        address = f"127.{random.randint(64, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
        with socket.socket() as probe:
            if probe.connect_ex((address, 389)) != 0:
                return address


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert found, f"{name} is not installed: `make test` installs it"
    return found
