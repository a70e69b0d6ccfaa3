"""People of the directory at the API."""

import pytest
from django.test import Client

from rbac.models import User
from tests import slapd as servers
from tests.api.machines import token_of
from tests.api.test_sessions import Page
from tests.directory import configure, directory, shared_slapd, slapd
from tests.slapd import PASSWORD
from tests.tokens.service import basic

__all__ = ["configure", "directory", "shared_slapd", "slapd"]

pytestmark = pytest.mark.django_db


def current(username, password=PASSWORD):
    return Client().get("/api/v2.0/users/current", headers={"authorization": basic(username, password)})


@pytest.mark.usefixtures("directory")
def test_a_person_of_the_directory_is_a_user_of_the_api():
    assert current("lena", "wrong").status_code == 401

    answer = current("lena")

    assert answer.status_code == 200
    assert (answer.json()["username"], answer.json()["email"]) == ("lena", "lena@example.com")


@pytest.mark.usefixtures("directory")
def test_a_directory_that_is_away_is_503_and_its_address_is_not_told(configure):
    configure(ldap_url=servers.dead_url())

    answer = current("lena")

    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert "ldap" not in answer.content.decode()


@pytest.mark.usefixtures("directory")
def test_a_person_of_the_directory_signs_in_on_the_page_and_uses_the_api_by_the_session():
    page = Page("lena", PASSWORD)
    assert page.client.get("/api/v2.0/users/current").json()["username"] == "lena"
    assert page.send("post", "projects", {"project_name": "lenas"}).status_code == 201
    refused = Client().post("/c/login", {"principal": "lena", "password": "wrong"})
    assert refused.status_code == 401


@pytest.mark.usefixtures("directory")
def test_the_page_says_that_the_directory_is_away_and_not_where_it_is(configure):
    configure(ldap_url=servers.dead_url())
    answer = Client(raise_request_exception=False).post("/c/login", {"principal": "lena", "password": PASSWORD})
    assert answer.status_code == 503
    assert "ldap" not in answer.content.decode()


def test_a_session_and_a_token_go_on_while_the_directory_is_away(directory, configure):
    page = Page("lena", PASSWORD)
    secret = token_of(User.objects.get(username="lena"))
    configure(ldap_url=servers.dead_url())
    before = directory.reads()

    assert page.client.get("/api/v2.0/users/current").status_code == 200
    assert current("lena", secret).status_code == 200
    assert directory.reads() == before
