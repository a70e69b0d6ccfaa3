"""A real OpenID provider process, and Roadstead told of it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.ports import free_port

CLIENT_ID, CLIENT_SECRET = "roadstead", "a secret: with + and %"


class ProviderProcess:
    """oidc-provider-mock: code flow, userinfo, end_session; whoever is named there signs in."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self._process is not None:
            return
        command = [str(Path(sys.executable).parent / "oidc-provider-mock"), "--port", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        for _ in range(300):
            try:
                requests.get(self.url, timeout=5)
            except requests.ConnectionError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError(self._log.read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def knows(self, sub: str, **claims: Any) -> None:
        """From now on the provider says this of `sub`."""
        requests.put(f"{self.url}/users/{sub}", json=claims, timeout=10).raise_for_status()

    def sign_in(self, url: str, sub: str) -> str:
        """Where the provider sends the browser that came by `url` and signed in as `sub`."""
        assert requests.get(url, timeout=10).status_code == 200
        answer = requests.post(url, data={"sub": sub}, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def refuse(self, url: str) -> str:
        """Where the provider sends the browser whose person said no."""
        return requests.post(url, data={"action": "deny"}, allow_redirects=False, timeout=10).headers["Location"]


@contextmanager
def running_provider(home: Path) -> Iterator[ProviderProcess]:
    process = ProviderProcess(home / "log")
    process.start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture(scope="session")
def shared_provider(tmp_path_factory) -> Iterator[ProviderProcess]:
    with running_provider(tmp_path_factory.mktemp("provider")) as process:
        yield process


@pytest.fixture
def provider(configure, shared_provider) -> Iterator[ProviderProcess]:
    """People sign in by the provider, which a test may stop."""
    configure(**items_for(shared_provider.url))
    yield shared_provider
    shared_provider.start()


def items_for(url: str) -> dict[str, Any]:
    return {
        "auth_mode": "oidc_auth",
        "oidc_name": "Example Login",
        "oidc_endpoint": url,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_scope": "openid,profile,email",
        "oidc_groups_claim": "groups",
        "oidc_timeout": 3,
    }
