"""/users/{…}/tokens: personal access tokens, by those who may look after them."""

import time

import pytest

from audit.models import AuditRecord
from projects import personal
from projects.models import PersonalToken
from rbac.models import User
from tests.api.caller import NOBODY, Caller, error_of
from tests.api.machines import robot_caller, token_caller
from tests.people import join, make_project, make_user
from tests.roundtrips import counted

pytestmark = pytest.mark.django_db

MINE = "users/current/tokens"


@pytest.fixture
def team(alice):
    project = make_project("team")
    join(project, User.objects.get(username="alice"), "developer")
    return project


def in_project(namespace, *pairs):
    access = [dict(zip(("resource", "action"), pair.split(":"), strict=True)) for pair in pairs]
    return {"kind": "system" if namespace == "/" else "project", "namespace": namespace, "access": access}


def made(answer):
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_token_of_everything_is_made_shown_and_revoked(alice, team):
    answer = alice.post(MINE, {"name": "laptop"})
    body = made(answer)
    assert set(body) == {"id", "name", "token", "expires_at", "creation_time"}
    assert answer["Location"] == f"/api/v2.0/users/100/tokens/{body['id']}"
    assert abs(body["expires_at"] - time.time() - 90 * 86400) < 60

    token = Caller(bearer=body["token"])
    assert token.get("projects/team").status_code == 200
    [shown] = alice.get(MINE).json()
    assert shown == alice.get("users/100/tokens").json()[0]
    assert shown["last_used_time"].endswith("Z")
    everything = {"resource": "*", "action": "*", "effect": "allow"}
    assert shown["permissions"] == [{"kind": "project", "namespace": "*", "access": [everything]}]
    assert body["token"] not in str(shown)

    assert alice.delete(f"{MINE}/{body['id']}").status_code == 200
    assert error_of(token.get("projects/team"))[0] == 401
    assert alice.get(MINE).json() == []
    deeds = AuditRecord.objects.filter(resource_type="token", resource="alice/laptop")
    assert list(deeds.order_by("at").values_list("operation", flat=True)) == ["create", "delete"]
    assert body["token"] not in str(AuditRecord.objects.values())


def test_a_token_is_bounded_by_what_it_names(alice, team):
    join(make_project("club"), User.objects.get(username="alice"), "developer")
    wanted = [in_project("team", "project:read", "repository:*")]
    body = made(alice.post(MINE, {"name": "ci", "duration": -1, "permissions": wanted}))
    assert body["expires_at"] == -1
    token = Caller("alice", body["token"])
    assert token.get("projects/team/repositories").status_code == 200
    assert error_of(token.get("projects/team/members"))[0] == 403
    assert error_of(token.get("projects/club"))[0] == 403


def test_all_of_the_system_is_all_that_can_be_granted(root):
    body = made(root.post(MINE, {"name": "all", "permissions": [in_project("/", "*:*")]}))
    [shown] = root.get(MINE).json()
    told = root.get("permissions").json()["system"]
    assert [{**each, "effect": "allow"} for each in told] == shown["permissions"][0]["access"]
    token = Caller(bearer=body["token"])
    assert token.get("users").status_code == 200
    assert error_of(token.get("configurations"))[0] == 403


def test_a_token_reaches_into_the_installation_by_name_alone(root, alice):
    for caller, status in ((root, 200), (alice, 403)):
        named = made(caller.post(MINE, {"name": "users", "permissions": [in_project("/", "user:list")]}))
        whole = made(caller.post(MINE, {"name": "whole"}))
        assert Caller(bearer=named["token"]).get("users").status_code == status
        assert error_of(Caller(bearer=whole["token"]).get("users"))[0] == 403


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": ""}, 400),
        ({"name": " x"}, 400),
        ({"name": "x" * 65}, 400),
        ({"name": "a\x00"}, 400),
        ({"name": "\ud800"}, 400),
        ({"name": None}, 400),
        ({"duration": 0}, 400),
        ({"duration": 2**70}, 400),
        ({"duration": []}, 400),
        ({"permissions": []}, 400),
        ({"permissions": [in_project("team")]}, 400),
        ({"permissions": [in_project("team", "repository:fly")]}, 400),
        ({"permissions": [in_project("team", "*:pull")]}, 400),
        ({"permissions": [in_project("/", "configuration:update")]}, 400),
        ({"permissions": [in_project("hidden", "repository:pull")]}, 403),
        ({"permissions": [in_project("nowhere", "repository:pull")]}, 403),
        ({"name": "there"}, 409),
    ],
)
def test_a_token_that_cannot_be_is_refused(alice, team, change, status):
    make_project("hidden")
    made(alice.post(MINE, {"name": "there"}))
    assert error_of(alice.post(MINE, {"name": "laptop"} | change))[0] == status
    assert PersonalToken.objects.count() == 1


def test_an_administrator_reads_and_revokes_anybodys_and_makes_nobodys(root, alice):
    body = made(alice.post(MINE, {"name": "laptop"}))
    assert [each["name"] for each in root.get("users/100/tokens").json()] == ["laptop"]
    assert error_of(root.post("users/100/tokens", {"name": "x"})) == (403, "FORBIDDEN")
    assert error_of(root.delete(f"users/current/tokens/{body['id']}"))[0] == 404
    assert root.delete(f"users/100/tokens/{body['id']}").status_code == 200
    assert error_of(Caller(bearer=body["token"]).get("projects"))[0] == 401
    assert error_of(root.get("users/999999/tokens"))[0] == 404


def test_tokens_of_others_are_out_of_reach(root, alice):
    make_user("bob", id=101)
    body = made(Caller("bob").post(MINE, {"name": "laptop"}))
    for user_id in ("1", "101", "999999"):
        assert error_of(alice.get(f"users/{user_id}/tokens")) == (403, "FORBIDDEN")
        assert error_of(alice.post(f"users/{user_id}/tokens", {"name": "x"})) == (403, "FORBIDDEN")
        assert error_of(alice.delete(f"users/{user_id}/tokens/{body['id']}")) == (403, "FORBIDDEN")
        assert error_of(NOBODY.get(f"users/{user_id}/tokens")) == (401, "UNAUTHORIZED")
    assert error_of(alice.delete(f"{MINE}/{body['id']}"))[0] == 404
    assert error_of(alice.delete(f"{MINE}/x"))[0] == 422
    assert error_of(alice.delete(f"{MINE}/{2**80}"))[0] == 404
    assert error_of(NOBODY.get(MINE))[0] == 401
    assert PersonalToken.objects.count() == 1


def test_neither_a_token_nor_a_robot_looks_after_tokens(root, alice, team):
    token, ci = token_caller(User.objects.get(pk=1)), robot_caller({None: ["repository:pull"]})
    whole = made(root.post(MINE, {"name": "all", "permissions": [in_project("/", "*:*"), in_project("*", "*:*")]}))
    theirs = made(alice.post(MINE, {"name": "laptop"}))["id"]
    for caller in (token, ci, Caller(bearer=whole["token"])):
        for path in (MINE, "users/1/tokens", "users/100/tokens"):
            assert error_of(caller.get(path)) == (403, "FORBIDDEN")
            assert error_of(caller.post(path, {"name": "x"})) == (403, "FORBIDDEN")
        assert error_of(caller.delete(f"users/100/tokens/{theirs}")) == (403, "FORBIDDEN")
    assert PersonalToken.objects.count() == 3


def test_the_most_tokens_of_a_user_are_bounded(alice, monkeypatch):
    monkeypatch.setattr(personal, "_MOST", 2)
    for name in ("a", "b"):
        made(alice.post(MINE, {"name": name}))
    assert error_of(alice.post(MINE, {"name": "c"}))[0] == 400


def test_a_page_of_tokens_costs_the_same_for_few_and_for_many(alice, team):
    made(alice.post(MINE, {"name": "first"}))
    for _ in range(8):
        alice.get(MINE, page_size=50)
    with counted() as few:
        alice.get(MINE, page_size=50)
    for number in range(20):
        made(alice.post(MINE, {"name": f"t{number}", "permissions": [in_project("team", "repository:pull")]}))
    with counted() as many:
        assert len(alice.get(MINE, page_size=50).json()) == 21
    assert many() == few()
    assert [each["name"] for each in alice.get(MINE, q="name=~T1", sort="name").json()][:2] == ["t1", "t10"]
