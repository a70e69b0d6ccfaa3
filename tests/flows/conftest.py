"""What the journeys share: one stack with its people, one docker engine, and the clients."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harborapi import HarborAsyncClient

from tests.flows.clients import Buildah, Docker, Podman, Skopeo, docker_engine
from tests.flows.conformance.suite import Target
from tests.flows.harbor import signed_in
from tests.flows.replicating import Site
from tests.flows.stacks import Running, running_distribution, running_stack
from tests.flows.strict import Document
from tests.flows.world import World

# The registries that are replicated with stand on this machine, too.
NEIGHBOURS = {"ROADSTEAD_CONFIG_REPLICATION_LOCAL_ADDRESSES": "true"}
PARIS = "paris"  # a registry that has workers of its own


@pytest.fixture(scope="session")
def workspace() -> Iterator[Path]:
    """A short path (sockets lie below it), removed in the end."""
    made = Path(tempfile.mkdtemp(prefix="rsflow"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def stack(workspace: Path) -> Iterator[Running]:
    # The balancers of the TLS stories stand on this machine.
    settings = {"ROADSTEAD_TRUSTED_PROXIES": "127.0.0.1"} | NEIGHBOURS
    with running_stack(workspace / "stack", durable=False, **settings) as running:
        yield running


@dataclass(frozen=True)
class Person:
    name: str
    password: str


@dataclass(frozen=True)
class People:
    """Who the stories are about: members of the private project `harbour`, and one who is none."""

    developer: Person
    guest: Person
    stranger: Person
    private: str = "harbour"
    public: str = "quay"


@pytest.fixture(scope="session")
def people(stack: Running) -> People:
    made = {name: Person(name, stack.create_user(name)) for name in ("dirk", "gero", "sina")}
    found = People(made["dirk"], made["gero"], made["sina"])
    stack.create_project(found.private)
    stack.create_project(found.public, public=True)
    stack.add_member(found.private, "dirk", "developer")
    stack.add_member(found.private, "gero", "guest")
    stack.add_member(found.public, "dirk", "developer")
    return found


@pytest.fixture(scope="session")
def world(stack: Running) -> World:
    """A company on the stack, once: some of its tags are immutable."""
    return World(stack).build()


@pytest.fixture(scope="session")
def target(stack: Running) -> Target:
    return Target(stack.wire(), stack.create_project("conformance"))


@pytest.fixture(scope="session")
def document(stack: Running) -> Document:
    return Document(stack.url)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def api(stack: Running, document: Document) -> AsyncIterator[HarborAsyncClient]:
    """Harbor's own client from PyPI, as the administrator."""
    async with signed_in(stack, document) as client:
        yield client


@pytest.fixture(scope="session")
def distribution(workspace: Path) -> Iterator[str]:
    with running_distribution(workspace / "distribution") as url:
        yield url


@pytest.fixture(scope="session")
def engine(workspace: Path) -> Iterator[Path]:
    with docker_engine(workspace / "engine") as socket:
        yield socket


@pytest.fixture
def docker(engine: Path, tmp_path: Path) -> Docker:
    return Docker(tmp_path / "docker", socket=engine)


@pytest.fixture
def podman(workspace: Path) -> Podman:
    """Podman refuses a run root of more than 50 characters."""
    return Podman(workspace / f"p{os.urandom(3).hex()}")


@pytest.fixture
def buildah(tmp_path: Path) -> Buildah:
    return Buildah(tmp_path / "buildah")


@pytest.fixture
def skopeo(tmp_path: Path) -> Skopeo:
    return Skopeo(tmp_path / "skopeo")


@pytest.fixture(scope="session")
def near(workspace: Path) -> Iterator[Site]:
    """An installation that replicates; its pieces are killed now and then."""
    with running_stack(workspace / "near", durable=True, ROADSTEAD_SITE_QUEUES=PARIS, **NEIGHBOURS) as running:
        yield Site(running)


@pytest.fixture(scope="session")
def far(workspace: Path) -> Iterator[Site]:
    """Another one."""
    with running_stack(workspace / "far", durable=True, **NEIGHBOURS) as running:
        yield Site(running)
