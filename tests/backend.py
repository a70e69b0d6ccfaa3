"""Fixtures: a real Distribution behind Django, its store, and Django told of both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from artifacts import store
from artifacts.upstream import registry
from projects.models import Project, Quota
from tests.door import Door, unique
from tests.oci.distribution import Distribution
from tests.people import forget_everything


def forget_upstream() -> None:
    """Drop the process's client of the registry and of the store: they were made for the settings before."""
    registry.cache_clear()
    store.storage.cache_clear()


@pytest.fixture(scope="session")
def shared_distribution(tmp_path_factory) -> Iterator[Distribution]:
    distribution = Distribution(tmp_path_factory.mktemp("upstream"))
    try:
        distribution.start()
        yield distribution
    finally:
        distribution.stop()


@pytest.fixture
def distribution(shared_distribution) -> Iterator[Distribution]:
    """The upstream registry of all tests of a run; a test may stop it."""
    yield shared_distribution
    shared_distribution.start()


@pytest.fixture
def own_distribution(tmp_path) -> Iterator[Distribution]:
    """An upstream registry with an empty store, for tests that look at all of it."""
    distribution = Distribution(tmp_path)
    try:
        distribution.start()
        yield distribution
    finally:
        distribution.stop()


@pytest.fixture
def connect(settings, tmp_path) -> Iterator[object]:
    """Point Django at a Distribution, in the state of a process that has just started."""

    def use(distribution: Distribution, **storage: str) -> None:
        settings.REGISTRY_URL = distribution.url
        settings.REGISTRY_STORAGE = storage or {"FILESYSTEM_ROOTDIRECTORY": str(distribution.home / "store")}
        forget_upstream()

    settings.AUDIT_SPOOL = tmp_path / "spool"
    forget_everything()
    yield use
    forget_everything()
    forget_upstream()


@pytest.fixture
def upstream(connect, distribution) -> Path:
    """Django before the shared Distribution: the root of its store."""
    connect(distribution)
    return Path(distribution.home) / "store" / store.ROOT


@pytest.fixture
def project(db) -> Project:
    """The public project `library`."""
    made = Project.objects.get_or_create(name="library", defaults={"public": True})[0]
    Quota.objects.get_or_create(project=made)
    return made


@pytest.fixture
def door(upstream, project) -> Door:
    """A repository of the test's own in `library`, and a token for all deeds there."""
    return Door(f"library/{unique()}")
