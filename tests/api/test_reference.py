"""The API's description as clients and browsers get it."""

import json
import re

import pytest
from django.core.management import call_command
from django.test import Client

from api import openapi
from tests.api.caller import BASE, NOBODY, error_of

DOCUMENT = f"{BASE}openapi.json"


def test_everybody_may_read_the_document(client: Client):
    answer = client.get(DOCUMENT)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert json.loads(answer.content) == json.loads(json.dumps(openapi.written()))
    assert json.loads(answer.content)["servers"] == [{"url": "/api/v2.0"}]


def test_a_wrong_credential_keeps_nobody_from_the_document(client: Client):
    assert client.get(DOCUMENT, headers={"Authorization": "Basic nonsense"}).status_code == 200


def test_the_document_is_sent_once(client: Client):
    etag = client.get(DOCUMENT)["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}'):  # nginx makes a weak one of it when it compresses
        again = client.get(DOCUMENT, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    assert client.get(DOCUMENT, headers={"If-None-Match": '"other"'}).status_code == 200
    head = client.head(DOCUMENT)
    assert (head.status_code, head["ETag"], head.content) == (200, etag, b"")


def test_everybody_is_told_the_version_of_the_api(client: Client):
    """As Harbor's replication asks for it."""
    answer = client.get("/api/version")
    assert (answer.status_code, answer.json()) == (200, {"version": "v2.0"})
    assert client.post("/api/version").status_code == 405


def test_the_document_cannot_be_changed():
    assert error_of(NOBODY.post("openapi.json", {})) == (405, "METHOD_NOT_ALLOWED")


@pytest.fixture
def collected(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path / "static"
    call_command("collectstatic", "--noinput", verbosity=0)
    return settings.STATIC_ROOT


def test_the_page_loads_its_own_files_and_nothing_else(client: Client, collected):
    answer = client.get("/api/docs")
    page = answer.content.decode()
    addresses = re.findall(r'(?:src|href|data-\w+)="([^"]*)"', page)
    assert all(address.startswith(("/static/", DOCUMENT)) for address in addresses)
    files = [address.removeprefix("/static/") for address in addresses if address.startswith("/static/")]
    assert len(files) == 5
    for file in files:
        assert re.search(r"\.[0-9a-f]{12}\.", file)
        assert (collected / file).is_file()


def test_the_pages_policy_allows_no_script_in_it(client: Client):
    answer = client.get("/api/docs")
    policy = dict(part.strip().partition(" ")[::2] for part in answer["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["style-src"], policy["connect-src"]) == ("'self'", "'self'", "'self'")
    assert policy["frame-ancestors"] == "'none'"
    page = answer.content.decode()
    assert not re.search(r"<style|\son\w+=|\sstyle=|<script(?![^>]*\ssrc=)", page)


def test_harbors_address_of_the_page_leads_there(client: Client):
    answer = client.get("/devcenter-api-2.0")
    assert (answer.status_code, answer["Location"]) == (302, "/api/docs")


def test_pages_are_only_for_reading(client: Client):
    assert client.post("/api/docs").status_code == 405
    assert client.post("/devcenter-api-2.0").status_code == 405
