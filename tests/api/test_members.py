"""Members whom the directory knows: made known here as they become members."""

import pytest

from audit.models import AuditRecord
from projects.models import Member
from rbac.models import Group, User
from tests import slapd as servers
from tests.api.caller import Caller, error_of
from tests.directory import configure, directory, shared_slapd, slapd
from tests.people import join, make_group, make_project, make_user
from tests.slapd import PASSWORD, group_dn

__all__ = ["configure", "directory", "shared_slapd", "slapd"]

pytestmark = pytest.mark.django_db

MEMBERS = "projects/team/members"


@pytest.fixture
def team(alice):
    project = make_project("team")
    join(project, User.objects.get(username="alice"), "projectAdmin")
    return project


@pytest.fixture
def add(alice, team):
    def send(**who):
        return alice.post(MEMBERS, {"role_id": 2, **who})

    return send


def members():
    rows = Member.objects.exclude(user__username="alice").select_related("user", "group").order_by("pk")
    return [(row.user or row.group).__class__.__name__ + " " + str(row.user or row.group) for row in rows]


@pytest.mark.usefixtures("directory")
def test_somebody_of_the_directory_becomes_a_member_before_signing_in(add):
    assert add(member_user={"username": "LENA"}).status_code == 201

    assert members() == ["User lena"]
    record = AuditRecord.objects.get(operation="create", resource_type="user")
    assert (record.actor, record.resource) == ("alice", "lena")
    assert Caller("lena", PASSWORD).get("projects/team").json()["current_user_role_id"] == 2
    assert error_of(add(member_user={"username": "lena"})) == (409, "CONFLICT")
    assert error_of(add(member_user={"username": "nobody"})) == (404, "NOT_FOUND")
    assert error_of(add(member_user={"username": "twin"})) == (404, "NOT_FOUND")


@pytest.mark.usefixtures("directory")
def test_a_group_of_the_directory_becomes_a_member_by_its_dn(add):
    assert add(member_group={"ldap_group_dn": f"CN=Builders, {servers.GROUPS}"}).status_code == 201
    assert add(member_group={"ldap_group_dn": group_dn("admins"), "group_name": "bosses"}).status_code == 201

    assert members() == ["Group builders", "Group bosses"]
    assert {(each.kind, each.ldap_dn) for each in Group.objects.all()} == {
        ("ldap", group_dn("builders")),
        ("ldap", group_dn("admins")),
    }
    assert Caller("lena", PASSWORD).get("projects/team").json()["current_user_role_id"] == 2
    assert error_of(add(member_group={"ldap_group_dn": group_dn("builders")})) == (409, "CONFLICT")


@pytest.mark.usefixtures("directory")
def test_a_group_whose_name_is_taken_is_called_by_its_dn(add):
    make_group("builders")
    assert add(member_group={"ldap_group_dn": group_dn("builders"), "group_type": 1}).status_code == 201
    assert members() == [f"Group {group_dn('builders')}"]


@pytest.mark.usefixtures("directory")
def test_a_group_may_be_named_by_its_dn_as_in_harbor(add):
    assert add(member_group={"group_name": group_dn("builders"), "group_type": 1}).status_code == 201
    assert members() == ["Group builders"]
    assert Member.objects.last()


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("group", "status"),
    [
        ({"group_name": "builders"}, 404),
        ({"group_name": group_dn("nobody")}, 404),
        ({"ldap_group_dn": group_dn("nobody")}, 404),
        ({"ldap_group_dn": "no dn at all"}, 400),
        ({"ldap_group_dn": servers.person_dn("lena")}, 404),
        ({"ldap_group_dn": "x" * 5000}, 400),
        ({"group_name": "crew", "group_type": 1}, 404),
        ({"group_name": "crew", "group_type": 3}, 404),
        ({"group_name": "crew", "group_type": 9}, 400),
        ({"group_name": group_dn("builders"), "group_type": 2}, 404),
        ({"id": 99999999}, 400),
        ({"id": 0}, 400),
        ({}, 400),
    ],
)
def test_a_group_that_is_not_there_becomes_no_member(add, group, status):
    make_group("crew")
    assert error_of(add(member_group=group))[0] == status
    assert members() == []
    assert Group.objects.count() == 1


def test_a_group_of_ours_is_named_by_id_or_name(add):
    group, other = make_group("crew"), make_group("others")
    assert add(member_group={"id": group.pk, "group_name": "others"}).status_code == 201
    assert add(member_group={"group_name": "others", "group_type": 2}).status_code == 201
    assert members() == ["Group crew", "Group others"]
    assert other.memberships.exists()


def test_a_group_of_the_provider_is_made_known_by_its_name(add, monkeypatch):
    monkeypatch.setenv("ROADSTEAD_CONFIG_AUTH_MODE", "oidc_auth")
    assert error_of(add(member_group={"group_name": "crew", "group_type": 1})) == (404, "NOT_FOUND")
    assert add(member_group={"group_name": "crew"}).status_code == 201
    assert add(member_group={"group_name": "makers", "group_type": 3}).status_code == 201
    assert members() == ["Group crew", "Group makers"]
    assert set(Group.objects.values_list("kind", flat=True)) == {"oidc"}


def test_without_the_mode_the_directory_is_not_asked(add, directory, configure):
    configure(auth_mode="db_auth")
    before = directory.reads()
    assert error_of(add(member_user={"username": "lena"})) == (404, "NOT_FOUND")
    assert error_of(add(member_group={"ldap_group_dn": group_dn("builders")})) == (404, "NOT_FOUND")
    assert directory.reads() == before


def test_an_id_that_is_nobodys_is_a_bad_request(add):
    for who in ({"user_id": 99999999}, {"user_id": 2**62}):
        assert error_of(add(member_user=who)) == (400, "BAD_REQUEST")
    assert error_of(add(member_user={"user_id": 10**40}))[0] == 400


def test_a_directory_that_is_away_keeps_nobody_known_from_becoming_a_member(add, directory, configure):
    make_user("bob")
    dead = servers.dead_url()
    configure(ldap_url=dead)
    answer = add(member_user={"username": "lena"})
    assert error_of(answer) == (503, "UNAVAILABLE")
    assert dead not in answer.content.decode()
    assert add(member_user={"username": "bob"}).status_code == 201


@pytest.mark.usefixtures("directory")
def test_whom_it_may_not_make_a_member_nobody_makes_known(team):
    join(team, make_user("guest"), "guest")
    for body in ({"member_user": {"username": "lena"}}, {"member_group": {"ldap_group_dn": group_dn("builders")}}):
        assert error_of(Caller("guest").post(MEMBERS, {"role_id": 2, **body})) == (403, "FORBIDDEN")
        assert error_of(Caller("alice").post(MEMBERS, {"role_id": 77, **body})) == (400, "BAD_REQUEST")
    assert not User.objects.filter(username="lena").exists()
    assert not Group.objects.exists()
