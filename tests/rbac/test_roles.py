"""Custom roles: rows like Harbor's own, made and changed without code."""

import io

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditRecord
from projects.models import Member
from rbac import matrix, policy, roles
from rbac.actors import SYSTEM, Actor
from rbac.errors import InvalidName, InvalidPermission, Protected, RoleUnknown
from rbac.models import Role
from tests.people import CONTEXT, join, make_project, make_user

pytestmark = pytest.mark.django_db

PULLER = ["repository:pull", "repository:list"]


class Place:
    def __init__(self, *held):
        self.held = held

    place = "team"

    def roles_of(self, actor):  # noqa: ARG002
        return self.held


def make(name="puller", permissions=PULLER):
    return roles.set_role(name, permissions, actor=SYSTEM, context=CONTEXT)


def may(role, permission):
    policy.forget()
    return policy.can(Actor(kind="user", name="alice", user_id=7), permission, Place(role.pk))


def test_a_custom_role_grants_just_what_it_holds():
    role = make()
    assert role.pk >= matrix.FIRST_CUSTOM_ROLE
    assert may(role, "repository:pull")
    assert not may(role, "repository:push")


def test_setting_it_again_replaces_what_it_holds():
    role = make()
    assert make(permissions=["repository:push"]).pk == role.pk
    assert may(role, "repository:push")
    assert not may(role, "repository:pull")
    assert [(row.operation, row.resource) for row in AuditRecord.objects.order_by("id")] == [
        ("create", "puller"),
        ("update", "puller"),
    ]


@pytest.mark.parametrize("name", sorted(matrix.NAMES.values()))
def test_a_built_in_role_stays_as_it_is(name):
    before = Role.objects.get(name=name).permissions.count()
    with pytest.raises(Protected):
        make(name)
    with pytest.raises(Protected):
        roles.delete_role(name, actor=SYSTEM, context=CONTEXT)
    assert Role.objects.get(name=name).permissions.count() == before
    assert not AuditRecord.objects.exists()


@pytest.mark.parametrize("permission", ["repository", "repository:fly", ":pull", "repository:pull:x", ""])
def test_there_is_no_permission_that_no_role_of_harbors_has(permission):
    with pytest.raises(InvalidPermission):
        make(permissions=[permission])


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb"])
def test_it_refuses_a_name_that_is_none(name):
    with pytest.raises(InvalidName):
        make(name)


def test_a_role_that_a_member_holds_stays():
    make()
    join(make_project(), make_user(), "puller")
    with pytest.raises(Protected, match="held by members"):
        roles.delete_role("puller", actor=SYSTEM, context=CONTEXT)
    Member.objects.all().delete()
    roles.delete_role("puller", actor=SYSTEM, context=CONTEXT)
    with pytest.raises(RoleUnknown):
        roles.delete_role("puller", actor=SYSTEM, context=CONTEXT)


def test_the_command_makes_lists_and_deletes():
    out = io.StringIO()
    call_command("setrole", "puller", *PULLER, stdout=out)
    call_command("setrole", "--list", stdout=out)
    call_command("setrole", "puller", "--delete", stdout=out)
    assert "role puller holds 2 permissions" in out.getvalue()
    assert "repository:push\n" in out.getvalue()
    assert not Role.objects.filter(name="puller").exists()


@pytest.mark.parametrize(
    "arguments", [[], ["puller"], ["puller", "repository:pull", "--delete"], ["puller", "no:such"]]
)
def test_the_command_says_in_one_line_what_is_wrong(arguments):
    with pytest.raises(CommandError) as error:
        call_command("setrole", *arguments)
    assert "\n" not in str(error.value)
