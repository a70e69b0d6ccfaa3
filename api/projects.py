"""`/projects`: namespaces and what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict, cast

from django.db import transaction
from django.db.models import Count, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, places
from api.allowlists import CVEAllowlistShape
from api.allowlists import content as allowlist_content
from api.allowlists import shape as allowlist_shape
from api.document import NAME_IN_LOCATION, Moment, Query, operation
from api.endpoint import Endpoint
from api.errors import BadRequest, Forbidden, NotFound, NotThere, Unprocessable
from api.paging import paged
from api.query import Field, Listing, a_flag, a_number, a_time
from api.times import written
from artifacts.models import Repository
from projects import actions, allowlists, held, metadata, quotas
from projects.models import Project
from rbac.actors import Actor
from rbac.matrix import DEVELOPER, GUEST, LIMITED_GUEST, MAINTAINER, PROJECT_ADMIN
from rbac.models import User
from rbac.policy import SYSTEM_SCOPE, can

_PROJECTS = Listing(
    fields={
        "project_id": Field("id", a_number),
        "name": Field("name"),
        "public": Field("public", a_flag),
        "owner_id": Field("owner_id", a_number),
        "owner": Field("owner__username"),
        "creation_time": Field("created_at", a_time),
        "update_time": Field("updated_at", a_time),
    },
    order=["-id"],  # as by creation_time, on the primary key's index
)
_COUNTS = {
    "project_admin_count": PROJECT_ADMIN,
    "maintainer_count": MAINTAINER,
    "developer_count": DEVELOPER,
    "guest_count": GUEST,
    "limited_guest_count": LIMITED_GUEST,
}


Switch = Literal["true", "false"]


class ProjectMetadataShape(TypedDict):
    """What is set of it."""

    public: Switch
    enable_content_trust: NotRequired[Switch]
    enable_content_trust_cosign: NotRequired[Switch]
    prevent_vul: NotRequired[Switch]
    severity: NotRequired[str]
    auto_scan: NotRequired[Switch]
    auto_sbom_generation: NotRequired[Switch]
    reuse_sys_cve_allowlist: NotRequired[Switch]
    retention_id: NotRequired[str]
    proxy_speed_kb: NotRequired[str]
    max_upstream_conn: NotRequired[str]
    proxy_cache_local_on_not_found: NotRequired[Switch]
    proxy_referrer_api: NotRequired[Switch]
    proxy_cache_filter_pattern: NotRequired[str]
    proxy_cache_filter_kind: NotRequired[str]


class ProjectShape(TypedDict):
    project_id: int
    name: str
    owner_id: int
    owner_name: str
    registry_id: NotRequired[int]
    creation_time: Moment
    update_time: Moment
    deleted: bool
    togglable: bool
    current_user_role_id: int
    current_user_role_ids: list[int]
    repo_count: int
    metadata: ProjectMetadataShape
    cve_allowlist: CVEAllowlistShape


class ProjectSummaryQuotaShape(TypedDict):
    """Bytes by resource; -1 is no limit."""

    hard: dict[str, int]
    used: dict[str, int]


class ProjectSummaryShape(TypedDict):
    """The members are counted for those who may see them; the quota is there while quotas are in force."""

    repo_count: int
    project_admin_count: NotRequired[int]
    maintainer_count: NotRequired[int]
    developer_count: NotRequired[int]
    guest_count: NotRequired[int]
    limited_guest_count: NotRequired[int]
    quota: NotRequired[ProjectSummaryQuotaShape]


class DeletableShape(TypedDict):
    deletable: bool
    message: str


def shapes(projects: Sequence[Project], actor: Actor) -> list[ProjectShape]:
    """Projects as Harbor shows them to `actor`: four queries for all of them."""
    ids = [project.pk for project in projects]
    repositories = dict(
        Repository.objects.filter(project__in=ids).values_list("project").annotate(Count("pk")).order_by()
    )
    roles, lists = held.roles(ids, actor), allowlists.shown(projects)
    return [
        _shape(
            project,
            repositories.get(project.pk, 0),
            roles.get(project.pk, []),
            allowlist_shape(lists[project.pk], project.pk),
        )
        for project in projects
    ]


def _shape(project: Project, repositories: int, roles: list[int], allowlist: CVEAllowlistShape) -> ProjectShape:
    return {
        "project_id": project.pk,
        "name": project.name,
        "owner_id": project.owner_id or 0,
        "owner_name": project.owner.username if project.owner else "",
        "creation_time": written(project.created_at),
        "update_time": written(project.updated_at),
        "deleted": False,
        "togglable": PROJECT_ADMIN in roles,
        "current_user_role_id": held.strongest(roles),
        "current_user_role_ids": roles,
        "repo_count": repositories,
        "metadata": cast(ProjectMetadataShape, metadata.read(project)),
        "cve_allowlist": allowlist,
    }


class Projects(Endpoint):
    @operation(
        "listProjects",
        answers=list[ProjectShape],
        query=[Query("name"), Query("public", bool), Query("owner"), Query("with_detail", bool), *_PROJECTS.parameters],
    )
    def get(self, request: Request) -> Response:
        """listProjects: those that the caller may know of."""
        rows = self._filtered(Project.objects.visible_to(self.actor).select_related("owner"), request)
        rows = _PROJECTS.narrow(rows, request.query_params.get("q", ""))
        rows = _PROJECTS.sort(rows, request.query_params.get("sort", ""))
        return paged(request, rows, lambda found: shapes(found, self.actor))

    def _filtered(self, rows: QuerySet[Project], request: Request) -> QuerySet[Project]:
        if name := request.query_params.get("name"):
            rows = rows.filter(name__icontains=name)
        if public := request.query_params.get("public"):
            rows = rows.filter(public=a_flag(public))
        if owner := request.query_params.get("owner"):
            rows = rows.filter(owner__username=owner)
        return rows

    @operation("headProject", query=[Query("project_name", required=True, more={"minLength": 1})], refuses=[404])
    def head(self, request: Request) -> Response:
        """headProject: whether there is a project of this name, as far as the caller may know."""
        self.require_somebody()
        name = request.query_params.get("project_name", "")
        if not name:
            raise Unprocessable("project_name in query is required")
        if not Project.objects.visible_to(self.actor).filter(name=name).exists():
            raise NotFound(f"there is no project {name[:255]}")
        return Response()

    @operation("createProject", body=bodies.NewProject, status=201, query=[NAME_IN_LOCATION], refuses=[403, 409, 501])
    def post(self, request: Request) -> Response:
        """createProject: by anybody with an account, unless the configuration reserves it to administrators. What a
        robot of the system creates has no owner."""
        self.require_somebody()
        if not actions.may_create(self.actor):
            raise Forbidden("Only system admin can create project") if self.actor.reach is None else self.refusal()
        owner = User.objects.filter(pk=self.actor.user_id).first() if self.actor.user_id is not None else None
        body = bodies.read(bodies.NewProject, request)
        with transaction.atomic():
            project = metadata.create_project(
                body["project_name"],
                _settings(body),
                storage_limit=self._limit(body),
                owner=owner,
                actor=self.actor,
                context=self.context,
            )
            _allow(self, project, body, of=None)
        by_name = request.headers.get("X-Resource-Name-In-Location", "").lower() in {"true", "1"}
        place = project.name if by_name else project.pk
        return Response(status=201, headers={"Location": f"/api/v2.0/projects/{place}"})

    def _limit(self, body: dict[str, Any]) -> int | None:
        """The storage limit that the body asks for (0: none is), if the caller may choose one; else it is ignored."""
        wanted: int | None = body["storage_limit"] or None
        return wanted if wanted is not None and can(self.actor, "quota:update", SYSTEM_SCOPE) else None


class OneProject(Endpoint):
    @operation("getProject", answers=ProjectShape, refuses=[403, 404])
    def get(self, request: Request, project_name_or_id: str) -> Response:
        """getProject"""
        project = places.project(self, project_name_or_id, "project:read")
        return Response(shapes([project], self.actor)[0])

    @operation("updateProject", body=bodies.ProjectUpdate, refuses=[403, 404, 501])
    def put(self, request: Request, project_name_or_id: str) -> Response:
        """updateProject: what isn't named stays. A storage limit is ignored, as in Harbor: its quota has an operation
        of its own."""
        project = places.project(self, project_name_or_id, "project:update")
        body = bodies.read(bodies.ProjectUpdate, request)
        with transaction.atomic():
            metadata.change(project, _settings(body), actor=self.actor, context=self.context)
            _allow(self, project, body, of=project)
        return Response()

    @operation("deleteProject", refuses=[403, 404, 412])
    def delete(self, request: Request, project_name_or_id: str) -> Response:
        """deleteProject: an empty one."""
        project = places.project(self, project_name_or_id, "project:delete")
        actions.delete(project, actor=self.actor, context=self.context)
        return Response()


class Deletable(Endpoint):
    @operation("getProjectDeletable", answers=DeletableShape, refuses=[403, 404])
    def get(self, request: Request, project_name_or_id: str) -> Response:
        """getProjectDeletable"""
        project = places.project(self, project_name_or_id, "project:delete")
        if Repository.objects.filter(project=project).exists():
            return Response({"deletable": False, "message": "the project contains repositories, can not be deleted"})
        return Response({"deletable": True, "message": ""})


class Summary(Endpoint):
    @operation("getProjectSummary", answers=ProjectSummaryShape, refuses=[403, 404])
    def get(self, request: Request, project_name_or_id: str) -> Response:
        """getProjectSummary: the members are counted for those who may see them, and the quota is shown."""
        project = places.project(self, project_name_or_id, "project:read")
        summary: ProjectSummaryShape = {"repo_count": Repository.objects.filter(project=project).count()}
        if can(self.actor, "member:list", project):
            counts = dict(project.members.values_list("role").annotate(Count("pk")).order_by())
            counted = {name: counts.get(role, 0) for name, role in _COUNTS.items()}
            summary = cast(ProjectSummaryShape, {**summary, **counted})
        figures = quotas.figures(project.pk) if quotas.is_enforced() else None
        if figures is not None and can(self.actor, "quota:read", project):
            summary["quota"] = {"hard": {quotas.STORAGE: figures.hard}, "used": {quotas.STORAGE: figures.used}}
        return Response(summary)


class Metadatas(Endpoint):
    @operation("listProjectMetadatas", group="projectMetadata", answers=dict[str, str], refuses=[403, 404])
    def get(self, request: Request, project_name_or_id: str) -> Response:
        """listProjectMetadatas"""
        return Response(metadata.read(places.project(self, project_name_or_id, "metadata:list")))

    @operation("addProjectMetadatas", group="projectMetadata", body=dict[str, str], refuses=[403, 404, 409])
    def post(self, request: Request, project_name_or_id: str) -> Response:
        """addProjectMetadatas"""
        project = places.project(self, project_name_or_id, "metadata:create")
        metadata.add(project, _mapping(request), actor=self.actor, context=self.context)
        return Response()


class OneMetadata(Endpoint):
    @operation("getProjectMetadata", group="projectMetadata", answers=dict[str, str], refuses=[403, 404])
    def get(self, request: Request, project_name_or_id: str, meta_name: str) -> Response:
        """getProjectMetadata"""
        project = places.project(self, project_name_or_id, "metadata:read")
        return Response({meta_name: metadata.one(project, meta_name)})

    @operation("updateProjectMetadata", group="projectMetadata", body=dict[str, str], refuses=[403, 404])
    def put(self, request: Request, project_name_or_id: str, meta_name: str) -> Response:
        """updateProjectMetadata: of one that is set."""
        project = places.project(self, project_name_or_id, "metadata:update")
        metadata.one(project, meta_name)
        given = _mapping(request)
        if set(given) != {meta_name}:
            raise BadRequest(f"the body holds {meta_name[:60]} and nothing else")
        metadata.change(project, given, actor=self.actor, context=self.context)
        return Response()

    @operation("deleteProjectMetadata", group="projectMetadata", refuses=[400, 403, 404])
    def delete(self, request: Request, project_name_or_id: str, meta_name: str) -> Response:
        """deleteProjectMetadata"""
        project = places.project(self, project_name_or_id, "metadata:delete")
        metadata.remove(project, meta_name, actor=self.actor, context=self.context)
        return Response()


def _mapping(request: Request) -> dict[str, Any]:
    given: dict[str, Any] = bodies.Metadata().run_validation(request.data)
    return given


def _allow(view: Endpoint, project: Project, body: dict[str, Any], *, of: Project | None) -> None:
    """Give the project the allowlist of its own that a body asks for, and may say to be `of` it."""
    if body["cve_allowlist"] is not None:
        content = allowlist_content(body["cve_allowlist"], of)
        allowlists.set_of_project(project, content, actor=view.actor, context=view.context)


def _settings(body: dict[str, Any]) -> dict[str, Any]:
    """The metadata that a body asks for; `public` of its own is what older clients send. Raises NotThere for what
    would be taken and never come true."""
    if body["registry_id"]:
        raise NotThere("this version of Roadstead has no proxy-cache projects yet")
    given: dict[str, Any] = {**(body["metadata"] or {})}
    if body["public"] is not None and given.get(metadata.PUBLIC) is None:
        given[metadata.PUBLIC] = "true" if body["public"] else "false"
    return given
