"""Adapters: how they are found, and what one of any registry does."""

import pytest

from oci.errors import NameInvalid, NameUnknown, Unauthorized, Unavailable
from oci.registry import MemoryRegistry, Repository
from replication.adapters import Access, adapter, infos
from replication.errors import InvalidEndpoint
from tests.replication.played import Played, basic


@pytest.fixture
def memory():
    with MemoryRegistry() as registry:
        yield registry


def access(registry, **fields):
    return Access(registry.url, private=True, tries=1, **fields)


def test_every_module_with_an_adapter_is_found():
    assert set(infos()) == {
        "aws-ecr",
        "azure-acr",
        "docker-hub",
        "docker-registry",
        "github-ghcr",
        "gitlab",
        "google-gcr",
        "harbor",
        "jfrog-artifactory",
        "quay",
    }
    with pytest.raises(InvalidEndpoint, match="docker-registry"):
        adapter("nexus", Access("http://x"))


def test_a_secret_is_never_printed():
    held = Access("http://x", "name", "s3cret")
    assert "s3cret" not in repr(held)
    assert "s3cret" not in repr(adapter("docker-registry", held).credential)


def test_a_registry_is_listed_by_its_catalog_or_not_at_all(memory):
    memory.repositories |= {name: Repository() for name in ("team/app", "team/web", "other/app")}
    found = adapter("docker-registry", access(memory))
    assert list(found.repositories(["team/app"])) == ["team/app"]
    assert memory.calls == []
    assert sorted(found.repositories(["team/*"])) == ["team/app", "team/web"]
    assert sorted(found.repositories([])) == ["other/app", "team/app", "team/web"]


def test_a_registry_that_is_not_there_is_unavailable(memory):
    found = adapter("docker-registry", access(memory))
    found.check()
    memory.stop()
    with pytest.raises(Unavailable):
        found.check()
    found.close()


def test_a_closed_door_is_healthy_for_nobody_and_not_for_a_wrong_password():
    with Played({"GET /v2/": (401, {}, {"WWW-Authenticate": "Basic realm=x"})}) as closed:
        adapter("docker-registry", closed.access()).check()
        with pytest.raises(Unauthorized):
            adapter("docker-registry", closed.access(access_key="name", secret="wrong")).check()
        assert closed.headers[-1]["authorization"] == basic("name", "wrong")


def test_harbor_has_names_of_two_components_at_least(memory):
    found = adapter("harbor", access(memory))
    with pytest.raises(NameInvalid, match="at least 2"):
        found.prepare("app", public=False)
    with pytest.raises(NameUnknown, match="no REST API"):
        found.check()


def test_an_aborted_adapter_ends_what_goes_on(memory):
    found = adapter("docker-registry", access(memory))
    found.check()
    found.abort()
    with pytest.raises(Unavailable):
        found.check()
