"""Custom roles: named sets of permissions beside Harbor's five, which stay as they are."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import ProtectedError

import audit
from audit import Context
from rbac import matrix, policy
from rbac.actors import Actor
from rbac.errors import InvalidName, InvalidPermission, Protected, RoleUnknown
from rbac.models import Role, RolePermission
from rbac.names import parse_groupname

NAME_LENGTH = 64


def known_permissions() -> frozenset[str]:
    """Every "resource:action" that some role of Harbor's grants: what a custom role can be made of."""
    return frozenset(f"{resource}:{action}" for pairs in matrix.permissions().values() for resource, action in pairs)


@transaction.atomic
def set_role(name: str, permissions: Collection[str], *, actor: Actor, context: Context) -> Role:
    """Make a custom role of these permissions, or give one just these from now on.

    Raises InvalidName, InvalidPermission, and Protected for one of Harbor's own.
    """
    if unknown := sorted(set(permissions) - known_permissions()):
        raise InvalidPermission(f"there is no permission {unknown[0]}: resource:action expected, as repository:pull")
    if len(name) > NAME_LENGTH:
        raise InvalidName(f"a role's name has up to {NAME_LENGTH} characters")
    role, created = Role.objects.select_for_update().get_or_create(name=parse_groupname(name))
    _refuse_built_in(role)
    role.permissions.all().delete()
    pairs = [permission.partition(":") for permission in sorted(set(permissions))]
    RolePermission.objects.bulk_create(
        RolePermission(role=role, resource=resource, action=action) for resource, _, action in pairs
    )
    _record(actor, "create" if created else "update", role, context, permissions=sorted(set(permissions)))
    return role


@transaction.atomic
def delete_role(name: str, *, actor: Actor, context: Context) -> None:
    """Delete a custom role. Raises RoleUnknown, and Protected for one of Harbor's own or one that a member holds."""
    role = Role.objects.select_for_update().filter(name=name).first()
    if role is None:
        raise RoleUnknown(f"there is no role {name}")
    _refuse_built_in(role)
    _record(actor, "delete", role, context)
    try:
        with transaction.atomic():
            role.delete()
    except ProtectedError as error:
        raise Protected(f"role {name} is held by members: give them another one first") from error


def _refuse_built_in(role: Role) -> None:
    if role.pk < matrix.FIRST_CUSTOM_ROLE:
        raise Protected(f"role {role.name} is built in: make one of your own")


def _record(actor: Actor, operation: str, role: Role, context: Context, **detail: object) -> None:
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="role",
        resource=role.name,
        context=context,
        detail=detail,
    )
    transaction.on_commit(policy.forget)
