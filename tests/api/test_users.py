"""/users: accounts, profiles, passwords and permissions."""

import pytest

from audit.models import AuditRecord
from rbac.models import User
from tests.api.caller import NOBODY, Caller, error_of
from tests.people import PASSWORD, join, make_project, make_user

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


def test_an_administrator_makes_another(root, alice):
    assert root.put("users/100/sysadmin", {"sysadmin_flag": True}).status_code == 200
    assert alice.get("users").status_code == 200
    assert error_of(root.put("users/1/sysadmin", {"sysadmin_flag": False}))[0] == 403


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
