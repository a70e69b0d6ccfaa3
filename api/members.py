"""`/projects/{…}/members`: users and groups with a role in a project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, places
from api.document import PAGED, Query, operation
from api.endpoint import Endpoint
from api.errors import BadRequest, NotFound
from api.paging import paged
from projects import actions
from projects.models import Member, Project
from rbac.errors import GroupUnknown, UserUnknown
from rbac.models import Group, Role, User


class ProjectMemberEntityShape(TypedDict):
    id: int
    project_id: int
    entity_id: int
    entity_name: str
    entity_type: Literal["u", "g"]
    role_id: int
    role_name: str


def _shape(member: Member) -> ProjectMemberEntityShape:
    return {
        "id": member.pk,
        "project_id": member.project_id,
        "entity_id": member.user_id or member.group_id or 0,
        "entity_name": member.user.username if member.user else str(member.group),
        "entity_type": "u" if member.user else "g",
        "role_id": member.role_id,
        "role_name": member.role.name,
    }


def _shapes(members: Sequence[Member]) -> list[ProjectMemberEntityShape]:
    return [_shape(member) for member in members]


class Members(Endpoint):
    @operation(
        "listProjectMembers",
        answers=list[ProjectMemberEntityShape],
        query=[Query("entityname"), *PAGED],
        refuses=[403, 404],
    )
    def get(self, request: Request, project_name_or_id: str) -> Response:
        """listProjectMembers"""
        project = places.project(self, project_name_or_id, "member:list")
        rows = project.members.select_related("user", "group", "role").order_by("pk")
        if name := request.query_params.get("entityname"):
            rows = rows.filter(Q(user__username__icontains=name) | Q(group__name__icontains=name))
        return paged(request, rows, _shapes)

    @operation("createProjectMember", body=bodies.NewMember, status=201, refuses=[403, 404, 409])
    def post(self, request: Request, project_name_or_id: str) -> Response:
        """createProjectMember"""
        project = places.project(self, project_name_or_id, "member:create")
        body = bodies.read(bodies.NewMember, request)
        who = _who(body["member_user"], body["member_group"])
        role = _role(body["role_id"])
        member = actions.add_member(project, who, role, actor=self.actor, context=self.context)
        return Response(status=201, headers={"Location": f"/api/v2.0/projects/{project.pk}/members/{member.pk}"})


class OneMember(Endpoint):
    @operation("getProjectMember", answers=ProjectMemberEntityShape, refuses=[400, 403, 404])
    def get(self, request: Request, project_name_or_id: str, mid: str) -> Response:  # noqa: ARG002
        """getProjectMember"""
        project = places.project(self, project_name_or_id, "member:read")
        return Response(_shape(_find(project, mid)))

    @operation("updateProjectMember", body=bodies.MemberRole, refuses=[403, 404])
    def put(self, request: Request, project_name_or_id: str, mid: str) -> Response:
        """updateProjectMember"""
        project = places.project(self, project_name_or_id, "member:update")
        member = _find(project, mid)
        role = _role(bodies.read(bodies.MemberRole, request)["role_id"])
        actions.change_role(member, role, actor=self.actor, context=self.context)
        return Response()

    @operation("deleteProjectMember", refuses=[400, 403, 404])
    def delete(self, request: Request, project_name_or_id: str, mid: str) -> Response:  # noqa: ARG002
        """deleteProjectMember"""
        project = places.project(self, project_name_or_id, "member:delete")
        actions.remove_member(_find(project, mid), actor=self.actor, context=self.context)
        return Response()


def _find(project: Project, mid: str) -> Member:
    rows = Member.objects.select_related("project", "user", "group", "role")
    found = rows.filter(project=project, pk=places.number(mid, "mid")).first()
    if found is None:
        raise NotFound(f"the project {project.name} has no member {mid}")
    return found


def _role(role_id: int) -> Role:
    role = Role.objects.filter(pk=role_id, assignable=True).first()
    if role is None:
        raise BadRequest(f"there is no role {role_id} for a member")
    return role


def _who(user: dict[str, Any] | None, group: dict[str, Any] | None) -> User | Group:
    """The user or the group that a body names, by id or by name."""
    if user and (user.get("user_id") or user.get("username")):
        by_id = Q(pk=user["user_id"]) if user.get("user_id") else Q(username=user["username"])
        found = User.objects.filter(by_id).first()
        if found is None:
            raise UserUnknown(f"there is no user {user.get('username') or user.get('user_id')}")
        return found
    if group and (group.get("id") or group.get("group_name")):
        of = Q(pk=group["id"]) if group.get("id") else Q(name=group["group_name"])
        party = Group.objects.filter(of).first()
        if party is None:
            raise GroupUnknown(f"there is no group {group.get('group_name') or group.get('id')}")
        return party
    raise BadRequest("member_user or member_group must name somebody")
