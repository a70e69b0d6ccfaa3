"""/systeminfo: what is told to whom, the room there is, and the authority's certificate."""

import os

import pytest

from artifacts import store
from tests.api.caller import NOBODY, Caller, error_of
from tests.slapd import make_ca

pytestmark = pytest.mark.django_db


@pytest.fixture
def authority(settings, tmp_path):
    settings.CA_CERT = make_ca(tmp_path)
    return settings.CA_CERT


def test_everybody_may_fetch_the_authoritys_certificate(authority):
    answer = NOBODY.get("systeminfo/getcert")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/octet-stream")
    assert answer["Content-Disposition"] == "attachment; filename=ca.crt"
    assert answer.content == authority.read_bytes()
    assert Caller("nobody", "wrong").get("systeminfo/getcert").status_code == 200


def test_a_key_in_the_same_file_is_never_told(authority):
    key = authority.with_suffix(".key").read_text()
    authority.write_text(f"{key}{authority.read_text()}{key}")
    told = NOBODY.get("systeminfo/getcert").content.decode()
    assert told.startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in told
    assert not set(key.splitlines()) & set(told.splitlines())


def test_without_a_certificate_there_is_none(settings, tmp_path):
    for path in (None, tmp_path / "absent.pem", tmp_path):
        settings.CA_CERT = path
        assert error_of(NOBODY.get("systeminfo/getcert")) == (404, "NOT_FOUND")
    settings.CA_CERT = tmp_path / "key.pem"
    settings.CA_CERT.write_bytes(os.urandom(3_000_000))
    assert error_of(NOBODY.get("systeminfo/getcert")) == (404, "NOT_FOUND")


def test_it_says_whether_there_is_a_certificate_to_fetch(authority, alice):
    def told(**headers):
        return alice.client.get("/api/v2.0/systeminfo", headers=headers).json()["has_ca_root"]

    assert told(**{"X-Forwarded-Proto": "https"}) is True
    assert told() is False
    authority.unlink()
    assert told(**{"X-Forwarded-Proto": "https"}) is False


@pytest.mark.usefixtures("upstream")
def test_administrators_learn_how_much_room_there_is(root, alice):
    (volume,) = root.get("systeminfo/volumes").json()["storage"]
    assert 0 < volume["free"] <= volume["total"]
    assert error_of(alice.get("systeminfo/volumes")) == (403, "FORBIDDEN")
    assert error_of(NOBODY.get("systeminfo/volumes")) == (401, "UNAUTHORIZED")


def test_an_object_store_has_no_volume(root, settings):
    settings.REGISTRY_STORAGE = {"S3_BUCKET": "blobs"}
    assert error_of(root.get("systeminfo/volumes")) == (404, "NOT_FOUND")
    assert root.get("systeminfo").json()["registry_storage_provider_name"] == "s3"


def test_before_the_first_push_the_room_is_that_of_where_it_will_be(root, settings, connect, tmp_path):
    settings.REGISTRY_STORAGE = {"FILESYSTEM_ROOTDIRECTORY": str(tmp_path / "not" / "yet")}
    store.storage.cache_clear()
    assert root.get("systeminfo/volumes").json()["storage"][0]["total"] > 0


@pytest.mark.usefixtures("upstream")
def test_a_store_that_is_away_is_503(root, monkeypatch):
    def fail(_path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "statvfs", fail)
    assert error_of(root.get("systeminfo/volumes")) == (503, "UNAVAILABLE")


def test_the_provider_is_named_to_everybody_when_people_sign_in_by_it(monkeypatch):
    monkeypatch.setenv("ROADSTEAD_CONFIG_AUTH_MODE", "oidc_auth")
    monkeypatch.setenv("ROADSTEAD_CONFIG_OIDC_NAME", "Keycloak")
    told = NOBODY.get("systeminfo").json()
    assert (told["auth_mode"], told["oidc_provider_name"]) == ("oidc_auth", "Keycloak")
