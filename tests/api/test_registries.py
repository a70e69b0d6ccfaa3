"""`/registries`: set up, tried, changed and deleted by administrators, and what kinds there are."""

from typing import Any

import pytest

from configuration import values
from oci.registry import MemoryRegistry
from projects.models import Label
from replication.models import Endpoint, Policy
from tests.api.caller import error_of, make_caller
from tests.replication.played import Played
from tests.roundtrips import fewest

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return make_caller("boss", is_admin=True)[0]


@pytest.fixture
def remote(monkeypatch):
    monkeypatch.setenv("ROADSTEAD_CONFIG_REPLICATION_LOCAL_ADDRESSES", "true")
    values.forget()
    with MemoryRegistry() as registry:
        yield registry


def body(remote, name="site-b", **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "docker-registry", "url": remote.url, **fields}


def test_a_registry_is_made_and_read_without_its_secret(admin, remote):
    credential = {"type": "basic", "access_key": "robot", "access_secret": "s3cret"}
    made = admin.post("registries", body(remote, credential=credential, description="the other site"))
    assert made.status_code == 201
    read = admin.get(made["Location"].removeprefix("/api/v2.0/")).json()
    assert read["credential"] == {"type": "basic", "access_key": "robot", "access_secret": "*****"}
    assert (read["name"], read["url"], read["type"], read["status"], read["insecure"], read["description"]) == (
        "site-b", remote.url, "docker-registry", "healthy", False, "the other site",
    )  # fmt: skip
    assert read["ca_certificate"] is None
    assert "s3cret" not in admin.get("registries").content.decode()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": ""}, 400),
        ({"name": "x" * 65}, 400),
        ({"url": ""}, 400),
        ({"url": "ftp://b.example"}, 400),
        ({"url": "http://user:pw@b.example"}, 400),
        ({"type": "nexus"}, 400),
        ({"ca_certificate": "none"}, 400),
        ({"url": "http://b.invalid"}, 400),
        ({"insecure": "perhaps"}, 400),
        ({"credential": "none"}, 400),
    ],
)
def test_what_can_be_no_registry_is_refused(admin, remote, fields, status):
    assert error_of(admin.post("registries", body(remote, **fields)))[0] == status
    assert not Endpoint.objects.exists()


def test_what_fails_is_said(admin, remote):
    remote.stop()
    answer = admin.post("registries", body(remote))
    assert error_of(answer) == (400, "BAD_REQUEST")
    assert remote.url.removeprefix("http://") in answer.json()["errors"][0]["message"]


def test_names_are_given_once(admin, remote):
    admin.post("registries", body(remote))
    assert error_of(admin.post("registries", body(remote))) == (409, "CONFLICT")


def test_the_list_is_searched_sorted_and_paged(admin, remote):
    for name in ("c", "a", "b"):
        Endpoint.objects.create(name=f"site-{name}", kind="harbor", url="https://x.example", healthy=name != "b")
    found = admin.get("registries", sort="name", page_size="2")
    assert [each["name"] for each in found.json()] == ["site-a", "site-b"]
    assert found["X-Total-Count"] == "3"
    assert 'rel="next"' in found["Link"]
    assert [each["status"] for each in admin.get("registries", sort="name").json()] == [
        "healthy",
        "unhealthy",
        "healthy",
    ]
    assert [each["name"] for each in admin.get("registries", q="name=~-c").json()] == ["site-c"]
    assert [each["name"] for each in admin.get("registries", q="type=harbor,name=site-a").json()] == ["site-a"]
    assert [each["name"] for each in admin.get("registries", name="e-B").json()] == ["site-b"]
    assert error_of(admin.get("registries", q="secret=x"))[0] == 400


def test_a_change_keeps_what_it_does_not_name(admin, remote):
    credential = {"type": "basic", "access_key": "robot", "access_secret": "s3cret"}
    place = admin.post("registries", body(remote, credential=credential))["Location"].removeprefix("/api/v2.0/")
    before = Endpoint.objects.get()
    assert admin.put(place, {"name": "site-c", "access_secret": "*****", "url": None}).status_code == 200
    after = Endpoint.objects.get()
    assert (after.name, after.url, after.access_key) == ("site-c", before.url, "robot")
    assert admin.put(place, {"access_secret": "", "access_key": ""}).status_code == 200
    assert Endpoint.objects.get().sealed_secret == ""
    assert admin.get(place).json()["credential"] == {}


def test_a_kept_secret_is_shown_to_no_other_host(admin, remote):
    credential = {"access_key": "robot", "access_secret": "s3cret"}
    place = admin.post("registries", body(remote, credential=credential))["Location"].removeprefix("/api/v2.0/")
    kept = int(place.rpartition("/")[2])
    with Played({"GET /v2/": (401, {}, {"WWW-Authenticate": "Basic realm=x"})}) as thief:
        for answer in (
            admin.put(place, {"url": thief.url}),
            admin.post("registries/ping", {"id": kept, "url": thief.url}),
            admin.post("registries/ping", {"id": kept, "url": thief.url, "access_secret": "*****"}),
            admin.post("registries/ping", {"id": kept, "type": "harbor"}),
        ):
            assert error_of(answer)[0] == 400
            assert "access_secret" in answer.json()["errors"][0]["message"]
        assert thief.asked == []


def test_one_that_is_used_stays(admin, remote):
    place = admin.post("registries", body(remote))["Location"].removeprefix("/api/v2.0/")
    policy = Policy.objects.create(name="p", destination=Endpoint.objects.get())
    assert error_of(admin.delete(place)) == (412, "PRECONDITION")
    policy.delete()
    assert admin.delete(place).status_code == 200
    assert error_of(admin.delete(place)) == (404, "NOT_FOUND")
    assert error_of(admin.get(place)) == (404, "NOT_FOUND")
    assert error_of(admin.put(place, {"name": "x"})) == (404, "NOT_FOUND")


def test_a_ping_tries_what_is_kept_and_what_is_not(admin, remote):
    place = admin.post("registries", body(remote))["Location"]
    kept = int(place.rpartition("/")[2])
    assert admin.post("registries/ping", {"id": kept}).status_code == 200
    assert admin.post("registries/ping", {"id": kept, "url": remote.url, "insecure": True}).status_code == 200
    assert admin.post("registries/ping", {"id": 0}).status_code == 200
    assert admin.post("registries/ping", {"type": "docker-registry", "url": remote.url}).status_code == 200
    assert error_of(admin.post("registries/ping", {"id": kept + 1})) == (404, "NOT_FOUND")
    assert error_of(admin.post("registries/ping", {})) == (400, "BAD_REQUEST")
    assert error_of(admin.post("registries/ping", {"type": "docker-registry"})) == (400, "BAD_REQUEST")
    remote.stop()
    assert error_of(admin.post("registries/ping", {"id": kept})) == (400, "BAD_REQUEST")


def test_this_installation_is_the_registry_0(admin, remote):
    Label.objects.create(name="qa")
    assert admin.get("registries/0").json()["name"] == "Local"
    info = admin.get("registries/0/info").json()
    assert info["type"] == "harbor"
    assert info["supported_triggers"] == ["manual", "scheduled", "event_based"]
    assert {"type": "label", "style": "list", "values": ["qa"]} in info["supported_resource_filters"]


def test_a_registry_tells_what_policies_can_do_with_it(admin, remote):
    place = admin.post("registries", body(remote))["Location"].removeprefix("/api/v2.0/")
    info = admin.get(f"{place}/info").json()
    assert info["supported_triggers"] == ["manual", "scheduled"]
    assert [each["type"] for each in info["supported_resource_filters"]] == ["name", "tag", "resource"]
    assert info["supported_copy_by_chunk"] is True
    assert error_of(admin.get("registries/99999/info")) == (404, "NOT_FOUND")


def test_the_kinds_and_what_to_ask_for_each(admin):
    kinds = admin.get("replication/adapters").json()
    infos = admin.get("replication/adapterinfos").json()
    assert sorted(infos) == sorted(kinds)
    assert infos["docker-hub"]["endpoint_pattern"] == {
        "endpoint_type": "EndpointPatternTypeFix",
        "endpoints": [{"key": "hub.docker.com", "value": "https://hub.docker.com"}],
    }
    assert infos["google-gcr"]["credential_pattern"]["access_key_data"] == "_json_key"
    assert infos["harbor"]["endpoint_pattern"]["endpoint_type"] == "EndpointPatternTypeStandard"


def test_a_list_costs_the_same_however_long_it_is(admin):
    Endpoint.objects.create(name="one", kind="harbor", url="https://x.example")
    few = fewest(lambda: admin.get("registries"))
    Endpoint.objects.bulk_create(
        Endpoint(name=f"n{number}", kind="harbor", url="https://x.example") for number in range(8)
    )
    assert fewest(lambda: admin.get("registries")) == few


@pytest.mark.parametrize("text", ["\x00", "\ud800"])
@pytest.mark.parametrize(
    "name", ["name", "description", "url", "type", "ca_certificate", "access_key", "access_secret"]
)
def test_text_that_no_database_keeps_is_refused(admin, remote, name, text):
    fields = {"credential": {name: text}} if name.startswith("access") else {name: text}
    assert error_of(admin.post("registries", body(remote, **fields))) == (400, "BAD_REQUEST")
    assert error_of(admin.post("registries/ping", {"type": "harbor", "url": remote.url, name: text}))[0] == 400
