"""Puts the roles into an empty table: by the seed migration, and again after a flush."""

from typing import Any

from django.apps import apps as installed
from django.apps.registry import Apps
from django.db import DEFAULT_DB_ALIAS, connection

from rbac import matrix

# Where a flush has put the numbers back to the first: role ids up to 99 are Harbor's, user id 1 the administrator's.
_FIRST_NUMBERS = (
    f"SELECT setval('rbac_role_id_seq', {matrix.FIRST_CUSTOM_ROLE}, false) FROM rbac_role_id_seq"  # noqa: S608 - ours
    f" WHERE last_value < {matrix.FIRST_CUSTOM_ROLE}",
    "SELECT setval('rbac_user_id_seq', 2, false) FROM rbac_user_id_seq WHERE last_value < 2",
)


def sow(role: Any, role_permission: Any) -> None:
    """Write every role and permission of `matrix`, given the two model classes (a migration has its own)."""
    role.objects.bulk_create(
        role(id=identity, name=name, assignable=identity != matrix.PUBLIC) for identity, name in matrix.NAMES.items()
    )
    role_permission.objects.bulk_create(
        role_permission(role_id=identity, resource=resource, action=action)
        for identity, pairs in matrix.permissions().items()
        for resource, action in sorted(pairs)
    )


def restore(*, apps: Apps = installed, using: str = DEFAULT_DB_ALIAS, **_: object) -> None:
    """After `migrate` and `flush` (signal post_migrate): a database whose role table is empty gets it back."""
    try:
        role, permission = apps.get_model("rbac", "Role"), apps.get_model("rbac", "RolePermission")
    except LookupError:  # migrated back to before the table existed
        return
    if using == DEFAULT_DB_ALIAS and not role.objects.exists():
        sow(role, permission)
        with connection.cursor() as cursor:
            for statement in _FIRST_NUMBERS:
                cursor.execute(statement)
