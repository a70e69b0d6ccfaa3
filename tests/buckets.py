"""An S3 server (moto's) and a Distribution that keeps its blobs there, for tests."""

import logging
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from tests.door import unique
from tests.oci.distribution import Distribution

REGISTRY_CONFIGURATION = Path(__file__).parents[1] / "deploy" / "registry.yml"


class S3Distribution(Distribution):
    """Distribution with the configuration of the local stack and its storage by environment, as ours is told too."""

    def __init__(self, home: Path, storage: dict[str, str]) -> None:
        super().__init__(
            home,
            REGISTRY_HTTP_ADDR="",
            REGISTRY_HTTP_SECRET="for tests",
            **{f"REGISTRY_STORAGE_{name}": value for name, value in storage.items()},
        )
        self._overrides["REGISTRY_HTTP_ADDR"] = f"127.0.0.1:{self.port}"
        self.storage = storage

    def _configuration(self) -> dict[str, object]:
        configuration: dict[str, object] = yaml.safe_load(REGISTRY_CONFIGURATION.read_text())
        return configuration


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address (host:port) of an S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server):
    """A bucket of the test's own: (boto3's bucket, the variables that Distribution and we read)."""
    name = f"registry-{unique()}"
    keys = {"aws_access_key_id": "access", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    made = boto3.resource("s3", endpoint_url=f"http://{s3_server}", **keys).create_bucket(Bucket=name)
    storage = {
        "S3_ACCESSKEY": "access",
        "S3_SECRETKEY": "secret",
        "S3_BUCKET": name,
        "S3_REGION": "us-east-1",
        "S3_REGIONENDPOINT": f"http://{s3_server}",
        "S3_SECURE": "false",
        "S3_V4AUTH": "true",
    }
    return made, storage


@pytest.fixture
def s3_distribution(request, bucket, tmp_path) -> Iterator[S3Distribution]:
    """At the bucket's root, or below the prefix that the test's parameter is."""
    prefix = getattr(request, "param", "")
    storage = bucket[1] | ({"S3_ROOTDIRECTORY": prefix} if prefix else {})
    distribution = S3Distribution(tmp_path, storage)
    try:
        distribution.start()
        yield distribution
    finally:
        distribution.stop()
