"""Lists of projects hold what each caller may know of, by whichever way PostgreSQL is asked."""

import pytest

from projects import models
from projects.models import Project
from rbac.actors import ANONYMOUS, SYSTEM, Actor
from rbac.models import User
from tests.people import join, make_group, make_project, make_user
from tests.roundtrips import fewest

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[0, 1000], ids=["asked of each project", "by their ids"])
def few(request, monkeypatch):
    monkeypatch.setattr(models, "_FEW", request.param)


@pytest.fixture
def world(few) -> dict[str, Actor]:
    make_project("open", public=True)
    own, shared, other = make_project("own"), make_project("shared"), make_project("other")
    alice, bob, carol = make_user("alice"), make_user("bob"), make_user("carol", is_active=False)
    join(own, alice, "maintainer")
    join(shared, make_group("builders", alice, bob, carol), "limitedGuest")
    join(other, carol, "projectAdmin")
    return {user.username: Actor("user", user.username, user.pk) for user in (alice, bob, carol, make_user("dave"))}


def names(rows) -> set[str]:
    return {project.name for project in rows}


@pytest.mark.parametrize(
    ("who", "seen"),
    [("alice", {"open", "own", "shared"}), ("bob", {"open", "shared"}), ("carol", {"open"}), ("dave", {"open"})],
)
def test_a_user_knows_of_public_projects_and_of_its_own(world, who, seen):
    assert names(Project.objects.visible_to(world[who])) == seen
    assert names(Project.objects.private_to(world[who])) == seen - {"open"}


def test_a_stranger_knows_of_public_projects_and_the_installation_of_all(world):
    assert names(Project.objects.visible_to(ANONYMOUS)) == {"open"}
    assert names(Project.objects.private_to(ANONYMOUS)) == set()
    assert names(Project.objects.private_to(SYSTEM)) == {"own", "shared", "other"}
    assert names(Project.objects.visible_to(SYSTEM)) == {"open", "own", "shared", "other"}


@pytest.mark.parametrize(
    ("permission", "seen"),
    [("repository:pull", {"open", "own", "shared"}), ("repository:read", {"own", "shared"}), ("tag:delete", {"own"})],
)
def test_a_permission_narrows_to_where_a_role_grants_it(world, permission, seen):
    assert names(Project.objects.with_permission(world["alice"], permission)) == seen


def test_membership_costs_the_same_whatever_there_is(world):
    def ask() -> set[str]:
        return names(Project.objects.visible_to(world["alice"]))

    before = fewest(ask)
    for number in range(20):
        join(make_project(f"more{number}"), User.objects.get(username="alice"), "guest")
    assert len(ask()) == 23
    assert fewest(ask) == before
