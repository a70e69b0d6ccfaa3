"""The table of `test_roles` for robots and personal access tokens: each operation is for those that hold what it asks.

What that is nobody has to write down: a robot before which every door opens tells what was asked of it.
"""

from collections.abc import Collection, Mapping

import pytest
from django.db import transaction

from projects.grants import Permissions, Place
from projects.models import PersonalToken, Project
from rbac import grantable
from rbac.models import User
from rbac.reach import EVERYWHERE, SYSTEM, Reach
from tests.api.caller import BASE, Caller
from tests.api.machines import robot_caller, token_caller
from tests.api.test_roles import OPERATIONS, ROLES, callers

__all__ = ["callers"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("callers")]

Asked = list[tuple[str, str]]  # (permission, place), in the order of the questions
Held = Mapping[str, Collection[str]]  # permissions by place

# For people alone, whatever a machine holds.
PEOPLE_ONLY = {("get", "users/current/tokens"), ("post", "users/current/tokens"), ("delete", "users/9999999/tokens/1")}
# Of those that any user may carry out, the ones for which a machine needs a permission.
BOUNDED = {("post", "projects")}

BY_PROJECT = [row for row in OPERATIONS if row[2] in ROLES]
BY_ADMINISTRATORS = [row for row in OPERATIONS if row[2] == "admin" and row[:2] not in PEOPLE_ONLY]
BY_ANYBODY = [row for row in OPERATIONS if row[2] in {"nobody", "stranger"} and row[:2] not in PEOPLE_ONLY]


def status_of(caller: Caller, method: str, path: str) -> int:
    """What the caller is answered. Nothing of it lasts."""
    extra = {"data": "[]", "content_type": "application/json"} if method in {"post", "put", "patch"} else {}
    with transaction.atomic():
        status: int = getattr(caller.client, method)(BASE + path, **extra).status_code
        transaction.set_rollback(True)
    assert status < 500
    return status


def is_open(caller: Caller, method: str, path: str) -> bool:
    status = status_of(caller, method, path)
    assert status != 401
    return status != 403


@pytest.fixture
def asked(monkeypatch):
    """What an operation asks of a machine."""

    def ask(method: str, path: str, *, of_system: bool = True) -> Asked:
        found: Asked = []

        def covers(self, permission: str, place: str) -> bool:
            found.append((permission, place))
            return of_system or place != SYSTEM

        def where(self, permission: str) -> frozenset[str]:
            found.append((permission, "team"))
            return frozenset({EVERYWHERE})

        probe = machine({"team": ["project:read"]}, "probe")
        with monkeypatch.context() as patched:
            patched.setattr(Reach, "covers", covers)
            patched.setattr(Reach, "where", where)
            assert is_open(probe, method, path)
        return list(dict.fromkeys(found))

    return ask


def in_places(permissions: Held) -> Permissions:
    return {place_of(name): sorted(held) for name, held in permissions.items()}


def place_of(name: str) -> Place:
    if name == SYSTEM:
        return SYSTEM
    return None if name == EVERYWHERE else Project.objects.get(name=name)


def machine(permissions: Held, name: str) -> Caller:
    """A robot of the one project, or of the system."""
    [project, *others] = in_places(permissions)
    owner = project if isinstance(project, Project) and not others else None
    return robot_caller(in_places(permissions), project=owner, name=name)


def token(username: str, permissions: Held, name: str) -> Caller:
    return token_caller(User.objects.get(username=username), in_places(permissions), name=name)


def by_place(found: Asked) -> Held:
    return {place: {what for what, where in found if where == place} for _, place in found}


@pytest.mark.parametrize(("method", "path", "first"), BY_PROJECT)
def test_what_is_for_members_is_for_machines_that_hold_it_there(asked, method, path, first):
    found = [(permission, place) for permission, place in asked(method, path, of_system=False) if place == "team"]
    everything = grantable.at("team")
    for make in (machine, lambda *of: token("projectAdmin", *of)):
        assert is_open(make(by_place(found), "with"), method, path)
        assert not is_open(make({"team": everything - {found[0][0]}}, "without"), method, path)
        if "team" in path:
            assert not is_open(make({"library": everything}, "elsewhere"), method, path)


@pytest.mark.parametrize(("method", "path", "first"), BY_ADMINISTRATORS)
def test_what_is_for_administrators_is_for_machines_that_hold_it_of_the_system(asked, method, path, first):
    found = asked(method, path)
    [needed, *_] = [permission for permission, place in found if place == SYSTEM]
    grantable_at_all = all(permission in grantable.at(place) for permission, place in found)
    others = {EVERYWHERE: grantable.at(EVERYWHERE), SYSTEM: grantable.at(SYSTEM) - {needed}}
    for make in (machine, lambda *of: token("admin", *of)):
        assert not is_open(make({EVERYWHERE: grantable.at(EVERYWHERE)}, "elsewhere"), method, path)
        assert not is_open(make(others, "without"), method, path)
        if grantable_at_all:
            assert is_open(make(by_place(found), "with"), method, path)
    PersonalToken.objects.all().delete()
    assert not is_open(token("projectAdmin", others | {SYSTEM: grantable.at(SYSTEM)}, "a"), method, path), "no admin's"


@pytest.mark.parametrize(("method", "path", "first"), BY_ANYBODY)
def test_what_is_for_anybody_is_for_machines_too(asked, method, path, first):
    needs = by_place(asked(method, path)) if (method, path) in BOUNDED else {}
    for make in (machine, lambda *of: token("stranger", *of)):
        assert is_open(make({"library": ["repository:pull"]}, "little"), method, path) is not bool(needs)
        if needs:
            assert is_open(make(needs, "with"), method, path)


@pytest.mark.parametrize(("method", "path"), sorted(PEOPLE_ONLY))
def test_what_is_for_people_is_for_no_machine(method, path):
    everything = {EVERYWHERE: grantable.at(EVERYWHERE), SYSTEM: grantable.at(SYSTEM)}
    for caller in (machine(everything, "all"), token("admin", everything, "all")):
        assert not is_open(caller, method, path)
