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
from api.usergroups import KINDS
from audit import Context
from projects import actions
from projects.models import Member, Project
from rbac import parties
from rbac.actors import Actor
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
        role = _role(body["role_id"])
        who = _Named(body["member_user"], body["member_group"]).find(self.actor, self.context)
        member = actions.add_member(project, who, role, actor=self.actor, context=self.context)
        return Response(status=201, headers={"Location": f"/api/v2.0/projects/{project.pk}/members/{member.pk}"})


class OneMember(Endpoint):
    @operation("getProjectMember", answers=ProjectMemberEntityShape, refuses=[400, 403, 404])
    def get(self, request: Request, project_name_or_id: str, mid: str) -> Response:
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
    def delete(self, request: Request, project_name_or_id: str, mid: str) -> Response:
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


class _Named:
    """Whom a body names, in Harbor's order: by id before by name, a group by its DN before by its name."""

    def __init__(self, user: dict[str, Any] | None, group: dict[str, Any] | None) -> None:
        self.user, self.group = user or {}, group or {}

    def find(self, actor: Actor, context: Context) -> User | Group:
        """Made known here if the directory knows it. Raises BadRequest for an id that is nobody's, and what
        `rbac.parties` does."""
        by: Any = {"actor": actor, "context": context}
        if user_id := self.user.get("user_id"):
            return self._known(User.objects.filter(pk=user_id).first(), f"user {user_id}")
        if group_id := self.group.get("id"):
            return self._known(Group.objects.filter(pk=group_id).first(), f"group {group_id}")
        if username := self.user.get("username"):
            return parties.user(username, **by)
        name = self.group.get("group_name") or ""
        if dn := self.group.get("ldap_group_dn"):
            return parties.directory_group(dn, name, **by)
        if name:
            return parties.named_group(name, self._kind(), **by)
        raise BadRequest("member_user or member_group must name somebody")

    def _known(self, found: User | Group | None, words: str) -> User | Group:
        if found is None:
            raise BadRequest(f"there is no {words}")
        return found

    def _kind(self) -> Group.Kind | None:
        number = self.group.get("group_type")
        if number and number not in KINDS:
            raise BadRequest("group_type is 1 for a group of the directory, 2 for one of our own, 3 for the provider's")
        return KINDS[number] if number else None
