"""A real Distribution on loopback, with the configuration that Roadstead gives its upstream registry."""

import json
import os
import subprocess
import time
from pathlib import Path

import urllib3

from tests.ports import free_port

START_LIMIT = 30.0


class Distribution:
    """`stop` and `start` again keep the port and the content. `environment` overrides the configuration."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self._overrides = environment
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        if self._process is not None:
            return
        configuration = self.home / "registry.yml"
        configuration.write_text(json.dumps(self._configuration()), encoding="utf-8")  # JSON is YAML
        with (self.home / "registry.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(configuration)],
                stdout=log,
                stderr=log,
                env=self._environment(),
            )
        self._wait()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _wait(self) -> None:
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit:
            try:
                urllib3.request("GET", f"{self.url}/v2/", retries=False, timeout=1.0)
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"Distribution did not start:\n{(self.home / 'registry.log').read_text()[-2000:]}")

    def _environment(self) -> dict[str, str]:
        """Ours, without what configures another registry, and without the variable that panics the s3 driver."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("REGISTRY_", "AWS_"))}
        return {**kept, "GOGC": "off", "GOMEMLIMIT": "512MiB", **self._overrides}

    def _configuration(self) -> dict[str, object]:
        return {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.home / "store")},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": {"addr": f"127.0.0.1:{self.port}", "relativeurls": True, "secret": "for tests"},
            "validation": {"manifests": {"urls": {"allow": [".*"]}}},
        }
