"""A real OpenLDAP server with people, groups and TLS, and servers that fail in other ways."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

BASE = "dc=example,dc=com"
ADMIN, ADMIN_PASSWORD = f"cn=manager,{BASE}", "manager-secret"
SEARCH, SEARCH_PASSWORD = f"cn=search,{BASE}", "search-secret"
PEOPLE, GROUPS = f"ou=people,{BASE}", f"ou=groups,{BASE}"
PASSWORD = "Directory-Pw1"

_ENTRIES = f"""
dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: {SEARCH}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: search
userPassword: {SEARCH_PASSWORD}

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: ou=former,{BASE}
objectClass: organizationalUnit
ou: former

dn: {GROUPS}
objectClass: organizationalUnit
ou: groups
"""


def person_dn(uid: str, unit: str = PEOPLE) -> str:
    return f"uid={uid},{unit}"


def _person(uid: str, unit: str = PEOPLE) -> str:
    return f"""
dn: {person_dn(uid, unit)}
objectClass: inetOrgPerson
uid: {uid}
cn: {uid.title()}
sn: {uid.title()}
displayName: {uid.title()} Example
mail: {uid}@example.com
userPassword: {PASSWORD}
"""


def group_dn(name: str) -> str:
    return f"cn={name},{GROUPS}"


def _group(name: str, *members: str) -> str:
    lines = "".join(f"member: {person_dn(member)}\n" for member in members)
    return f"\ndn: {group_dn(name)}\nobjectClass: groupOfNames\ncn: {name}\n{lines}"


_DATA = (
    _ENTRIES
    + "".join(map(_person, ("lena", "otto", "ruth", "twin", "admin")))
    + _person("twin", f"ou=former,{BASE}")
    + _group("builders", "lena", "otto")
    + _group("admins", "ruth")
)


@dataclass
class Slapd:
    """A server that can be stopped, started again and changed."""

    home: Path
    port: int
    tls_port: int
    process: subprocess.Popen[bytes] | None = None
    own_reads: int = 0

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def ca(self) -> Path:
        return self.home / "ca.pem"

    def start(self) -> None:
        if self.process is not None:
            return
        listen = f"{self.url}/ {self.tls_url}/"
        command = [_program("slapd"), "-f", str(self.home / "slapd.conf"), "-h", listen, "-d", "0"]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, (self.home / "log").read_text()
            time.sleep(0.05)
        raise AssertionError("slapd does not listen")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def modify(self, ldif: str, *options: str) -> None:
        command = ["ldapmodify", "-x", "-H", self.url, "-D", ADMIN, "-w", ADMIN_PASSWORD, *options]
        done = subprocess.run(command, input=ldif, text=True, capture_output=True, check=False, timeout=30)
        assert not done.returncode, done.stderr

    def add_person(self, uid: str) -> None:
        self.modify(_person(uid), "-a")

    def reads(self) -> int:
        """How many searches it has been asked so far, this one not counted."""
        command = ["ldapsearch", "-x", "-LLL", "-H", self.url, "-D", ADMIN, "-w", ADMIN_PASSWORD]
        command += ["-b", "cn=Search,cn=Operations,cn=Monitor", "-s", "base", "monitorOpCompleted"]
        done = subprocess.run(command, text=True, capture_output=True, check=True, timeout=30)
        self.own_reads += 1
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("monitorOpCompleted")]
        return int(line.partition(":")[2]) - self.own_reads + 1


@contextmanager
def running_slapd(home: Path) -> Iterator[Slapd]:
    (home / "data").mkdir(parents=True)
    make_certificates(home)
    schemas = "".join(
        f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "nis", "inetorgperson")
    )
    (home / "slapd.conf").write_text(
        f"""{schemas}
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload back_monitor
moduleload memberof
pidfile {home}/pid
TLSCACertificateFile {home}/ca.pem
TLSCertificateFile {home}/cert.pem
TLSCertificateKeyFile {home}/key.pem
database monitor
access to * by dn.exact="{ADMIN}" read by * none
database mdb
suffix "{BASE}"
rootdn "{ADMIN}"
rootpw {ADMIN_PASSWORD}
directory {home}/data
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{SEARCH}" read by * none
"""
    )
    server = Slapd(home, free_port(), free_port())
    try:
        server.start()
        server.modify(_DATA, "-a")
        yield server
    finally:
        server.stop()


@contextmanager
def silent_server() -> Iterator[str]:
    """The URL of a server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"ldap://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def dripping_server() -> Iterator[str]:
    """The URL of a server that begins an answer and sends a byte of it now and then, without end."""
    ended = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(b"\x30\x84\x7f\xff\xff\xff")  # a sequence of 2 GiB begins
            while not ended.wait(0.05):
                connection.sendall(b"\x02")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        try:
            yield f"ldap://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            thread.join(10)


def dead_url() -> str:
    return f"ldap://127.0.0.1:{free_port()}"


def make_ca(home: Path, name: str = "ca") -> Path:
    """A certificate authority: its certificate, with its key beside it."""
    certificate = home / f"{name}.pem"
    _openssl(
        "req", "-x509", *_KEY, "-days", "2", "-subj", f"/CN=Test {name}",
        "-keyout", str(home / f"{name}.key"), "-out", str(certificate),
    )  # fmt: skip
    return certificate


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_certificates(home: Path, address: str = "127.0.0.1") -> None:
    """`cert.pem` and `key.pem` of a server at `address`, signed by the authority `ca.pem`."""
    ca = make_ca(home)
    request, names = home / "cert.csr", home / "names"
    names.write_text(f"subjectAltName=IP:{address}\n")
    _openssl("req", *_KEY, "-subj", "/CN=directory", "-keyout", str(home / "key.pem"), "-out", str(request))
    _openssl(
        "x509", "-req", "-in", str(request), "-CA", str(ca), "-CAkey", str(home / "ca.key"), "-CAcreateserial",
        "-days", "2", "-extfile", str(names), "-out", str(home / "cert.pem"),
    )  # fmt: skip


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert found, f"{name} is not installed: `make test` installs it"
    return found
