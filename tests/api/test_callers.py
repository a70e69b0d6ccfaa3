"""Robots and personal access tokens before the API: who they are, how far they get, and when they don't."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import hashers
from django.db import connection

import audit
from artifacts.models import Repository
from audit import spool
from audit.models import AuditRecord
from configuration import actions as configuration
from configuration import values
from projects.models import PersonalToken, Project, Robot
from rbac import directory, grantable
from rbac.models import User
from tests.api.caller import Caller, error_of
from tests.api.machines import ANYTHING, hold, robot_caller, token_caller, token_of
from tests.people import CONTEXT, join, make_project, make_user
from tests.roundtrips import counted

pytestmark = pytest.mark.django_db

READ = ["project:read", "repository:list", "repository:read", "repository:pull"]


@pytest.fixture
def projects():
    """Alice is projectAdmin of `team`, a guest of `club` and nobody in `other`; `open` is public."""
    user = make_user(id=100)
    for name, role in (("team", "projectAdmin"), ("club", "guest"), ("other", None), ("open", None)):
        project = make_project(name, public=name == "open")
        Repository.objects.create(project=project, name=f"{name}/app")
        if role:
            join(project, user, role)
    return {project.name: project for project in Project.objects.all()}


def names(answer, key="name"):
    assert answer.status_code == 200, answer.content
    return {row[key] for row in answer.json()}


def configure(items):
    configuration.update(items, actor="admin", context=CONTEXT)
    values.forget()


def logins():
    spool.drain()
    records = AuditRecord.objects.filter(operation="login").order_by("at", "id")
    return list(records.values_list("actor", "result"))


def test_a_robot_is_known_by_its_secret(projects):
    ci = robot_caller({projects["team"]: READ}, project=projects["team"])

    assert ci.get("projects/team").status_code == 200
    assert logins() == [("robot$team+ci", "success")]
    assert error_of(Caller("robot$team+ci", "wrong").get("projects/team")) == (401, "UNAUTHORIZED")
    assert error_of(Caller("robot$nobody", "wrong").get("projects/team")) == (401, "UNAUTHORIZED")
    assert logins()[1:] == [("robot$team+ci", "failure"), ("robot$nobody", "failure")]


@pytest.mark.parametrize(
    "state", [{"disabled": True}, {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}, {"name": "team+x"}]
)
def test_a_robot_that_is_no_good_is_refused_and_never_counts_as_nobody(projects, state):
    ci = robot_caller({projects["team"]: READ}, project=projects["team"])
    Robot.objects.update(**state)
    assert error_of(ci.get("projects/open")) == (401, "UNAUTHORIZED")


def test_the_last_use_is_noted_once_in_a_while(projects):
    ci = robot_caller({projects["team"]: READ}, project=projects["team"])
    token = token_caller(User.objects.get())
    for caller in (ci, ci, token, token):
        caller.get("projects")
    assert logins() == [("robot$team+ci", "success"), ("alice", "success")]
    assert (Robot.objects.get().used_at and PersonalToken.objects.get().used_at) is not None


def test_wrong_secrets_are_held_back_and_right_ones_are_not(projects):
    ci = robot_caller({projects["team"]: READ}, project=projects["team"])
    for wrong in (Caller("robot$team+ci", "wrong"), Caller(bearer="rspat_" + "x" * 43)):
        answers = (wrong.get("projects") for _ in range(15))
        held_back = next(answer for answer in answers if answer.status_code != 401)
        assert error_of(held_back) == (429, "TOO_MANY_REQUEST")
        assert int(held_back["Retry-After"]) > 0
    assert ci.get("projects/team").status_code == 200
    assert {("robot$team+ci", "denied"), ("anonymous", "denied")} <= set(logins())


def test_a_robots_secret_is_shown_to_no_directory_and_hashed_once(projects, monkeypatch):
    def never(*_, **__):
        raise AssertionError

    for module, name in ((hashers, "check_password"), (hashers, "make_password"), (directory, "sign_in")):
        monkeypatch.setattr(module, name, never)
    ci = robot_caller({projects["team"]: READ}, project=projects["team"])
    assert ci.get("projects/team").status_code == 200
    assert Caller("robot$team+ci", "wrong").get("projects").status_code == 401
    assert Caller("alice", "rspat_" + "x" * 43).get("projects").status_code == 401
    configure({"robot_name_prefix": "bot$"})
    assert ci.get("projects").status_code == 401


def test_a_token_is_its_users_password_or_stands_alone(projects):
    secret = token_of(User.objects.get())
    for caller in (Caller("alice", secret), Caller(bearer=secret)):
        assert caller.get("users/current").json()["username"] == "alice"
    make_user("bob")
    assert error_of(Caller("bob", secret).get("users/current")) == (401, "UNAUTHORIZED")
    assert error_of(Caller("ali\x00ce", secret).get("users/current")) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "bearer x", "Bearer eyJh.eyJz.c2ln", "Bearer rspat_short", "Bearer rspat_ü"]
)
def test_another_bearer_is_refused(client, db, header):
    answer = client.get("/api/v2.0/projects", headers={"Authorization": header})
    assert error_of(answer) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("model", "state"),
    [
        (User, {"is_active": False}),
        (User, {"session_epoch": 7}),
        (PersonalToken, {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}),
        (PersonalToken, {"digest": "0" * 64}),
    ],
)
def test_a_token_that_is_no_good_is_refused(projects, model, state):
    token = token_caller(User.objects.get())
    assert token.get("projects").status_code == 200
    model.objects.update(**state)
    assert error_of(token.get("projects")) == (401, "UNAUTHORIZED")


def test_lists_show_a_robot_what_it_reaches_and_what_is_open(projects):
    ci = robot_caller({projects["team"]: READ, projects["club"]: ["project:read"]})
    assert names(ci.get("projects")) == {"team", "club", "open"}
    assert names(ci.get("repositories")) == {"team/app", "open/app"}
    found = ci.get("search", q="app").json()
    assert {row["repository_name"] for row in found["repository"]} == {"team/app", "open/app"}
    assert ci.get("statistics").json()["private_project_count"] == 2
    assert ci.head("projects", project_name="other").status_code == 404


def test_a_robot_of_every_project_sees_those_that_come_too(projects):
    ci = robot_caller({None: READ})
    make_project("new")
    assert names(ci.get("projects")) == {"team", "club", "other", "open", "new"}
    assert names(ci.get("repositories")) == {"team/app", "club/app", "other/app", "open/app"}
    assert error_of(ci.get("projects/nowhere"))[0] == 404
    assert error_of(ci.put("projects/nowhere", {}))[0] == 403


def test_a_robot_without_a_permission_learns_nothing_of_a_project(projects):
    ci = robot_caller({projects["team"]: ["repository:pull"]}, project=projects["team"])
    for name in ("other", "nowhere"):
        assert error_of(ci.get(f"projects/{name}")) == (403, "FORBIDDEN")
    assert error_of(ci.get("projects/team")) == (403, "FORBIDDEN")
    assert ci.get("projects/open").status_code == 200


def test_a_robot_reads_the_logs_that_it_may(projects):
    for name in ("team", "club"):
        Caller("alice").put(f"projects/{name}/metadatas/auto_scan", {"auto_scan": "true"})
    join(projects["club"], make_user("carol"), "guest")
    ci = robot_caller({projects["team"]: ["log:list"]}, project=projects["team"])
    resources = {row["resource"] for row in ci.get("audit-logs").json()}
    assert resources == {row["resource"] for row in ci.get("projects/team/logs").json()} != set()
    assert error_of(ci.get("projects/club/logs"))[0] == 403
    hold(Robot, "audit-log:list")
    assert int(ci.get("audit-logs")["X-Total-Count"]) == AuditRecord.objects.count()


def test_a_token_bounds_what_its_user_may(projects):
    alice = User.objects.get()
    token = token_caller(alice, {projects["team"]: READ, projects["other"]: READ})
    assert names(token.get("projects")) == {"team", "open"}
    assert names(token.get("repositories")) == {"team/app", "open/app"}
    assert token.get("projects/team").status_code == 200
    for method, path in (("get", "projects/team/members"), ("get", "projects/club"), ("get", "projects/other")):
        assert error_of(getattr(token, method)(path)) == (403, "FORBIDDEN")
    assert error_of(token.put("projects/team", {"metadata": {}}))[0] == 403


def test_a_token_of_everything_is_as_good_as_its_user_in_projects(projects):
    token = token_caller(User.objects.get())
    alice = Caller("alice")
    for path in ("projects", "repositories", "search?q=app", "audit-logs", "projects/club/members", "projects/other"):
        mine, its = (caller.client.get(f"/api/v2.0/{path}") for caller in (alice, token))
        assert (its.status_code, its.json()) == (mine.status_code, mine.json())


def test_a_token_changes_nothing_about_its_user(projects):
    token = token_caller(User.objects.get())
    profile = {"email": "a@example.com", "realname": "A", "comment": ""}
    assert token.get("users/100").status_code == 200
    assert error_of(token.put("users/100", profile))[0] == 403
    password = {"old_password": "Correct-Horse-9", "new_password": "Staple-Battery-7"}
    assert error_of(token.put("users/100/password", password))[0] == 403


def test_an_administrators_token_is_no_administrator(root, projects):
    token = token_caller(User.objects.get(pk=1))
    assert names(token.get("projects")) == {"team", "club", "other", "open"}
    assert token.put("projects/other", {"metadata": {"public": "true"}}).status_code == 200
    for path in ("users", "users/100"):
        assert error_of(token.get(path)) == (403, "FORBIDDEN")
    assert token.get("statistics").json()["total_project_count"] == 0


def test_an_administrators_token_may_reach_into_the_installation(root, projects):
    token = token_caller(User.objects.get(pk=1))
    hold(PersonalToken, "user:list", "user:update", "user:delete")
    assert names(token.get("users"), "username") == {"admin", "alice"}
    assert error_of(token.put("users/100/sysadmin", {"sysadmin_flag": True}))[0] == 403
    assert error_of(token.put("users/100/password", {"new_password": "Staple-Battery-7"}))[0] == 403
    hold(PersonalToken, "user:read")
    assert error_of(token.get("users"))[0] == 403


def test_the_installations_permissions_are_no_members_by_a_token(projects):
    token = token_caller(User.objects.get())
    hold(PersonalToken, "*")
    assert error_of(token.get("users"))[0] == 403


def test_a_robot_of_the_system_manages_users_but_no_administrators(root, projects):
    ci = robot_caller({None: READ})
    hold(Robot, "user:list", "user:create", "user:update", "user:delete")
    new = {"username": "bob", "password": "Staple-Battery-7", "email": "bob@example.com", "realname": "B"}
    assert ci.post("users", new).status_code == 201
    bob = User.objects.get(username="bob").pk
    profile = {"email": "b@example.com", "realname": "B", "comment": ""}
    assert ci.put(f"users/{bob}", profile).status_code == 200
    assert error_of(ci.put("users/1", profile))[0] == 403
    assert error_of(ci.put(f"users/{bob}/password", {"new_password": "Battery-Staple-7"}))[0] == 403
    assert error_of(ci.put(f"users/{bob}/sysadmin", {"sysadmin_flag": True}))[0] == 403
    User.objects.filter(pk=bob).update(is_admin=True)
    assert error_of(ci.delete(f"users/{bob}"))[0] == 403
    User.objects.filter(pk=bob).update(is_admin=False)
    assert ci.delete(f"users/{bob}").status_code == 200


def test_a_robot_is_no_user(projects):
    ci = robot_caller({projects["team"]: READ}, project=projects["team"])
    assert error_of(ci.get("users/current")) == (412, "PRECONDITION")
    scope = f"/project/{projects['team'].pk}"
    granted = ci.get("users/current/permissions", scope=scope, relative="true").json()
    assert {f"{each['resource']}:{each['action']}" for each in granted} == set(READ)
    assert ci.get("users/current/permissions", scope=f"/project/{projects['other'].pk}").json() == []


def test_what_is_held_of_the_system_is_told(root, projects):
    ci = robot_caller({"/": ["user:list", "project:create"]})
    for caller, count in ((root, len(grantable.at("/"))), (ci, 2), (token_caller(User.objects.get(pk=1)), 0)):
        assert len(caller.get("users/current/permissions", scope="/system").json()) == count
    [first, _] = ci.get("users/current/permissions", scope="/system").json()
    assert first == {"resource": "/system/project", "action": "create"}


def test_a_robot_of_a_project_deleted_meanwhile_is_not_made(transactional_db, monkeypatch):
    """Its project goes in another transaction just before the robot's own is committed."""
    make_user("admin", is_admin=True)
    project = make_project("team")
    other = connection.copy()

    def delete(*_, **__):
        with other.cursor() as cursor:
            cursor.execute("DELETE FROM projects_project WHERE id = %s", [project.pk])

    monkeypatch.setattr(audit, "record", delete)
    permissions = [{"kind": "project", "namespace": "team", "access": [{"resource": "tag", "action": "list"}]}]
    body = {"name": "ci", "level": "project", "duration": -1, "permissions": permissions}
    try:
        assert error_of(Caller("admin").post("robots", body)) == (409, "CONFLICT")
    finally:
        other.close()
    assert not Robot.objects.exists()


@pytest.mark.parametrize("restricted", [False, True])
def test_a_project_is_created_by_whoever_may_within_its_bounds(root, projects, restricted):
    if restricted:
        configure({"project_creation_restriction": "adminonly"})
    ci, token = robot_caller({None: READ}), token_caller(User.objects.get(pk=100))
    for caller in (ci, token):
        assert error_of(caller.post("projects", {"project_name": "made"}))[0] == 403
    for machine in (Robot, PersonalToken):
        hold(machine, "project:create")
    assert ci.post("projects", {"project_name": "robots"}).status_code == 201
    assert Project.objects.get(name="robots").owner is None
    assert token.post("projects", {"project_name": "alices"}).status_code == (403 if restricted else 201)


def test_members_are_given_no_more_than_their_maker_holds(projects):
    make_user("bob")
    everything_but = ["member:create", "member:list", "member:read", "member:update", *READ]
    ci = robot_caller({projects["team"]: everything_but}, project=projects["team"])
    token = token_caller(User.objects.get(pk=100), {projects["team"]: everything_but})
    for caller in (ci, token):
        body = {"role_id": 1, "member_user": {"username": "bob"}}
        assert error_of(caller.post("projects/team/members", body)) == (403, "FORBIDDEN")
    whole = token_caller(User.objects.get(pk=100), ANYTHING, name="whole")
    assert whole.post("projects/team/members", {"role_id": 2, "member_user": {"username": "bob"}}).status_code == 201
    [bob] = projects["team"].members.filter(user__username="bob").values_list("pk", flat=True)
    assert error_of(ci.put(f"projects/team/members/{bob}", {"role_id": 1})) == (403, "FORBIDDEN")
    assert whole.put(f"projects/team/members/{bob}", {"role_id": 4}).status_code == 200


def test_another_prefix_counts_at_once_here_too(projects):
    ci = robot_caller({projects["team"]: READ}, project=projects["team"])
    secret = ci.password
    configure({"robot_name_prefix": "bot$"})
    assert Caller("bot$team+ci", secret).get("projects/team").status_code == 200
    assert error_of(ci.get("projects/team"))[0] == 401


def test_who_that_is_and_all_it_reaches_is_one_round_trip(projects):
    for name in ("a", "b", "c"):
        make_project(name)
    ci = robot_caller(dict.fromkeys(Project.objects.all(), READ))
    token = token_caller(User.objects.get(), dict.fromkeys(Project.objects.all(), READ))
    for caller in (ci, token):
        for _ in range(8):
            caller.get("systeminfo")
        with counted() as spent:
            assert caller.get("systeminfo").status_code == 200
        assert spent() == 1


def test_read_only_holds_for_machines(projects):
    configure({"read_only": True})
    ci = robot_caller({projects["team"]: ["project:update"]}, project=projects["team"])
    assert error_of(ci.put("projects/team", {"metadata": {}})) == (403, "DENIED")
    assert ci.get("projects").status_code == 200
