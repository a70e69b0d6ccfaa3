"""`/permissions`: what can be granted to robots."""

from __future__ import annotations

from typing import TypedDict

from rest_framework.request import Request
from rest_framework.response import Response

from api import places
from api.document import operation
from api.endpoint import Endpoint
from api.users import PermissionShape
from rbac import grantable
from rbac.policy import SYSTEM_SCOPE, can
from rbac.reach import EVERYWHERE, SYSTEM


class PermissionsShape(TypedDict):
    system: list[PermissionShape]
    project: list[PermissionShape]


class Permissions(Endpoint):
    @operation("getPermissions", group="permissions", answers=PermissionsShape, refuses=[403, 404])
    def get(self, request: Request) -> Response:
        """getPermissions: for whoever may make robots, in some project or of the system, whose permissions come
        with the latter alone."""
        self.require_somebody()
        system = can(self.actor, "robot:create", SYSTEM_SCOPE)
        if not system and not places.projects_with(self.actor, "robot:create").exists():
            raise self.refusal()
        answer: PermissionsShape = {"system": _shapes(SYSTEM) if system else [], "project": _shapes(EVERYWHERE)}
        return Response(answer)


def _shapes(place: str) -> list[PermissionShape]:
    pairs = (permission.partition(":") for permission in sorted(grantable.at(place)))
    return [{"resource": resource, "action": action} for resource, _, action in pairs]
