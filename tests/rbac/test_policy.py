"""The whole matrix, role by permission, against a table written by hand from Harbor's documentation of roles."""

import pytest

from rbac import policy
from rbac.actors import ANONYMOUS, SYSTEM, Actor
from rbac.models import Role, RolePermission
from rbac.policy import SYSTEM_SCOPE, can

pytestmark = pytest.mark.django_db

ROLES = {"P": "projectAdmin", "M": "maintainer", "D": "developer", "G": "guest", "L": "limitedGuest", "A": "public"}

# Who may: P projectAdmin, M maintainer, D developer, G guest, L limitedGuest, A anybody in a public project.
EXPECTED = """
project:read                PMDGLA
project:update              P
project:delete              P
member:list                 PMDG
member:read                 PMDG
member:create               P
member:update               P
member:delete               P
metadata:read               PM
metadata:list               P
metadata:create             P
metadata:update             P
metadata:delete             P
log:list                    P
quota:read                  PMDGL
configuration:read          PMDGL
configuration:update        P
repository:list             PMDGLA
repository:pull             PMDGLA
repository:read             PMDGL
repository:push             PMD
repository:create           PMD
repository:update           PMD
repository:delete           PM
artifact:list               PMDGLA
artifact:read               PMDGLA
artifact:create             PMD
artifact:delete             PM
artifact-addition:read      PMDGLA
artifact-label:create       PMD
artifact-label:delete       PMD
accessory:list              PMDGLA
tag:list                    PMDGLA
tag:create                  PMD
tag:delete                  PM
label:list                  PMDGA
label:read                  PMDGA
label:create                PM
label:update                PM
label:delete                PM
tag-retention:create        PMD
tag-retention:read          PMD
tag-retention:update        PMD
tag-retention:delete        PMD
tag-retention:list          PMD
tag-retention:operate       PMD
immutable-tag:create        PM
immutable-tag:update        PM
immutable-tag:delete        PM
immutable-tag:list          PM
robot:list                  PMDG
robot:read                  PMDG
robot:create                P
robot:update                P
robot:delete                P
notification-policy:list    PM
notification-policy:read    PM
notification-policy:create  P
notification-policy:update  P
notification-policy:delete  P
scan:read                   PMDGLA
scan:create                 PM
scan:stop                   PM
sbom:read                   PMDGL
sbom:create                 PM
sbom:stop                   PM
scanner:read                PMDGLA
scanner:create              P
preheat-policy:create       P
preheat-policy:read         P
preheat-policy:update       P
preheat-policy:delete       P
preheat-policy:list         P
export-cve:create           PMD
export-cve:read             PMD
export-cve:list             PMD
"""
TABLE = dict(line.split() for line in EXPECTED.strip().splitlines())

SOMEBODY = Actor(kind="user", name="somebody", user_id=7)
ADMINISTRATOR = Actor(kind="user", name="root", user_id=8, is_admin=True)


class Place:
    """A scope where everybody holds the same roles."""

    def __init__(self, *roles):
        self.roles = roles

    place = "team"

    def roles_of(self, actor):  # noqa: ARG002
        return self.roles


@pytest.mark.parametrize("letter", ROLES)
@pytest.mark.parametrize("permission", TABLE)
def test_it_grants_a_role_exactly_what_the_table_says(letter, permission):
    role = Role.objects.get(name=ROLES[letter])

    assert can(SOMEBODY, permission, Place(role.pk)) is (letter in TABLE[permission])


def test_no_role_grants_anything_beyond_the_table():
    granted = {f"{resource}:{action}" for resource, action in RolePermission.objects.values_list("resource", "action")}

    assert granted == TABLE.keys()


def test_the_roles_have_harbors_ids():
    assert dict(Role.objects.values_list("pk", "name")) == {
        1: "projectAdmin",
        2: "developer",
        3: "guest",
        4: "maintainer",
        5: "limitedGuest",
        6: "public",
    }
    assert not Role.objects.get(name="public").assignable


@pytest.mark.parametrize("permission", [*TABLE, "project:create", "user:create", "no:such"])
@pytest.mark.parametrize("scope", [Place(), SYSTEM_SCOPE])
def test_it_denies_everything_to_whoever_holds_no_role(permission, scope):
    assert not can(SOMEBODY, permission, scope)
    assert not can(ANONYMOUS, permission, scope)


@pytest.mark.parametrize("permission", [*TABLE, "project:create", "user:create"])
@pytest.mark.parametrize("scope", [Place(), SYSTEM_SCOPE])
def test_it_allows_everything_to_an_administrator_and_the_system(permission, scope):
    assert can(ADMINISTRATOR, permission, scope)
    assert can(SYSTEM, permission, scope)


def test_several_roles_add_up():
    assert can(SOMEBODY, "repository:push", Place(5, 2))
    assert not can(SOMEBODY, "repository:delete", Place(5, 2))


def test_it_denies_a_permission_nobody_has_heard_of():
    assert not can(SOMEBODY, "repository:explode", Place(1, 2, 3, 4, 5, 6))


def test_a_custom_role_is_a_row():
    role = Role.objects.create(name="releaser")
    RolePermission.objects.create(role=role, resource="repository", action="push")
    policy.forget()

    assert role.pk >= 100
    assert can(SOMEBODY, "repository:push", Place(role.pk))
    assert not can(SOMEBODY, "repository:pull", Place(role.pk))
