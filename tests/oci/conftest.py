"""The two registries that the client is held against: our own in memory, and Distribution."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from oci.client import RegistryClient
from oci.registry import MemoryRegistry
from tests.oci.distribution import Distribution

settings.register_profile("oci", deadline=None, database=None)
settings.load_profile("oci")

Upstream = MemoryRegistry | Distribution


@pytest.fixture(scope="session")
def started_distribution(tmp_path_factory) -> Iterator[Distribution]:
    registry = Distribution(tmp_path_factory.mktemp("distribution"))
    try:
        registry.start()
        yield registry
    finally:
        registry.stop()


@pytest.fixture
def memory() -> Iterator[MemoryRegistry]:
    with MemoryRegistry() as registry:
        yield registry


@pytest.fixture(params=["memory", "distribution"])
def upstream(request) -> Iterator[Upstream]:
    """A registry that is up; a test may stop it."""
    if request.param == "memory":
        yield request.getfixturevalue("memory")
        return
    registry = request.getfixturevalue("started_distribution")
    yield registry
    registry.start()


@pytest.fixture
def client(upstream) -> Iterator[RegistryClient]:
    registry_client = RegistryClient(upstream.url)
    yield registry_client
    registry_client.close()


@pytest.fixture
def memory_client(memory) -> Iterator[RegistryClient]:
    registry_client = RegistryClient(memory.url)
    yield registry_client
    registry_client.close()


@pytest.fixture
def repository(request) -> str:
    """A repository of the test's own: Distribution serves all tests of a run."""
    return f"test/r{abs(hash(request.node.nodeid)):x}"
