"""Everything that the domain raises has an answer, in Harbor's envelope."""

from collections.abc import Iterator

import pytest
from django.db import IntegrityError, OperationalError

from api.errors import ApiError, InternalFailure, answer, as_api_error
from oci.errors import RegistryError
from projects import metadata
from projects.errors import ProjectError
from rbac.credentials import BackOff, InvalidCredentials
from rbac.errors import DirectoryUnavailable, RbacError

assert metadata


def leaves(kind: type[Exception]) -> Iterator[type[Exception]]:
    children = kind.__subclasses__()
    for child in children:
        yield from leaves(child)
    if not children:
        yield kind


@pytest.mark.parametrize("kind", [*leaves(RbacError), *leaves(ProjectError), InvalidCredentials])
def test_each_error_of_the_domain_is_the_clients_own(kind):
    error = kind() if kind is InvalidCredentials else kind("words")
    status = as_api_error(error).status
    assert 400 <= status < 500 or (kind is DirectoryUnavailable and status == 503)


@pytest.mark.parametrize("kind", [each for each in leaves(RegistryError) if each.__module__ == "oci.errors"])
def test_each_error_of_the_registry_keeps_its_status_but_for_a_range(kind):
    assert as_api_error(kind()).status == (400 if kind.status == 416 else kind.status)


def test_back_off_says_how_long():
    response = answer(BackOff(7))
    assert (response.status_code, response["Retry-After"]) == (429, "7")
    assert response.data["errors"][0]["code"] == "TOO_MANY_REQUEST"


@pytest.mark.parametrize("kind", list(leaves(ApiError)))
def test_each_error_has_words(kind):
    response = answer(kind())
    assert response.status_code == kind.status
    assert response.data == {"errors": [{"code": kind.code, "message": kind.default}]}


def test_what_nobody_foresaw_is_masked():
    response = answer(ZeroDivisionError("secret"))
    assert (response.status_code, response.data["errors"][0]["message"]) == (500, InternalFailure.default)


def test_a_change_that_came_too_late_is_a_conflict():
    response = answer(IntegrityError('insert or update on table "projects_robot" violates …'))
    assert (response.status_code, response.data["errors"][0]["code"]) == (409, "CONFLICT")
    assert "projects_robot" not in str(response.data)


def test_a_database_that_is_away_is_an_outage():
    response = answer(OperationalError("host=10.0.0.1"))
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert "10.0.0.1" not in str(response.data)
