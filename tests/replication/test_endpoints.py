"""Endpoints: what can be one, its secret, and that it is looked at before it is kept."""

from typing import Any

import pytest

from audit import Context
from audit.models import AuditRecord
from configuration import values
from oci.credential import Credential
from oci.registry import MemoryRegistry
from rbac.actors import SYSTEM
from replication import dispatch, endpoints, health, tasks
from replication.endpoints import Settings, parse_url
from replication.errors import (
    EndpointExists,
    EndpointInUse,
    EndpointUnhealthy,
    EndpointUnknown,
    InvalidEndpoint,
)
from replication.models import Endpoint, Policy
from tests.deploy.certificates import make_certificate
from tests.replication.played import Played, basic

db = pytest.mark.django_db
BY: Any = {"actor": SYSTEM, "context": Context()}


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://b.example", "https://b.example"),
        ("b.example", "http://b.example"),
        ("b.example:5000", "http://b.example:5000"),
        (" https://b.example/ ", "https://b.example"),
        ("https://b.example/artifactory/api/docker/x", "https://b.example/artifactory/api/docker/x"),
        ("http://[2001:db8::1]:5000", "http://[2001:db8::1]:5000"),
    ],
)
def test_a_url_is_read(text, url):
    assert parse_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "ftp://b.example",
        "https://user@b.example",
        "https://user:pw@b.example",
        "https://b.example?x=1",
        "https://b.example#x",
        "https://b.example/?",
        "https://b.example:0",
        "https://b.example:70000",
        "https://b.example\r\nX: y",
        "https://b.exam ple",
        "https://b.example\\@c.example",
        "https://[::1",
        "https://b.example/" + "x" * 600,
        "https://bücher.example",
    ],
)
def test_what_is_no_url_is_refused(text):
    with pytest.raises(InvalidEndpoint):
        parse_url(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": " "},
        {"name": "x" * 65},
        {"name": "a\nb"},
        {"kind": "nexus"},
        {"access_key": "a\nb"},
        {"access_key": "a\x00"},
        {"secret": "a\x00"},
        {"description": "\x00"},
        {"ca_certificate": "no certificate"},
        {"credential_type": "x" * 40},
    ],
)
def test_what_can_be_no_endpoint_is_refused(fields):
    with pytest.raises(InvalidEndpoint):
        Settings(**{"name": "b", "kind": "docker-registry", "url": "http://b.example", **fields})


def test_a_secret_is_never_printed():
    assert "s3cret" not in repr(Settings("b", "docker-registry", "http://b.example", secret="s3cret"))


@pytest.fixture
def local(monkeypatch):
    monkeypatch.setenv("ROADSTEAD_CONFIG_REPLICATION_LOCAL_ADDRESSES", "true")
    values.forget()


@pytest.fixture
def registry(local):
    with MemoryRegistry() as running:
        yield running


def wanted(registry, name="b", **fields):
    return Settings(**{"name": name, "kind": "docker-registry", "url": registry.url, **fields})


@db
def test_an_endpoint_is_kept_with_its_secret_sealed(registry):
    made = endpoints.create(wanted(registry, access_key="robot", secret="s3cret"), **BY)
    row = Endpoint.objects.get(pk=made.pk)
    assert row.healthy
    assert row.checked_at
    assert "s3cret" not in row.sealed_secret
    assert endpoints.settings_of(row).secret == "s3cret"
    assert endpoints.adapter_of(row).credential == Credential("robot", "s3cret")
    record = AuditRecord.objects.get(resource_type="registry")
    assert (record.operation, record.resource) == ("create", "b")
    assert "s3cret" not in str(record.detail)
    with pytest.raises(EndpointExists):
        endpoints.create(wanted(registry), **BY)


@db
def test_one_that_does_not_answer_is_not_kept(registry):
    registry.stop()
    with pytest.raises(EndpointUnhealthy, match="unhealthy"):
        endpoints.create(wanted(registry), **BY)
    assert not Endpoint.objects.exists()


@db
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", "http://169.254.169.254"]
)
def test_this_machine_and_its_link_are_out_of_bounds_unless_the_administrator_allows_them(url):
    with pytest.raises(EndpointUnhealthy, match="of this machine or its link"):
        endpoints.create(Settings("b", "docker-registry", url), **BY)


@db
def test_a_change_is_looked_at_first_and_its_record_names_what_changed(registry):
    made = endpoints.create(wanted(registry, access_key="robot", secret="old"), **BY)
    endpoints.update(made.pk, {"name": "c", "secret": "new", "description": None}, **BY)
    row = Endpoint.objects.get()
    assert (row.name, endpoints.settings_of(row).secret) == ("c", "new")
    assert AuditRecord.objects.get(operation="update").detail["changed"] == ["name", "secret"]
    registry.faults[:] = [500]
    with pytest.raises(EndpointUnhealthy):
        endpoints.update(made.pk, {"access_key": "another"}, **BY)
    assert Endpoint.objects.get().access_key == "robot"
    with pytest.raises(EndpointUnknown):
        endpoints.update(made.pk + 1, {"name": "d"}, **BY)


@db
def test_words_about_one_that_is_away_can_be_changed(registry):
    made = endpoints.create(wanted(registry), **BY)
    registry.stop()
    health.check(made.pk)
    endpoints.update(made.pk, {"name": "away", "description": "the lorry has it"}, **BY)
    row = Endpoint.objects.get()
    assert (row.name, row.healthy) == ("away", False)


@db
def test_a_kept_secret_goes_to_its_own_host_and_kind_alone(registry):
    made = endpoints.create(wanted(registry, access_key="robot", secret="s3cret"), **BY)
    with Played({"GET /v2/": (401, {}, {"WWW-Authenticate": "Basic realm=x"})}) as other:
        for change in ({"url": other.url}, {"kind": "harbor"}):
            with pytest.raises(InvalidEndpoint, match="access_secret"):
                endpoints.update(made.pk, change, **BY)
        with pytest.raises(EndpointUnhealthy):
            endpoints.update(made.pk, {"url": other.url, "secret": "for the other"}, **BY)
        assert {each.get("authorization") for each in other.headers} == {None, basic("robot", "for the other")}
    endpoints.update(made.pk, {"url": registry.url + "/"}, **BY)


@db
def test_a_kept_secret_is_not_shown_to_whoever_answers_in_the_registry_s_place(registry, tmp_path):
    authority = make_certificate(tmp_path)[0].read_text()
    made = endpoints.create(wanted(registry, access_key="robot", secret="s3cret"), **BY)
    with pytest.raises(InvalidEndpoint, match="verified otherwise"):
        endpoints.update(made.pk, {"insecure": True}, **BY)
    with pytest.raises(InvalidEndpoint, match="verified otherwise"):
        endpoints.changed(made, {"ca_certificate": authority})
    endpoints.update(made.pk, {"insecure": True, "secret": "s3cret"}, **BY)
    endpoints.update(made.pk, {"insecure": False}, **BY)
    assert not Endpoint.objects.get().insecure


@db
def test_one_that_only_its_own_site_reaches_is_kept_and_looked_at_there(
    registry, settings, monkeypatch, django_capture_on_commit_callbacks
):
    settings.SITE_QUEUES = frozenset({"far"})
    registry.stop()
    sent: list[Any] = []
    monkeypatch.setattr(dispatch, "_send", lambda *of: sent.append(of))
    with django_capture_on_commit_callbacks(execute=True):
        made = endpoints.create(wanted(registry, "far"), **BY)
    look = ("check_endpoint", made.pk, "replication.far")
    assert sent == [look]
    assert (made.healthy, made.problem) == (None, "the workers of its own queue haven't looked at it yet")
    with pytest.raises(EndpointUnhealthy, match="haven't looked at it yet"):
        health.try_out(endpoints.settings_of(made), made)
    assert sent == [look] * 2
    registry.start()
    tasks.check_endpoint(made.pk)
    health.try_out(endpoints.settings_of(made), endpoints.find(made.pk))
    with pytest.raises(EndpointUnhealthy, match="when it is saved"):
        health.try_out(wanted(registry, "far", access_key="me"), None)


@db
def test_an_endpoint_goes_when_no_policy_names_it(registry):
    made = endpoints.create(wanted(registry), **BY)
    policy = Policy.objects.create(name="p", source=made)
    with pytest.raises(EndpointInUse):
        endpoints.delete(made.pk, **BY)
    policy.delete()
    endpoints.delete(made.pk, **BY)
    with pytest.raises(EndpointUnknown):
        endpoints.delete(made.pk, **BY)
    assert AuditRecord.objects.filter(operation="delete").count() == 1


@db
def test_the_clock_s_look_tells_who_is_well(registry):
    well = endpoints.create(wanted(registry, "well"), **BY)
    with MemoryRegistry() as another:
        ill = endpoints.create(wanted(another, "ill"), **BY)
    broken = Endpoint.objects.create(name="broken", kind="docker-registry", url=registry.url, sealed_secret="?")
    health.check_all()
    found = {row.pk: row for row in Endpoint.objects.all()}
    assert found[well.pk].healthy
    assert not found[ill.pk].healthy
    assert another.url.removeprefix("http://") in found[ill.pk].problem
    assert "has to be set again" in found[broken.pk].problem
    assert all(row.checked_at for row in found.values())


@db
def test_one_that_its_own_site_reaches_is_looked_at_by_a_worker_there(registry, settings, monkeypatch):
    made = endpoints.create(Settings("far", "docker-registry", registry.url), **BY)
    settings.SITE_QUEUES = frozenset({"far"})
    registry.stop()
    sent: list[Any] = []
    monkeypatch.setattr(dispatch, "_send", lambda *of: sent.append(of))
    tasks.check_endpoints()
    assert Endpoint.objects.get().healthy
    assert sent == [("check_endpoint", made.pk, "replication.far")]
    tasks.check_endpoint(made.pk)
    assert not Endpoint.objects.get().healthy
    tasks.check_endpoint(made.pk + 1)
