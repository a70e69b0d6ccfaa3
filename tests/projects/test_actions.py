import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from artifacts.models import Repository
from audit.models import AuditRecord
from oci.reference import parse_repository
from projects import actions
from projects.errors import (
    InvalidProjectName,
    MemberExists,
    MemberUnknown,
    ProjectExists,
    ProjectNotEmpty,
    ProjectUnknown,
    RoleNotAssignable,
)
from projects.models import Member, Project
from rbac.actors import Actor
from rbac.errors import RoleUnknown
from rbac.models import Role
from tests.people import CONTEXT, join, make_group, make_project, make_user

ROOT = Actor(kind="user", name="root", user_id=1, is_admin=True)
BY: dict[str, Any] = {"actor": ROOT, "context": CONTEXT}


def recorded():
    return list(AuditRecord.objects.order_by("id").values_list("operation", "resource_type", "resource", "project"))


@pytest.mark.django_db
def test_it_creates_a_project_whose_owner_is_its_admin():
    alice = make_user()

    project = actions.create("team", public=True, owner=alice, **BY)

    assert (project.name, project.public, project.owner) == ("team", True, alice)
    assert Member.objects.get().role.name == "projectAdmin"
    assert recorded() == [("create", "project", "team", "team")]


@pytest.mark.django_db
def test_it_refuses_a_second_project_of_a_name():
    make_project("team")

    with pytest.raises(ProjectExists):
        actions.create("team", owner=None, **BY)

    assert recorded() == []


@pytest.mark.django_db
def test_it_opens_and_closes_a_project():
    project = make_project()

    actions.set_public(project, True, **BY)
    assert Project.objects.get().public
    actions.set_public(project, False, **BY)
    assert not Project.objects.get().public

    assert recorded() == [("update", "project", "team", "team")] * 2


@pytest.mark.django_db
def test_it_deletes_an_empty_project_with_its_members():
    project = make_project()
    join(project, make_user(), "guest")

    actions.delete(project, **BY)

    assert not Project.objects.exists()
    assert not Member.objects.exists()
    assert recorded() == [("delete", "project", "team", "team")]


@pytest.mark.django_db
def test_it_does_not_delete_a_project_that_holds_repositories():
    project = make_project()
    join(project, make_user(), "guest")
    Repository.objects.create(project=project, name="team/app")

    with pytest.raises(ProjectNotEmpty):
        actions.delete(project, **BY)

    assert Project.objects.exists()
    assert Member.objects.exists()
    assert recorded() == []


@pytest.mark.django_db
def test_members_are_users_or_groups_and_every_change_is_recorded():
    project, alice, crew = make_project(), make_user(), make_group("crew")
    guest, developer = Role.objects.get(name="guest"), Role.objects.get(name="developer")

    actions.add_member(project, alice, guest, **BY)
    actions.add_member(project, crew, developer, **BY)
    actions.change_role(actions.find_member(project, alice), developer, **BY)
    actions.remove_member(actions.find_member(project, crew), **BY)

    assert [(m.user, m.role) for m in Member.objects.all()] == [(alice, developer)]
    assert recorded() == [
        ("create", "member", "alice", "team"),
        ("create", "member", "crew", "team"),
        ("update", "member", "alice", "team"),
        ("delete", "member", "crew", "team"),
    ]


@pytest.mark.django_db
def test_nobody_is_a_member_twice_or_holds_the_public_role():
    project, alice = make_project(), make_user()
    guest, public = Role.objects.get(name="guest"), Role.objects.get(name="public")
    member = actions.add_member(project, alice, guest, **BY)

    with pytest.raises(MemberExists):
        actions.add_member(project, alice, guest, **BY)
    with pytest.raises(RoleNotAssignable):
        actions.add_member(project, make_user("bob"), public, **BY)
    with pytest.raises(RoleNotAssignable):
        actions.change_role(member, public, **BY)
    with pytest.raises(RoleUnknown):
        actions.find_role("public")

    assert Member.objects.count() == 1


@pytest.mark.django_db
def test_a_member_through_a_group_is_no_member_itself():
    project, alice = make_project(), make_user()
    join(project, make_group("crew", alice), "guest")

    with pytest.raises(MemberUnknown):
        actions.find_member(project, alice)


@pytest.mark.parametrize(
    "name",
    ["", "A", "-a", "a-", "a--b", "a..b", "..", "a/b", "a b", "a\n", "a\x00", "ä", "x" * 256, "%2e", "a._b", "1" * 300],
)
def test_it_refuses_a_name_that_is_none(name):
    with pytest.raises(InvalidProjectName):
        actions.parse_name(name)


@pytest.mark.parametrize("name", ["a", "1", "library", "a.b_c-d", "x" * 255])
def test_it_takes_a_name(name):
    assert actions.parse_name(name) == name


@given(st.text(alphabet="ab1._-/A", max_size=20))
def test_a_project_name_makes_a_repository_name(text):
    try:
        name = actions.parse_name(text)
    except InvalidProjectName:
        return
    assert parse_repository(f"{name}/app") == f"{name}/app"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["nowhere", "", "..", "\x00", "A"])
def test_it_says_when_there_is_no_such_project(name):
    with pytest.raises(ProjectUnknown):
        actions.find(name)


def run(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_commands_make_a_project_with_members():
    alice, bob = make_user("alice"), make_user("bob")
    crew = make_group("crew", bob)

    run("createproject", "team", "--owner", "alice")
    run("addmember", "team", "--group", "crew", "guest")
    run("addmember", "team", "--group", "crew", "developer")
    run("setpublic", "team")

    project = Project.objects.get()
    assert project.public
    held = {(member.user or member.group, member.role.name) for member in project.members.all()}
    assert held == {(alice, "projectAdmin"), (crew, "developer")}

    run("setpublic", "team", "--private")
    run("removemember", "team", "--group", "crew")
    assert not Project.objects.get(public=False).members.filter(group=crew).exists()

    run("deleteproject", "team")
    assert not Project.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "arguments",
    [
        ("createproject", "Not-A-Name"),
        ("createproject", "team"),
        ("createproject", "new", "--owner", "nobody"),
        ("deleteproject", "nowhere"),
        ("deleteproject", "team"),
        ("setpublic", "nowhere"),
        ("addmember", "team", "--user", "alice", "emperor"),
        ("addmember", "team", "--user", "alice", "public"),
        ("addmember", "team", "--user", "nobody", "guest"),
        ("removemember", "team", "--user", "alice"),
    ],
)
def test_the_commands_say_in_one_line_what_is_wrong(arguments):
    make_user("alice")
    Repository.objects.create(project=make_project("team"), name="team/app")

    with pytest.raises(CommandError) as error:
        run(*arguments)

    assert len(str(error.value).splitlines()) == 1
    assert not AuditRecord.objects.exists()


@pytest.mark.django_db
def test_who_is_no_member_any_more_is_given_no_role():
    member = join(make_project(), make_user(), "guest")
    Member.objects.all().delete()
    with pytest.raises(MemberUnknown):
        actions.change_role(member, Role.objects.get(name="developer"), **BY)
