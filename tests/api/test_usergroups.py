"""/usergroups: groups of the directory, of our own and of the provider."""

from typing import Any

import pytest

from audit.models import AuditRecord
from projects.models import Member
from rbac import actions, groups
from rbac.actors import SYSTEM
from rbac.errors import GroupUnknown
from rbac.models import Group
from tests import slapd as servers
from tests.api.caller import NOBODY, error_of, links, make_caller
from tests.directory import configure, directory, shared_slapd, slapd
from tests.people import CONTEXT, join, make_group, make_project, make_user
from tests.roundtrips import fewest
from tests.slapd import group_dn

__all__ = ["configure", "directory", "shared_slapd", "slapd"]

pytestmark = pytest.mark.django_db

LDAP = {"group_name": "makers", "group_type": 1, "ldap_group_dn": group_dn("builders")}


def create(root, **body):
    answer = root.post("usergroups", body)
    assert answer.status_code == 201, answer.content
    return int(answer["Location"].removeprefix("/api/v2.0/usergroups/"))


@pytest.mark.parametrize(("number", "kind"), [(2, "local"), (3, "oidc")])
def test_a_group_is_made_found_renamed_and_deleted(root, number, kind):
    made = create(root, group_name="crew", group_type=number)
    assert Group.objects.get(pk=made).kind == kind
    shown = {"id": made, "group_name": "crew", "group_type": number, "ldap_group_dn": ""}
    assert root.get(f"usergroups/{made}").json() == shown
    assert root.get("usergroups").json() == [shown]

    assert root.put(f"usergroups/{made}", {"group_name": "team", "group_type": 1, "id": 7}).status_code == 200
    assert root.get(f"usergroups/{made}").json() == shown | {"group_name": "team"}

    assert root.delete(f"usergroups/{made}").status_code == 200
    assert error_of(root.get(f"usergroups/{made}")) == (404, "NOT_FOUND")
    deeds = AuditRecord.objects.filter(resource_type="group").order_by("id").values_list("operation", "resource")
    assert list(deeds) == [("create", "crew"), ("update", "team"), ("delete", "team")]


@pytest.mark.usefixtures("directory")
def test_a_group_of_the_directory_is_made_by_its_dn(root):
    made = create(root, **LDAP)
    shown = {"id": made, "group_name": "makers", "group_type": 1, "ldap_group_dn": group_dn("builders")}
    assert root.get(f"usergroups/{made}").json() == shown
    assert root.get("usergroups", ldap_group_dn=f"CN=Builders, {servers.GROUPS}").json() == [shown]
    assert root.get("usergroups", ldap_group_dn=group_dn("admins")).json() == []
    assert error_of(root.post("usergroups", LDAP | {"group_name": "again"})) == (409, "CONFLICT")


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    "change",
    [
        {"ldap_group_dn": group_dn("nobody")},
        {"ldap_group_dn": "no dn at all"},
        {"ldap_group_dn": servers.person_dn("lena")},
        {"ldap_group_dn": ""},
        {"ldap_group_dn": None},
        {"group_name": ""},
        {"group_name": " "},
        {"group_name": "a\x00"},
        {"group_name": "x" * 256},
        {"group_type": 0},
        {"group_type": 4},
        {"group_type": "ldap"},
        {"group_type": 10**30},
        {"group_type": None},
    ],
)
def test_a_group_that_cannot_be_is_refused(root, change):
    assert error_of(root.post("usergroups", LDAP | change)) == (400, "BAD_REQUEST")
    assert not Group.objects.exists()


def test_without_a_directory_none_of_its_groups_is_made(root):
    assert error_of(root.post("usergroups", LDAP)) == (400, "BAD_REQUEST")
    assert error_of(root.post("usergroups", []))[0] == 400


def test_a_directory_that_is_away_is_503(root, directory, configure):
    configure(ldap_url=servers.dead_url())
    assert error_of(root.post("usergroups", LDAP)) == (503, "UNAVAILABLE")


def test_two_groups_do_not_have_one_name(root):
    made = create(root, group_name="crew", group_type=2)
    other = create(root, group_name="team", group_type=3)
    assert error_of(root.post("usergroups", {"group_name": "crew", "group_type": 3})) == (409, "CONFLICT")
    assert error_of(root.put(f"usergroups/{other}", {"group_name": "crew"})) == (409, "CONFLICT")
    assert root.put(f"usergroups/{made}", {"group_name": "crew"}).status_code == 200
    assert error_of(root.put(f"usergroups/{made}", {}))[0] == 400


@pytest.mark.parametrize(
    ("group_id", "status"), [("0", 404), ("999999", 404), ("x", 422), ("-1", 422), ("9" * 30, 404)]
)
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_a_group_that_is_not_there(root, method, group_id, status):
    body = ({"group_name": "x"},) if method == "put" else ()
    assert error_of(getattr(root, method)(f"usergroups/{group_id}", *body))[0] == status


def test_who_was_in_a_group_of_the_provider_is_not_in_the_one_of_another_name(root):
    user = make_user("lena")
    of_provider = actions.create_group("crew", kind=Group.Kind.OIDC, actor=SYSTEM, context=CONTEXT)
    ours = make_group("ours", user)
    of_provider.users.add(user)

    for group in (of_provider, ours):
        assert root.put(f"usergroups/{group.pk}", {"group_name": f"new-{group.name}"}).status_code == 200

    assert list(user.user_groups.all()) == [ours]


def test_a_deleted_groups_people_lose_what_they_had_by_it(root):
    caller, user = make_caller("lena")
    project = make_project()
    group = make_group("crew", user)
    join(project, group, "developer")
    assert caller.get("projects/team").status_code == 200

    assert root.delete(f"usergroups/{group.pk}").status_code == 200

    assert error_of(caller.get("projects/team")) == (403, "FORBIDDEN")
    assert not Member.objects.exists()


def test_groups_are_listed_in_pages_at_a_constant_cost(root):
    for number in range(25):
        make_group(f"group{number:02}")
    page = root.get("usergroups", page_size=10, page=2)
    assert [each["group_name"] for each in page.json()] == [f"group{number:02}" for number in range(10, 20)]
    assert (page["X-Total-Count"], links(page)) == ("25", {"prev", "next"})
    assert [each["group_name"] for each in root.get("usergroups", group_name="P0", page_size=3).json()] == [
        "group00", "group01", "group02",
    ]  # fmt: skip
    few = fewest(lambda: root.get("usergroups", page_size=1))
    assert fewest(lambda: root.get("usergroups", page_size=24)) == few


def test_anybody_who_signed_in_searches_for_groups(alice):
    group = make_group("builders")
    assert alice.get("usergroups/search", groupname="UILD").json() == [
        {"id": group.pk, "group_name": "builders", "group_type": 2}
    ]
    assert error_of(alice.get("usergroups/search"))[0] == 422
    assert error_of(alice.get("usergroups/search", groupname=""))[0] == 400
    assert error_of(NOBODY.get("usergroups/search", groupname="x"))[0] == 401
    assert error_of(alice.get("usergroups")) == (403, "FORBIDDEN")


def test_of_two_who_delete_or_rename_a_group_the_later_is_told_that_it_is_gone():
    group = make_group("crew")
    by: Any = {"actor": SYSTEM, "context": CONTEXT}
    groups.delete(Group.objects.get(pk=group.pk), **by)
    for late in (lambda: groups.delete(group, **by), lambda: groups.rename(group, "team", **by)):
        with pytest.raises(GroupUnknown):
            late()
    assert AuditRecord.objects.filter(resource_type="group").count() == 1
