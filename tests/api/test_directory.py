"""People of the directory at the API."""

import pytest
from django.test import Client

from tests import slapd as servers
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
