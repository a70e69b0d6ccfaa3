"""/users: accounts, profiles, passwords and permissions."""

import json

import pytest
from django.test import Client

from audit.models import AuditRecord
from configuration import actions as configuration
from configuration import values
from rbac.models import User
from tests.api.caller import BASE, NOBODY, Caller, error_of
from tests.people import CONTEXT, PASSWORD, join, make_project, make_user

pytestmark = pytest.mark.django_db

NEW = {"username": "bob", "password": "Staple-Battery-7", "email": "bob@example.com", "realname": "Bob", "comment": "c"}


def test_the_current_user_reads_itself(alice):
    body = alice.get("users/current").json()
    assert (body["user_id"], body["username"], body["sysadmin_flag"]) == (100, "alice", False)
    assert set(body) == {
        "user_id", "username", "email", "realname", "comment", "sysadmin_flag", "admin_role_in_auth",
        "creation_time", "update_time",
    }  # fmt: skip
    assert body["creation_time"].endswith("Z")


def test_who_administers_by_a_group_elsewhere_learns_it_of_itself_alone(alice, root):
    User.objects.filter(username="alice").update(is_admin=True, admin_by_group=True)
    told = alice.get("users/current").json()
    assert (told["sysadmin_flag"], told["admin_role_in_auth"]) == (True, True)
    assert root.get("users/current").json()["admin_role_in_auth"] is False
    assert [each["admin_role_in_auth"] for each in root.get("users").json()] == [False, False]


def test_an_administrator_creates_a_user_who_can_sign_in(root):
    answer = root.post("users", NEW)
    assert answer.status_code == 201
    user = User.objects.get(username="bob")
    assert answer["Location"] == f"/api/v2.0/users/{user.pk}"
    body = Caller("bob", NEW["password"]).get("users/current").json()
    assert {name: body[name] for name in ("email", "realname", "comment")} == {
        "email": "bob@example.com", "realname": "Bob", "comment": "c",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"username": "admin"}, 409),
        ({"username": "a,b"}, 400),
        ({"username": ""}, 400),
        ({"password": "short"}, 400),
        ({"email": "nobody"}, 400),
        ({"email": None}, 400),
        ({"realname": "a\x00"}, 400),
        ({"realname": "\ud800"}, 400),
    ],
)
def test_a_user_that_cannot_be_is_refused(root, change, status):
    assert error_of(root.post("users", NEW | change))[0] == status
    assert User.objects.count() == 1


def test_users_are_listed_for_administrators(root, alice):
    assert [row["username"] for row in root.get("users", sort="-username").json()] == ["alice", "admin"]
    assert [row["username"] for row in root.get("users", q="username=~LIC").json()] == ["alice"]
    assert [row["username"] for row in root.get("users", q="sysadmin_flag=true").json()] == ["admin"]


def test_anybody_who_signed_in_searches_for_names(alice, root):
    assert alice.get("users/search", username="ADM").json() == [{"user_id": 1, "username": "admin"}]
    assert error_of(alice.get("users/search"))[0] == 422
    assert error_of(NOBODY.get("users/search", username="a"))[0] == 401


def test_users_change_their_own_profile(alice):
    answer = alice.put("users/100", {"email": "a@example.com", "realname": "A", "comment": ""})
    assert answer.status_code == 200
    assert alice.get("users/100").json()["realname"] == "A"
    assert AuditRecord.objects.filter(actor="alice", operation="update", resource="alice").exists()


def test_users_change_their_own_password_with_the_old_one(alice):
    new = "Staple-Battery-7"
    wrong = alice.put("users/100/password", {"old_password": "no", "new_password": new})
    assert error_of(wrong) == (403, "FORBIDDEN")
    same = alice.put("users/100/password", {"old_password": PASSWORD, "new_password": PASSWORD})
    assert error_of(same)[0] == 400
    weak = alice.put("users/100/password", {"old_password": PASSWORD, "new_password": "weak"})
    assert error_of(weak)[0] == 400
    assert alice.put("users/100/password", {"old_password": PASSWORD, "new_password": new}).status_code == 200
    assert error_of(alice.get("users/current"))[0] == 401
    assert Caller("alice", new).get("users/current").status_code == 200


def test_an_administrator_sets_a_password_without_the_old_one(root, alice):
    assert root.put("users/100/password", {"new_password": "Staple-Battery-7"}).status_code == 200
    assert Caller("alice", "Staple-Battery-7").get("users/current").status_code == 200
    body = {"old_password": None, "new_password": "Staple-Battery-7"}  # as it is already
    assert root.put("users/100/password", body).status_code == 200


def test_an_administrator_makes_another(root, alice):
    assert root.put("users/100/sysadmin", {"sysadmin_flag": True}).status_code == 200
    assert alice.get("users").status_code == 200
    assert error_of(root.put("users/1/sysadmin", {"sysadmin_flag": False}))[0] == 403
    assert root.put("users/100/sysadmin", {}).status_code == 200  # left out is false
    assert error_of(alice.get("users"))[0] == 403


def test_an_administrator_deletes_others_but_not_the_first_nor_itself(root, alice):
    User.objects.filter(pk=100).update(is_admin=True)
    assert error_of(alice.delete("users/100"))[0] == 403
    assert error_of(alice.delete("users/1"))[0] == 403
    assert root.delete("users/100").status_code == 200
    assert error_of(root.get("users/100")) == (404, "NOT_FOUND")


@pytest.mark.parametrize("user_id", ["1", "101", "999999"])
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_others_are_out_of_reach_whether_they_exist_or_not(root, alice, method, user_id):
    make_user("bob", id=101)
    assert error_of(getattr(alice, method)(f"users/{user_id}")) == (403, "FORBIDDEN")
    assert error_of(getattr(NOBODY, method)(f"users/{user_id}")) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(("user_id", "status"), [("x", 422), ("99999999999999999999", 404), ("-1", 422), ("%00", 422)])
def test_an_id_that_is_none_is_refused(root, user_id, status):
    assert error_of(root.get(f"users/{user_id}"))[0] == status


def test_permissions_are_those_of_the_role_in_the_project(alice):
    project = make_project()
    join(project, User.objects.get(username="alice"), "guest")
    scope = f"/project/{project.pk}"
    relative = alice.get("users/current/permissions", scope=scope, relative="true").json()
    assert {"resource": "repository", "action": "pull"} in relative
    assert {"resource": "repository", "action": "push"} not in relative
    full = alice.get("users/current/permissions", scope=scope).json()
    assert {"resource": f"{scope}/repository", "action": "pull"} in full
    assert len(full) == len(relative)


@pytest.mark.parametrize(
    "scope", ["", "/", "/project/", "/project/x", "/project/999999", "/system", "/project/" + "9" * 40]
)
def test_there_are_no_permissions_where_there_is_nothing(alice, scope):
    answer = alice.get("users/current/permissions", scope=scope)
    assert (answer.status_code, answer.json()) == (200, [])


def test_a_project_of_others_grants_nothing(alice):
    assert alice.get("users/current/permissions", scope=f"/project/{make_project().pk}").json() == []


@pytest.fixture
def page():
    """A browser that shows one of our pages: it sends a cookie."""
    client = Client(raise_request_exception=False)
    client.cookies["sid"] = "whatever"

    def register(**change):
        return client.post(f"{BASE}users", json.dumps(NEW | change), content_type="application/json")

    return register


def set_items(**items):
    configuration.update(items, actor="admin", context=CONTEXT)
    values.forget()


def test_people_register_by_themselves_where_they_may(page):
    set_items(self_registration=True)

    answer = page(sysadmin_flag=True, is_admin=True)

    assert answer.status_code == 201
    user = User.objects.get(username="bob")
    assert answer["Location"] == f"/api/v2.0/users/{user.pk}"
    assert (user.is_admin, user.email, user.comment) == (False, "bob@example.com", "c")
    assert AuditRecord.objects.filter(actor="anonymous", operation="create", resource="bob").exists()
    assert Caller("bob", NEW["password"]).get("users/current").status_code == 200
    assert error_of(page())[0] == 409
    assert error_of(page(username="carol", password="weak"))[0] == 400


def test_a_script_does_not_register_anybody(alice):
    set_items(self_registration=True)
    assert error_of(NOBODY.post("users", NEW)) == (403, "FORBIDDEN")
    assert error_of(alice.post("users", NEW)) == (403, "FORBIDDEN")
    assert error_of(Caller("nobody", "wrong").post("users", NEW)) == (401, "UNAUTHORIZED")
    assert User.objects.count() == 1


def test_nobody_registers_where_that_is_off_or_people_come_from_elsewhere(page, root, monkeypatch):
    assert error_of(page()) == (401, "UNAUTHORIZED")
    set_items(self_registration=True)
    monkeypatch.setenv("ROADSTEAD_CONFIG_AUTH_MODE", "ldap_auth")
    values.forget()
    assert error_of(page()) == (401, "UNAUTHORIZED")
    assert error_of(root.post("users", NEW)) == (403, "FORBIDDEN")
    assert User.objects.count() == 1


def test_registering_without_end_is_held_back(page):
    set_items(self_registration=True)
    answers = [page(username=f"bob{number}", password="weak") for number in range(25)]
    assert {answer.status_code for answer in answers[:20]} == {400}
    assert answers[-1].status_code == 429
    assert answers[-1]["Retry-After"]


def test_administrators_create_users_whether_or_not_people_register(root):
    set_items(self_registration=True)
    assert root.post("users", NEW).status_code == 201
