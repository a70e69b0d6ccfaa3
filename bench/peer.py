"""The other side: Distribution 2.8.2 run directly, with the settings of its Debian package."""

import base64
import hashlib
import json
import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench import cpu
from bench.client import Client

START_TIMEOUT = 15  # seconds
STOP_TIMEOUT = 10

# What DESIGN calls tuned: no collection before half a GiB is in use. Measured for information.
TUNED = {"GOGC": "off", "GOMEMLIMIT": "512MiB"}


class PeerError(Exception):
    """Distribution did not come up."""


class Signer:
    """A key, its self-signed certificate and tokens made with it, for a Distribution that verifies tokens itself."""

    issuer = "bench-issuer"
    service = "bench-registry"

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    def certificate(self) -> bytes:
        """PEM, for `rootcertbundle`."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.issuer)])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(minutes=5)).not_valid_after(now + timedelta(days=1))
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def key_id(self) -> str:
        """libtrust's: base32 of the first 30 bytes of the SHA-256 of the DER public key, in groups of four."""
        der = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
        return ":".join(text[start : start + 4] for start in range(0, len(text), 4))

    def token(self, scope: str) -> str:
        """A token of one hour for one `type:name:actions`."""
        kind, name, actions = scope.split(":")
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.service,
            "sub": "bench",
            "iat": now,
            "nbf": now - 10,
            "exp": now + 3600,
            "jti": os.urandom(8).hex(),
            "access": [{"type": kind, "name": name, "actions": actions.split(",")}],
        }
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": self.key_id()})

    def authorize(self, scope: str) -> dict[str, str]:
        """The header with such a token."""
        return {"Authorization": f"Bearer {self.token(scope)}"}


class Peer:
    """One Distribution on a loopback port with its own directory; content may be shared with another (`store`)."""

    def __init__(
        self,
        home: Path,
        port: int,
        *,
        store: Path | None = None,
        environment: dict[str, str] | None = None,
        signer: Signer | None = None,
    ) -> None:
        self.home = home
        self.port = port
        self.store = store or home / "store"
        self.environment = environment or {}
        self.signer = signer
        self.process: subprocess.Popen[bytes] | None = None
        self.client = Client(self.url, self.authorize)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def authorize(self, scope: str) -> dict[str, str]:
        return self.signer.authorize(scope) if self.signer else {}

    def cpu(self) -> float:
        assert self.process is not None
        return cpu.seconds([self.process.pid])

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        self.store.mkdir(parents=True, exist_ok=True)
        configuration = self.home / "config.yml"
        configuration.write_text(json.dumps(self._settings(), indent=2))  # JSON is YAML
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["docker-registry", "serve", str(configuration)],
                env=_plain_environment() | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._await()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_TIMEOUT)

    def _settings(self) -> dict[str, Any]:
        """Debian's /etc/docker/registry/config.yml, but for the directory, the address and its htpasswd login.

        The login is left out in the peer's favour: a bcrypt comparison a request would be no contest.
        """
        settings: dict[str, Any] = {
            "version": 0.1,
            "log": {"fields": {"service": "registry"}},
            "storage": {
                "cache": {"blobdescriptor": "inmemory"},
                "filesystem": {"rootdirectory": str(self.store)},
                "delete": {"enabled": True},
            },
            "http": {"addr": f"127.0.0.1:{self.port}", "headers": {"X-Content-Type-Options": ["nosniff"]}},
            "health": {"storagedriver": {"enabled": True, "interval": "10s", "threshold": 3}},
        }
        if self.signer:
            bundle = self.home / "bundle.pem"
            bundle.write_bytes(self.signer.certificate())
            settings["auth"] = {
                "token": {
                    "realm": f"{self.url}/token",
                    "service": self.signer.service,
                    "issuer": self.signer.issuer,
                    "rootcertbundle": str(bundle),
                }
            }
        return settings

    def _await(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self.process.poll() is None:
            if _answers(self.port):
                return
            time.sleep(0.05)
        raise PeerError(f"docker-registry did not start on port {self.port}; see {self.home / 'log'}")


def _plain_environment() -> dict[str, str]:
    """Ours without the variables that Distribution or Go would read."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("REGISTRY_", "GO", "OTEL_"))}


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status in {200, 401}
    except OSError:
        return False
    finally:
        connection.close()
