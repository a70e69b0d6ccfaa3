"""The one question about permission: may this actor do this deed here?"""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from rbac.actors import Actor
from rbac.matrix import PUBLIC
from rbac.models import RolePermission
from rbac.reach import EVERYWHERE, SYSTEM

_CACHE_SECONDS = 5.0  # a changed role counts everywhere after at most this long


class Scope(Protocol):
    """Where a deed takes place: anything that knows its name and the roles somebody has there."""

    @property
    def place(self) -> str:
        """What a `rbac.reach.Reach` calls it."""
        ...

    def roles_of(self, actor: Actor) -> Collection[int]:
        """Ids of the roles that `actor` holds here, `matrix.PUBLIC` among them if the place is open to anybody."""
        ...


class _Whole:
    """More than any role reaches: the installation itself, or every project there is and will be."""

    def __init__(self, place: str) -> None:
        self.place = place

    def roles_of(self, actor: Actor) -> Collection[int]:  # noqa: ARG002
        return ()


@dataclass(frozen=True, slots=True)
class _Read:
    """A place whose roles were read already, to be asked many questions."""

    place: str
    roles: Collection[int]

    def roles_of(self, actor: Actor) -> Collection[int]:  # noqa: ARG002
        return self.roles


SYSTEM_SCOPE: Scope = _Whole(SYSTEM)
ALL_PROJECTS: Scope = _Whole(EVERYWHERE)


class _Matrix:
    """Every (role, permission) pair that is granted, kept for a few seconds."""

    def __init__(self) -> None:
        self._granted: frozenset[tuple[int, str]] = frozenset()
        self._read_at = float("-inf")

    def granted(self) -> frozenset[tuple[int, str]]:
        if time.monotonic() - self._read_at > _CACHE_SECONDS:
            rows = RolePermission.objects.values_list("role_id", "resource", "action")
            self._granted = frozenset((role, f"{resource}:{action}") for role, resource, action in rows)
            self._read_at = time.monotonic()
        return self._granted

    def forget(self) -> None:
        self._read_at = float("-inf")


_matrix = _Matrix()


def can(actor: Actor, permission: str, scope: Scope) -> bool:
    """Whether `actor` may do `permission` (Harbor's "resource:action", such as "repository:push") in `scope`."""
    if actor.is_admin or actor.kind == "system":
        return True
    roles = scope.roles_of(actor)
    if actor.reach is not None:
        covered = actor.reach.covers(permission, scope.place)
        if covered and actor.reach.held:
            return True
        if not covered:
            roles = {PUBLIC}.intersection(roles)  # what a stranger may do isn't taken from whoever says a name
    if not roles:
        return False
    granted = _matrix.granted()
    return any((role, permission) in granted for role in roles)


def held(actor: Actor, permissions: Iterable[str], scope: Scope) -> frozenset[str]:
    """Those of `permissions` that `actor` has in `scope`, whose roles are read once."""
    read = _Read(scope.place, scope.roles_of(actor))
    return frozenset(permission for permission in permissions if can(actor, permission, read))


def permissions_of(role: int) -> frozenset[str]:
    """What a role grants."""
    return frozenset(permission for holder, permission in _matrix.granted() if holder == role)


def roles_with(permission: str) -> frozenset[int]:
    """Ids of the roles that grant `permission`: for a list that the database filters by them."""
    return frozenset(role for role, granted in _matrix.granted() if granted == permission)


def forget() -> None:
    """Read the matrix anew at the next question: for whoever has just changed a role."""
    _matrix.forget()
