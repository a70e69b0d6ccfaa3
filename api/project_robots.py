"""`/projects/{…}/robots`: a project's robots for older clients of Harbor. `/robots` does the same and more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, grants, places
from api.document import operation
from api.endpoint import Endpoint
from api.errors import BadRequest, NotFound
from api.paging import paged
from api.robots import LISTING, RobotCreatedShape, RobotShape, created, rows, shape, shapes
from projects import robots
from projects.models import Project, Robot

_RESOURCE = re.compile(r"/project/([0-9]{1,18})/([a-z-]+)", re.ASCII)
_LATEST = 253402300799  # the last second of the year 9999, which is as far as a moment goes


class ProjectRobots(Endpoint):
    @operation("ListRobotV1", group="robotv1", answers=list[RobotShape], query=LISTING.parameters, refuses=[403, 404])
    def get(self, request: Request, project_name_or_id: str) -> Response:
        """ListRobotV1"""
        project = places.project(self, project_name_or_id, "robot:list")
        found = LISTING.narrow(rows().filter(project=project), request.query_params.get("q", ""))
        return paged(request, LISTING.sort(found, request.query_params.get("sort", "")), shapes)

    @operation(
        "CreateRobotV1",
        group="robotv1",
        body=bodies.NewProjectRobot,
        answers=RobotCreatedShape,
        status=201,
        refuses=[403, 404, 409],
    )
    def post(self, request: Request, project_name_or_id: str) -> Response:
        """CreateRobotV1: it lives until `expires_at` (Unix seconds, -1 for ever), or as long as is usual."""
        project = places.project(self, project_name_or_id, "robot:create")
        body = bodies.read(bodies.NewProjectRobot, request)
        duration, until = _lifetime(body["expires_at"] or robots.USUAL)
        robot, secret = robots.create(
            body["name"],
            {project: grants.access(_accesses(body["access"], project), project.name)},
            project=project,
            duration=duration,
            until=until,
            description=body["description"] or "",
            actor=self.actor,
            context=self.context,
        )
        return created(robot, secret, f"projects/{project.pk}/robots")


class OneProjectRobot(Endpoint):
    @operation("GetRobotByIDV1", group="robotv1", answers=RobotShape, refuses=[403, 404])
    def get(self, request: Request, project_name_or_id: str, robot_id: str) -> Response:
        """GetRobotByIDV1"""
        return Response(shape(self._robot(project_name_or_id, robot_id, "robot:read")))

    @operation("UpdateRobotV1", group="robotv1", body=bodies.RobotSwitch, refuses=[403, 404])
    def put(self, request: Request, project_name_or_id: str, robot_id: str) -> Response:
        """UpdateRobotV1: disables a robot or lets it work again."""
        robot = self._robot(project_name_or_id, robot_id, "robot:update")
        disabled = bodies.read(bodies.RobotSwitch, request)["disable"]
        robots.update(robot, disabled=disabled, actor=self.actor, context=self.context)
        return Response()

    @operation("DeleteRobotV1", group="robotv1", refuses=[403, 404])
    def delete(self, request: Request, project_name_or_id: str, robot_id: str) -> Response:
        """DeleteRobotV1"""
        robot = self._robot(project_name_or_id, robot_id, "robot:delete")
        robots.delete(robot, actor=self.actor, context=self.context)
        return Response()

    def _robot(self, project_name_or_id: str, robot_id: str, permission: str) -> Robot:
        project = places.project(self, project_name_or_id, permission)
        robot = rows().filter(project=project, pk=places.number(robot_id, "robot_id")).first()
        if robot is None:
            raise NotFound(f"the project {project.name} has no robot {robot_id}")
        return robot


def _lifetime(expires_at: int) -> tuple[int, datetime | None]:
    """Days, or a moment."""
    if expires_at in {robots.NEVER, robots.USUAL}:
        return expires_at, None
    if not 0 < expires_at <= _LATEST:
        raise BadRequest("expires_at is a moment to come, in Unix seconds")
    return robots.USUAL, datetime.fromtimestamp(expires_at, UTC)


def _accesses(given: Iterable[Mapping[str, Any]], project: Project) -> list[dict[str, Any]]:
    """The entries with `/project/<id>/repository` read as `repository`; a short one is taken as it is."""
    return [{**entry, "resource": _resource(entry["resource"], project)} for entry in given]


def _resource(text: str, project: Project) -> str:
    if not text.startswith("/"):
        return text
    found = _RESOURCE.fullmatch(text)
    if found is None or int(found[1]) != project.pk:
        raise BadRequest(f"{text[:140]!r} is no resource of this project, as /project/{project.pk}/repository is")
    return found[2]
