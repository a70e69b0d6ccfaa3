"""/projects, their metadata and members."""

import pytest

from artifacts.models import Repository
from audit.models import AuditRecord
from configuration import actions as configuration
from projects.models import Member, Project
from rbac.models import User
from tests.api.caller import NOBODY, error_of, make_caller
from tests.people import CONTEXT, join, make_group, make_project, make_user
from tests.roundtrips import fewest

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(alice):
    """A private project whose administrator alice is."""
    project = make_project("team")
    join(project, User.objects.get(username="alice"), "projectAdmin")
    return project


@pytest.fixture
def bob(db):
    """Somebody who is nobody in `team`."""
    return make_caller("bob", id=101)[0]


def names(answer):
    assert answer.status_code == 200, answer.content
    return [project["name"] for project in answer.json()]


def test_whoever_creates_a_project_administers_it(alice):
    answer = alice.post("projects", {"project_name": "team", "metadata": {"public": "true", "auto_scan": "true"}})
    project = Project.objects.get()
    assert (answer.status_code, answer["Location"]) == (201, f"/api/v2.0/projects/{project.pk}")
    body = alice.get("projects/team").json()
    assert body["metadata"] == {"public": "true", "auto_scan": "true"}
    assert (body["project_id"], body["owner_name"], body["owner_id"]) == (project.pk, "alice", 100)
    assert (body["current_user_role_id"], body["current_user_role_ids"], body["togglable"]) == (1, [1], True)
    assert (body["repo_count"], body["deleted"]) == (0, False)


def test_the_location_can_hold_the_name(alice):
    answer = alice.post("projects", {"project_name": "team"}, X_Resource_Name_In_Location="true")
    assert answer["Location"] == "/api/v2.0/projects/team"
    assert alice.get("projects/team").json()["metadata"]["public"] == "false"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"project_name": "Team"}, 400),
        ({"project_name": ""}, 400),
        ({}, 400),
        ({"project_name": "taken"}, 409),
        ({"project_name": "x", "metadata": {"public": "perhaps"}}, 400),
        ({"project_name": "x", "metadata": {"public": ["true"]}}, 400),
        ({"project_name": "x", "metadata": {"severity": "awful"}}, 400),
        ({"project_name": "x", "registry_id": 5}, 501),
        ({"project_name": "x", "cve_allowlist": {"items": [{"cve_id": ""}]}}, 400),
    ],
)
def test_a_project_that_cannot_be_is_refused(alice, body, status):
    make_project("taken")
    assert error_of(alice.post("projects", body))[0] == status
    assert Project.objects.count() == 1


def test_nobody_creates_no_project():
    assert error_of(NOBODY.post("projects", {"project_name": "x"}))[0] == 401


def test_projects_can_be_for_administrators_alone_to_create(alice, root):
    configuration.update({"project_creation_restriction": "adminonly"}, actor="admin", context=CONTEXT)
    assert error_of(alice.post("projects", {"project_name": "x"})) == (403, "FORBIDDEN")
    assert root.post("projects", {"project_name": "x"}).status_code == 201


def test_nothing_changes_while_the_system_is_read_only(alice):
    configuration.update({"read_only": True}, actor="admin", context=CONTEXT)
    assert error_of(alice.post("projects", {"project_name": "x"})) == (403, "DENIED")
    assert alice.get("projects").status_code == 200


def test_each_sees_the_projects_it_may_know_of(alice, bob, root, team):
    make_project("open", public=True)
    make_project("hidden")
    assert names(NOBODY.get("projects", sort="name")) == ["open"]
    assert names(bob.get("projects", sort="name")) == ["open"]
    assert names(alice.get("projects", sort="name")) == ["open", "team"]
    assert names(root.get("projects", sort="-name")) == ["team", "open", "hidden"]
    assert names(root.get("projects")) == ["hidden", "open", "team"]
    assert alice.get("projects")["X-Total-Count"] == "2"


def test_members_by_group_see_the_project(bob):
    project = make_project("team")
    join(project, make_group("crew", User.objects.get(username="bob")), "developer")
    [row] = bob.get("projects").json()
    assert (row["name"], row["current_user_role_ids"]) == ("team", [2])


def test_projects_are_filtered(alice, root, team):
    make_project("open", public=True)
    Project.objects.create(name="owned", owner=User.objects.get(username="alice"))
    assert names(root.get("projects", name="PE")) == ["open"]
    assert names(root.get("projects", public="true")) == ["open"]
    assert names(root.get("projects", owner="alice")) == ["owned"]
    assert names(root.get("projects", q="name=~e,public=false", sort="name")) == ["owned", "team"]
    assert names(root.get("projects", q="name={open team}", sort="name")) == ["open", "team"]
    assert names(root.get("projects", q=f"project_id=[{team.pk}~{team.pk}]")) == ["team"]
    assert names(root.get("projects", q="creation_time=[2000-01-01T00:00:00~2001-01-01T00:00:00]")) == []
    assert error_of(root.get("projects", public="perhaps"))[0] == 400


def test_a_list_of_projects_costs_the_same_for_one_and_for_many(alice, team):
    few = fewest(lambda: alice.get("projects", page_size=50))
    for number in range(30):
        project = Project.objects.create(name=f"p{number}", owner=User.objects.get(username="alice"), public=True)
        Repository.objects.create(name=f"p{number}/x", project=project)
    assert len(alice.get("projects", page_size=50).json()) == 31
    assert fewest(lambda: alice.get("projects", page_size=50)) == few


def test_a_number_is_an_id_unless_it_is_said_to_be_a_name(root):
    digits = make_project("123456")
    assert root.get(f"projects/{digits.pk}").json()["name"] == "123456"
    assert error_of(root.get("projects/123456"))[0] == 404
    named = root.client.get("/api/v2.0/projects/123456", headers={"X-Is-Resource-Name": "true"})
    assert named.json()["project_id"] == digits.pk


@pytest.mark.parametrize("path", ["", "/summary", "/_deletable", "/members", "/metadatas/"])
def test_a_hidden_project_looks_like_one_that_is_not_there(bob, root, team, path):
    for name in ("team", "nowhere", str(team.pk), "99999", "9" * 25):
        assert error_of(bob.get(f"projects/{name}{path}")) == (403, "FORBIDDEN")
        assert error_of(NOBODY.get(f"projects/{name}{path}")) == (401, "UNAUTHORIZED")
    for name in ("nowhere", "99999", "9" * 25, "A%00"):
        assert error_of(root.get(f"projects/{name}{path}")) == (404, "NOT_FOUND")


def test_a_name_can_be_asked_for(alice, bob, team):
    assert alice.head("projects", project_name="team").status_code == 200
    assert bob.head("projects", project_name="team").status_code == 404
    assert alice.head("projects", project_name="nowhere").status_code == 404
    assert NOBODY.head("projects", project_name="team").status_code == 401


def test_a_project_is_opened_and_configured(alice, team):
    assert alice.put("projects/team", {"metadata": {"public": "true", "severity": "high"}}).status_code == 200
    assert alice.put(f"projects/{team.pk}", {"metadata": {"auto_scan": "true"}}).status_code == 200
    body = alice.get("projects/team").json()
    assert body["metadata"] == {"public": "true", "severity": "high", "auto_scan": "true"}
    assert alice.put("projects/team", {"public": False}).status_code == 200
    assert alice.get("projects/team").json()["metadata"]["public"] == "false"
    assert AuditRecord.objects.filter(operation="update", resource_type="project", project="team").count() == 3


def test_a_project_is_deleted_when_it_is_empty(alice, team):
    repository = Repository.objects.create(name="team/x", project=team)
    assert alice.get("projects/team/_deletable").json()["deletable"] is False
    assert error_of(alice.delete("projects/team")) == (412, "PRECONDITION")
    repository.delete()
    assert alice.get("projects/team/_deletable").json() == {"deletable": True, "message": ""}
    assert alice.delete("projects/team").status_code == 200
    assert not Project.objects.exists()


def test_the_summary_counts_members_for_those_who_may_see_them(alice, bob, team):
    team.public = True
    team.save()
    Repository.objects.create(name="team/x", project=team)
    assert alice.get("projects/team/summary").json() == {
        "repo_count": 1, "project_admin_count": 1, "maintainer_count": 0, "developer_count": 0, "guest_count": 0,
        "limited_guest_count": 0, "quota": {"hard": {"storage": -1}, "used": {"storage": 0}},
    }  # fmt: skip
    assert bob.get("projects/team/summary").json() == {"repo_count": 1}


def test_metadata_are_added_changed_and_removed(alice, team):
    assert alice.post("projects/team/metadatas/", {"auto_scan": "true"}).status_code == 200
    assert error_of(alice.post("projects/team/metadatas/", {"auto_scan": "false"}))[0] == 409
    assert alice.put("projects/team/metadatas/auto_scan", {"auto_scan": "false"}).status_code == 200
    assert alice.get("projects/team/metadatas/auto_scan").json() == {"auto_scan": "false"}
    assert alice.get("projects/team/metadatas/").json() == {"public": "false", "auto_scan": "false"}
    assert alice.delete("projects/team/metadatas/auto_scan").status_code == 200
    assert error_of(alice.get("projects/team/metadatas/auto_scan"))[0] == 404
    assert error_of(alice.delete("projects/team/metadatas/auto_scan"))[0] == 404
    assert error_of(alice.delete("projects/team/metadatas/public"))[0] == 400
    assert error_of(alice.put("projects/team/metadatas/public", {"severity": "high"}))[0] == 400
    assert error_of(alice.post("projects/team/metadatas/", ["x"]))[0] == 400


def test_members_come_change_and_go(alice, bob, team):
    answer = alice.post("projects/team/members", {"role_id": 3, "member_user": {"username": "bob"}})
    member = Member.objects.get(user__username="bob")
    assert (answer.status_code, answer["Location"]) == (201, f"/api/v2.0/projects/{team.pk}/members/{member.pk}")
    path = f"projects/team/members/{member.pk}"
    assert alice.get(path).json() == {
        "id": member.pk, "project_id": team.pk, "entity_id": 101, "entity_name": "bob", "entity_type": "u",
        "role_id": 3, "role_name": "guest",
    }  # fmt: skip
    assert error_of(bob.put(path, {"role_id": 1})) == (403, "FORBIDDEN")
    assert alice.put(path, {"role_id": 2}).status_code == 200
    assert [row["entity_name"] for row in bob.get("projects/team/members", entityname="BO").json()] == ["bob"]
    assert alice.delete(path).status_code == 200
    assert error_of(alice.get(path))[0] == 404
    assert error_of(bob.get("projects/team"))[0] == 403


def test_a_group_can_be_a_member(alice, team):
    group = make_group("crew")
    assert alice.post("projects/team/members", {"role_id": 2, "member_group": {"id": group.pk}}).status_code == 201
    row = alice.get("projects/team/members", entityname="crew").json()[0]
    assert (row["entity_type"], row["entity_id"], row["role_name"]) == ("g", group.pk, "developer")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"role_id": 2, "member_user": {"username": "nobody"}}, 404),
        ({"role_id": 2, "member_group": {"group_name": "nobody"}}, 404),
        ({"role_id": 2}, 400),
        ({"role_id": 6, "member_user": {"username": "bob"}}, 400),
        ({"role_id": 77, "member_user": {"user_id": 101}}, 400),
        ({"role_id": "x", "member_user": {"user_id": 101}}, 400),
        ({"role_id": 2, "member_user": {"username": "alice"}}, 409),
    ],
)
def test_a_member_that_cannot_be_is_refused(alice, bob, team, body, status):
    assert error_of(alice.post("projects/team/members", body))[0] == status
    assert Member.objects.count() == 1


def test_a_member_of_another_project_is_out_of_reach(alice, team):
    other = join(make_project("other"), make_user("carol"), "guest")
    for method in ("get", "delete"):
        assert error_of(getattr(alice, method)(f"projects/team/members/{other.pk}"))[0] == 404
    assert error_of(alice.put(f"projects/team/members/{other.pk}", {"role_id": 1}))[0] == 404
    assert error_of(alice.get(f"projects/other/members/{other.pk}"))[0] == 403


def test_a_stranger_learns_how_to_sign_in_and_no_more(alice):
    assert set(NOBODY.get("systeminfo").json()) == {
        "auth_mode", "primary_auth_mode", "banner_message", "self_registration",
    }  # fmt: skip
    body = alice.get("systeminfo").json()
    assert (body["auth_mode"], body["read_only"], body["registry_url"]) == ("db_auth", False, "testserver")
    assert body["external_url"] == "http://testserver"
    assert body["harbor_version"].startswith("v2.")
