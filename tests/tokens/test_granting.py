"""Who gets what of what was asked."""

from contextlib import contextmanager

import pytest
from django.db import connection
from psycopg import Cursor

from artifacts.models import Repository
from tests.people import join, make_group, make_project, make_user
from tests.tokens.service import access_in, get

pytestmark = pytest.mark.django_db

ALL = "pull,push,delete"


@pytest.fixture
def team():
    project = make_project("team")
    Repository.objects.create(project=project, name="team/app")
    return project


@pytest.mark.parametrize(
    ("role", "actions"),
    [
        ("projectAdmin", {"pull", "push", "delete"}),
        ("maintainer", {"pull", "push", "delete"}),
        ("developer", {"pull", "push"}),
        ("guest", {"pull"}),
        ("limitedGuest", {"pull"}),
    ],
)
@pytest.mark.parametrize("asked", [ALL, "*", "pull,push,delete,fly"])
def test_a_member_gets_what_the_role_holds(team, role, actions, asked):
    join(team, make_user(), role)

    assert access_in(get(f"repository:team/app:{asked}", user="alice")) == {"repository:team/app": actions}


def test_a_member_gets_no_more_than_was_asked(team):
    join(team, make_user(), "projectAdmin")

    assert access_in(get("repository:team/app:pull", user="alice")) == {"repository:team/app": {"pull"}}


def test_a_member_through_a_group_gets_the_groups_role(team):
    join(team, make_group("crew", make_user()), "developer")

    assert access_in(get(f"repository:team/app:{ALL}", user="alice")) == {"repository:team/app": {"pull", "push"}}


def test_an_administrator_gets_everything_that_exists(team):
    make_user(is_admin=True)

    assert access_in(get(f"repository:team/app:{ALL}", f"repository:nowhere/app:{ALL}", user="alice")) == {
        "repository:team/app": {"pull", "push", "delete"}
    }


@pytest.mark.parametrize("user", ["alice", None])
def test_nothing_tells_a_stranger_what_exists(team, user):
    make_user()
    names = ["team/app", "team/other", "nowhere/app", "busybox"]

    answers = [get(f"repository:{name}:{ALL}", user=user) for name in names]

    assert [access_in(answer) for answer in answers] == [{}] * 4
    assert len({(answer.status_code, *answer.json()) for answer in answers}) == 1


@pytest.mark.parametrize("user", ["alice", None])
def test_anybody_may_pull_from_a_public_project(user):
    make_user()
    Repository.objects.create(project=make_project("open", public=True), name="open/app")

    assert access_in(get(f"repository:open/app:{ALL}", user=user)) == {"repository:open/app": {"pull"}}


def test_a_repository_that_does_not_exist_is_granted_to_who_may_create_it(team):
    join(team, make_user("dev"), "developer")
    join(team, make_user("visitor"), "guest")

    assert access_in(get("repository:team/new:pull,push", user="dev")) == {"repository:team/new": {"pull", "push"}}
    assert access_in(get("repository:team/new:pull,push", user="visitor")) == {}


def test_several_scopes_are_judged_one_by_one(team):
    join(team, make_user(), "developer")
    Repository.objects.create(project=make_project("open", public=True), name="open/base")

    answer = get("repository:team/app:pull,push repository:open/base:pull", "repository:nowhere/x:pull", user="alice")

    assert access_in(answer) == {"repository:team/app": {"pull", "push"}, "repository:open/base": {"pull"}}


def test_a_scope_that_comes_twice_is_one(team):
    join(team, make_user(), "developer")

    answer = get("repository:team/app:pull", "repository:team/app:push", user="alice")

    assert access_in(answer) == {"repository:team/app": {"pull", "push"}}


@pytest.mark.parametrize(("user", "access"), [("root", {"registry:catalog": {"*"}}), ("alice", {}), (None, {})])
def test_the_catalog_is_for_administrators(user, access):
    make_user()
    make_user("root", is_admin=True)

    assert access_in(get("registry:catalog:*", user=user)) == access


@pytest.mark.parametrize(
    "scope", ["registry:other:*", "registry:catalog:pull", "plugin:team/app:pull", "project:team:*"]
)
def test_other_kinds_of_scope_are_granted_to_nobody(team, scope):
    make_user(is_admin=True)

    assert access_in(get(scope, user="alice")) == {}


def test_a_scopes_class_says_nothing(team):
    join(team, make_user(), "guest")

    assert access_in(get("repository(plugin):team/app:pull", user="alice")) == {"repository:team/app": {"pull"}}


def test_a_role_taken_away_counts_at_the_next_request(team):
    member = join(team, make_user(), "developer")
    assert access_in(get("repository:team/app:push", user="alice"))

    member.delete()

    assert access_in(get("repository:team/app:push", user="alice")) == {}


def test_a_request_whose_credential_is_remembered_is_one_round_trip(team, monkeypatch):
    join(team, make_user(), "developer")
    get("repository:team/app:pull", user="alice")
    sent: list[object] = []

    with counting(sent, monkeypatch):
        assert access_in(get("repository:team/app:pull,push", user="alice"))

    assert len(sent) == 1


@contextmanager
def counting(sent, monkeypatch):
    """Collects what goes to PostgreSQL on the connection itself, below Django."""
    execute = Cursor.execute

    def record(self, query, *args, **kwargs):
        if self.connection is connection.connection:
            sent.append(query)
        return execute(self, query, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Cursor, "execute", record)
        yield
