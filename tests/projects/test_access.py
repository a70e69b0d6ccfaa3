import pytest
from django.db import OperationalError, connection, transaction

from artifacts.models import Repository
from db.prepared import fetch
from projects.access import grants
from projects.models import Project
from rbac.actors import ANONYMOUS, SYSTEM, Actor
from rbac.matrix import DEVELOPER, GUEST, MAINTAINER, PUBLIC
from rbac.models import User
from tests.people import join, make_group, make_project, make_user

pytestmark = pytest.mark.django_db


def grant_of(username, repository):
    _, (grant,) = grants(username, [repository])
    return grant


def actor_of(user):
    return Actor(kind="user", name=user.username, user_id=user.pk, is_admin=user.is_admin)


def test_it_reads_the_account_and_the_roles_at_once():
    user, project = make_user(is_admin=True), make_project()
    join(project, user, "developer")

    account, (grant,) = grants("alice", ["team/app"])

    assert account is not None
    assert (account.id, account.username, account.is_active, account.is_admin) == (user.pk, "alice", True, True)
    assert account.password == user.password
    assert account.session_hash == user.get_session_auth_hash()
    assert (grant.project_id, grant.repository_id, grant.public) == (project.pk, None, False)
    assert set(grant.roles) == {DEVELOPER}


def test_it_finds_roles_through_groups_and_adds_them_up():
    user, project = make_user(), make_project()
    join(project, user, "guest")
    join(project, make_group("crew", user), "maintainer")
    join(project, make_group("others"), "projectAdmin")

    assert set(grant_of("alice", "team/app").roles) == {GUEST, MAINTAINER}


def test_a_member_of_one_project_is_nothing_in_another():
    user = make_user()
    join(make_project("team"), user, "projectAdmin")
    make_project("other")

    assert grant_of("alice", "other/app").roles == frozenset()


def test_a_locked_user_has_no_roles_and_is_no_administrator():
    user = make_user(is_active=False, is_admin=True)
    join(make_project(), user, "projectAdmin")

    account, (grant,) = grants("alice", ["team/app"])

    assert account is not None
    assert not account.actor.is_admin
    assert grant.roles == frozenset()


def test_a_public_project_gives_everybody_the_public_role():
    make_project(public=True)

    assert set(grant_of(None, "team/app").roles) == {PUBLIC}
    assert set(grant_of("nobody", "team/app").roles) == {PUBLIC}


def test_it_tells_whether_the_repository_exists():
    repository = Repository.objects.create(project=make_project(), name="team/app")

    assert grant_of(None, "team/app").repository_id == repository.pk
    assert grant_of(None, "team/other").repository_id is None


def test_an_unknown_project_is_nobodys():
    make_user()

    grant = grant_of("alice", "nowhere/app")

    assert (grant.project_id, grant.roles) == (None, frozenset())


@pytest.mark.parametrize("count", range(8))
def test_it_answers_any_number_of_repositories_in_order(count):
    user = make_user()
    for n in range(count):
        join(make_project(f"p{n}"), user, "developer" if n % 2 else "guest")
    names = [f"p{n}/app" for n in reversed(range(count))]

    account, found = grants("alice", names)

    assert account is not None
    assert account.id == user.pk
    assert [grant.repository for grant in found] == names
    assert [set(grant.roles) for grant in found] == [{DEVELOPER if n % 2 else GUEST} for n in reversed(range(count))]


@pytest.mark.parametrize("count", range(8))
def test_it_answers_anonymous(count):
    account, found = grants(None, [f"p{n}/app" for n in range(count)])

    assert account is None
    assert len(found) == count


def test_the_server_plans_the_statement_once():
    make_user()
    for _ in range(20):
        grants("alice", ["team/app"])

    query = "SELECT max(generic_plans) FROM pg_prepared_statements WHERE statement LIKE %s"
    assert fetch(query, ("%(VALUES (0,%",))[0][0] >= 10


def test_the_model_agrees_with_the_statement():
    alice, bob, eve = make_user("alice"), make_user("bob"), make_user("eve", is_active=False)
    team, club = make_project("team"), make_project("club", public=True)
    crew = make_group("crew", bob, eve)
    join(team, alice, "developer")
    join(team, crew, "guest")
    join(club, crew, "maintainer")
    join(club, eve, "projectAdmin")

    for user in (alice, bob, eve):
        for project in (team, club):
            expected = set(grant_of(user.username, f"{project.name}/app").roles)
            assert set(project.roles_of(actor_of(user))) == expected
    for project in (team, club):
        assert set(project.roles_of(ANONYMOUS)) == set(grant_of(None, f"{project.name}/app").roles)


def test_a_user_sees_public_projects_and_those_of_its_own():
    alice, bob = make_user("alice"), make_user("bob")
    join(make_project("team"), alice, "guest")
    join(make_project("crewed"), make_group("crew", alice, bob), "guest")
    make_project("open", public=True)
    make_project("secret")

    def seen(actor):
        return sorted(Project.objects.visible_to(actor).values_list("name", flat=True))

    assert seen(actor_of(alice)) == ["crewed", "open", "team"]
    assert seen(actor_of(bob)) == ["crewed", "open"]
    assert seen(ANONYMOUS) == ["open"]
    assert seen(SYSTEM) == ["crewed", "open", "secret", "team"]


@pytest.mark.django_db(transaction=True)
def test_it_survives_the_death_of_its_connection():
    make_user()
    grants("alice", ["team/app"])
    (pid,) = fetch("SELECT pg_backend_pid()", ())[0]
    _terminate(pid)

    account, _ = grants("alice", ["team/app"])

    assert account is not None
    assert account.username == "alice"


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_a_dead_connection_is_an_error():
    make_user()

    @transaction.atomic
    def ask_while_it_dies():
        (pid,) = fetch("SELECT pg_backend_pid()", ())[0]
        _terminate(pid)
        grants("alice", ["team/app"])

    with pytest.raises(OperationalError):
        ask_while_it_dies()
    connection.close()

    assert User.objects.count() == 1


def _terminate(pid):
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 2000)", (pid,))
    finally:
        other.close()
