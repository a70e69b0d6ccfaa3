"""The page at the registry's address."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_it_shows_how_to_sign_in_at_the_host_the_browser_used(client: Client):
    response = client.get("/", HTTP_HOST="registry.example.com:8443")
    assert response.status_code == 200
    assert "docker login registry.example.com:8443" in response.content.decode()


def test_it_warns_on_plain_http_only(client: Client):
    assert "insecure-registries" in client.get("/").content.decode()
    assert "insecure-registries" not in client.get("/", HTTP_X_FORWARDED_PROTO="https").content.decode()


def test_it_refuses_a_host_that_is_none(client: Client):
    response = client.get("/", HTTP_HOST='evil"><script>')
    assert response.status_code == 400
    assert b"<script>" not in response.content


def test_what_nothing_is_behind_is_a_page_for_people_and_not_for_scripts(client: Client):
    people = client.get("/no/such/page", headers={"accept": "text/html"})
    assert people.status_code == 404
    assert "To the start page" in people.content.decode()
    assert "stylesheet" not in client.get("/no/such/page").content.decode()


def test_it_may_load_nothing_from_elsewhere(client: Client):
    assert "default-src 'none'" in client.get("/")["Content-Security-Policy"]
