"""`/usergroups`: groups of the directory (type 1), of our own (2, Harbor's for a proxy's) and of the provider (3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, places
from api.document import PAGED, Query, operation
from api.endpoint import Endpoint
from api.errors import BadRequest, NotFound, Unprocessable
from api.paging import paged
from rbac import groups
from rbac.ldap import normal_dn
from rbac.models import Group
from rbac.policy import SYSTEM_SCOPE

TYPES = {Group.Kind.LDAP: 1, Group.Kind.LOCAL: 2, Group.Kind.OIDC: 3}
KINDS = {number: kind for kind, number in TYPES.items()}


class UserGroupSearchItemShape(TypedDict):
    id: int
    group_name: str
    group_type: int


class UserGroupShape(UserGroupSearchItemShape):
    ldap_group_dn: str


def _item(group: Group) -> UserGroupSearchItemShape:
    return {"id": group.pk, "group_name": group.name, "group_type": TYPES[Group.Kind(group.kind)]}


def _shape(group: Group) -> UserGroupShape:
    return {**_item(group), "ldap_group_dn": group.ldap_dn}


def _shapes(found: Sequence[Group]) -> list[UserGroupShape]:
    return [_shape(group) for group in found]


class UserGroups(Endpoint):
    @operation(
        "listUserGroups",
        answers=list[UserGroupShape],
        query=[Query("ldap_group_dn"), Query("group_name"), *PAGED],
        refuses=[403],
    )
    def get(self, request: Request) -> Response:
        """listUserGroups: by a part of the name, or by the DN."""
        self.require("user-group:list", SYSTEM_SCOPE)
        rows = Group.objects.order_by("pk")
        if name := request.query_params.get("group_name"):
            rows = rows.filter(name__icontains=name)
        if dn := request.query_params.get("ldap_group_dn"):
            rows = rows.filter(ldap_dn=normal_dn(dn))
        return paged(request, rows, _shapes)

    @operation("createUserGroup", body=bodies.UserGroup, status=201, refuses=[403, 409])
    def post(self, request: Request) -> Response:
        """createUserGroup: one of the directory's has to be there."""
        self.require("user-group:create", SYSTEM_SCOPE)
        body = bodies.read(bodies.UserGroup, request)
        kind = KINDS[body["group_type"]]
        group = groups.create(
            kind, body["group_name"], dn=body["ldap_group_dn"] or "", actor=self.actor, context=self.context
        )
        return Response(status=201, headers={"Location": f"/api/v2.0/usergroups/{group.pk}"})


class UserGroupSearch(Endpoint):
    @operation(
        "searchUserGroups",
        answers=list[UserGroupSearchItemShape],
        query=[Query("groupname", required=True, more={"minLength": 1}), *PAGED],
    )
    def get(self, request: Request) -> Response:
        """searchUserGroups: for whoever looks for a member."""
        self.require_somebody()
        name = request.query_params.get("groupname")
        if name is None:
            raise Unprocessable("groupname in query is required")
        if not name:
            raise BadRequest("groupname holds a part of a group's name")
        rows = Group.objects.filter(name__icontains=name).order_by("pk")
        return paged(request, rows, lambda found: [_item(group) for group in found])


class OneUserGroup(Endpoint):
    @operation("getUserGroup", answers=UserGroupShape, refuses=[400, 403, 404])
    def get(self, request: Request, group_id: str) -> Response:
        """getUserGroup"""
        self.require("user-group:read", SYSTEM_SCOPE)
        return Response(_shape(_find(group_id)))

    @operation("updateUserGroup", body=bodies.UserGroupName, refuses=[403, 404, 409])
    def put(self, request: Request, group_id: str) -> Response:
        """updateUserGroup: its name, which is all that can be changed."""
        self.require("user-group:update", SYSTEM_SCOPE)
        group = _find(group_id)
        name = bodies.read(bodies.UserGroupName, request)["group_name"]
        groups.rename(group, name, actor=self.actor, context=self.context)
        return Response()

    @operation("deleteUserGroup", refuses=[400, 403, 404])
    def delete(self, request: Request, group_id: str) -> Response:
        """deleteUserGroup: with its memberships of projects."""
        self.require("user-group:delete", SYSTEM_SCOPE)
        groups.delete(_find(group_id), actor=self.actor, context=self.context)
        return Response()


def _find(group_id: str) -> Group:
    found = Group.objects.filter(pk=places.number(group_id, "group_id")).first()
    if found is None:
        raise NotFound(f"there is no user group {group_id}")
    return found
