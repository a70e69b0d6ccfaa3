"""A project whose name looks like another one's id: a number in a path is an id, unless the client says otherwise."""

from typing import Any

import pytest

from api.urls import urlpatterns
from projects.models import Project
from tests.api.caller import BASE, Caller, make_caller
from tests.api.compatibility import METHODS
from tests.people import join, make_project

pytestmark = pytest.mark.django_db

_PLACE = "{project_name_or_id}"


def of_a_project() -> list[tuple[str, str]]:
    """(method, path) of every operation on a project by its name or id; the rest of a path leads nowhere."""
    return [
        (method, _elsewhere(str(pattern.name)))
        for pattern in urlpatterns
        for method in METHODS
        if _PLACE in str(pattern.name) and hasattr(pattern.callback.view_class, method)  # type: ignore[attr-defined]
    ]


def _elsewhere(path: str) -> str:
    return "/".join("999" if part.startswith("{") and part != _PLACE else part for part in path.split("/"))


@pytest.fixture
def alice() -> Caller:
    """The administrator of a project that is called by the id of another one, in which she has no part."""
    found, user = make_caller("alice")
    other = make_project("other")
    join(make_project(str(other.pk)), user, "projectAdmin")
    return found


def opens(caller: Caller, method: str, path: str, project: int | str, **headers: str) -> bool:
    extra: dict[str, Any] = {} if method in {"get", "head"} else {"data": "[]", "content_type": "application/json"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    status = getattr(caller.client, method)(
        BASE + path.replace(_PLACE, str(project)), headers=named, **extra
    ).status_code
    assert status != 401
    assert status < 500
    return bool(status != 403)


@pytest.mark.parametrize(("method", "path"), of_a_project())
def test_a_number_is_an_id_unless_it_is_said_to_be_a_name(alice, method, path):
    other = Project.objects.get(name="other").pk
    assert not opens(alice, method, path, other)
    assert not opens(alice, method, path, other, X_Is_Resource_Name="false")
    assert opens(alice, method, path, other, X_Is_Resource_Name="true")


@pytest.mark.parametrize(("method", "path"), of_a_project())
def test_a_name_that_is_a_number_has_an_id_too(alice, method, path):
    named = Project.objects.exclude(name="other").get()
    assert not opens(alice, method, path, named.pk, X_Is_Resource_Name="true")
    assert opens(alice, method, path, named.pk)


def test_where_the_path_holds_a_name_alone_a_number_is_one(alice):
    other = Project.objects.get(name="other").pk
    for path in ("repositories", "logs", "auditlog-exts"):
        assert alice.get(f"projects/{other}/{path}").status_code == 200
    assert alice.get("projects/other/repositories").status_code == 403
