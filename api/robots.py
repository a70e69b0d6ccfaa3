"""`/robots`: accounts for machines, of the system and of projects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypedDict

from django.db.models import Prefetch, Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, grants, places
from api.document import Moment, operation
from api.endpoint import Endpoint
from api.errors import BadRequest, NotFound
from api.grants import RobotPermissionShape
from api.paging import paged
from api.query import Exact, Field, Fuzzy, Listing, Term, a_flag, a_number, a_time, parse
from api.times import written
from projects import robots
from projects.grants import held_by
from projects.models import Project, Robot, RobotGrant
from rbac.policy import ALL_PROJECTS, SYSTEM_SCOPE, Scope, can
from rbac.reach import EVERYWHERE

SYSTEM_LEVEL, PROJECT_LEVEL = "system", "project"
_FOR_EVER = -1


class RobotShape(TypedDict):
    """`last_used_time` is ours: to within some minutes, null before the first use."""

    id: int
    name: str
    description: str
    level: str
    duration: int
    editable: bool
    disable: bool
    expires_at: int
    permissions: list[RobotPermissionShape]
    creator_type: str
    creator_ref: int
    creation_time: Moment
    update_time: Moment
    last_used_time: Moment | None


class RobotCreatedShape(TypedDict):
    id: int
    name: str
    secret: str
    creation_time: Moment
    expires_at: int


class RobotSecShape(TypedDict):
    """A secret that the caller chose isn't repeated."""

    secret: str


def _named(term: Term) -> Q:
    """By the name that is shown, or without the prefix."""
    match term:
        case Exact(name):
            return Q(name=name.removeprefix(robots.prefix()))
        case Fuzzy(part):
            return Q(name__icontains=part.removeprefix(robots.prefix()))
    raise BadRequest("name is a name, or ~ and a part of one")


def _known(_: Term) -> Q:
    """Heeded already: see `_place_of`."""
    return Q()


LISTING = Listing(
    fields={
        "id": Field("id", a_number),
        "name": Field("name"),
        "description": Field("description"),
        "disable": Field("disabled", a_flag),
        "duration": Field("duration", a_number),
        "creation_time": Field("created_at", a_time),
        "update_time": Field("updated_at", a_time),
    },
    special={"name": _named, "Level": _known, "ProjectID": _known},
    order=["-id"],
)


def rows() -> QuerySet[Robot]:
    """Robots with what they hold: two queries for any number of them."""
    held = Prefetch("grants", RobotGrant.objects.select_related("project"))
    return Robot.objects.select_related("project").prefetch_related(held)


def shapes(found: Sequence[Robot]) -> list[RobotShape]:
    return [shape(robot) for robot in found]


def shape(robot: Robot) -> RobotShape:
    return {
        "id": robot.pk,
        "name": robots.login_name(robot.name),
        "description": robot.description,
        "level": _level(robot),
        "duration": robot.duration,
        "editable": True,
        "disable": robot.disabled,
        "expires_at": _expiry(robot),
        "permissions": grants.shape(held_by(robot)),
        "creator_type": "robot" if robot.creator_kind == "robot" else "local",
        "creator_ref": robot.creator_ref,
        "creation_time": written(robot.created_at),
        "update_time": written(robot.updated_at),
        "last_used_time": written(robot.used_at) if robot.used_at else None,
    }


def created(robot: Robot, secret: str, place: str) -> Response:
    """The one answer that shows a secret."""
    answer: RobotCreatedShape = {
        "id": robot.pk,
        "name": robots.login_name(robot.name),
        "secret": secret,
        "creation_time": written(robot.created_at),
        "expires_at": _expiry(robot),
    }
    return Response(answer, status=201, headers={"Location": f"/api/v2.0/{place}/{robot.pk}"})


def _expiry(robot: Robot) -> int:
    """Unix seconds."""
    return int(robot.expires_at.timestamp()) if robot.expires_at else _FOR_EVER


def _level(robot: Robot) -> str:
    return SYSTEM_LEVEL if robot.project_id is None else PROJECT_LEVEL


class Robots(Endpoint):
    @operation("ListRobot", answers=list[RobotShape], query=LISTING.parameters, refuses=[403, 404])
    def get(self, request: Request) -> Response:
        """ListRobot: the system's, or with q=Level=project,ProjectID=<id> a project's."""
        self.require_somebody()
        q = request.query_params.get("q", "")
        project = self._place_of(parse(q))
        found = LISTING.narrow(rows().filter(project=project), q)
        return paged(request, LISTING.sort(found, request.query_params.get("sort", "")), shapes)

    def _place_of(self, terms: Mapping[str, Term]) -> Project | None:
        """The project whose robots are asked for, None for the system's."""
        level = _exact(terms, "Level") or SYSTEM_LEVEL
        if level == SYSTEM_LEVEL:
            self.require("robot:list", SYSTEM_SCOPE)
            return None
        if level != PROJECT_LEVEL:
            raise BadRequest(f"Level is {SYSTEM_LEVEL} or {PROJECT_LEVEL}")
        if "ProjectID" not in terms:
            raise BadRequest("a project's robots are asked for with its ProjectID")
        project_id = a_number(_exact(terms, "ProjectID"))
        return places.project_by_id(self, project_id, "robot:list")

    @operation("CreateRobot", body=bodies.NewRobot, answers=RobotCreatedShape, status=201, refuses=[403, 404, 409])
    def post(self, request: Request) -> Response:
        """CreateRobot: nobody gives it more than it holds itself. Its secret is shown this once."""
        self.require_somebody()
        body = bodies.read(bodies.NewRobot, request)
        project = self._owner(body)
        robot, secret = robots.create(
            body["name"],
            grants.read(self, body["permissions"]),
            project=project,
            duration=body["duration"] or robots.USUAL,
            description=body["description"] or "",
            disabled=body["disable"] or False,
            own_secret=body["secret"] or "",
            actor=self.actor,
            context=self.context,
        )
        return created(robot, secret, "robots")

    def _owner(self, body: Mapping[str, Any]) -> Project | None:
        """The project of a robot to be made, None for one of the system."""
        if body["level"] == SYSTEM_LEVEL:
            self.require("robot:create", SYSTEM_SCOPE)
            return None
        if body["level"] != PROJECT_LEVEL:
            raise BadRequest(f"level is {SYSTEM_LEVEL} or {PROJECT_LEVEL}")
        return places.project(self, namespace_of(body["permissions"]), "robot:create", named=True)


class OneRobot(Endpoint):
    @operation("GetRobotByID", answers=RobotShape, refuses=[403, 404])
    def get(self, request: Request, robot_id: str) -> Response:
        """GetRobotByID"""
        return Response(shape(self._robot(robot_id, "robot:read")))

    @operation("UpdateRobot", body=bodies.RobotUpdate, refuses=[403, 404, 409])
    def put(self, request: Request, robot_id: str) -> Response:
        """UpdateRobot: what isn't named stays; the name, the level and the project can't change. In a body with the
        level, `disable` and `description` left out are false and empty, which clients written in Go don't send."""
        robot = self._robot(robot_id, "robot:update")
        body = bodies.read(bodies.RobotUpdate, request)
        if body["level"]:
            body |= {"disable": body["disable"] or False, "description": body["description"] or ""}
        _check_unchanged(robot, body)
        given = body["permissions"]
        robots.update(
            robot,
            permissions=None if given is None else grants.read(self, given),
            duration=body["duration"],
            description=body["description"],
            disabled=body["disable"],
            actor=self.actor,
            context=self.context,
        )
        return Response()

    @operation("RefreshSec", body=bodies.RobotSecret, answers=RobotSecShape, refuses=[403, 404])
    def patch(self, request: Request, robot_id: str) -> Response:
        """RefreshSec: a new secret, or the given one. With `overlap`, which is ours, the old one stays good for so
        many hours."""
        robot = self._robot(robot_id, "robot:update")
        body = bodies.read(bodies.RobotSecret, request)
        own = body["secret"] or ""
        secret = robots.refresh(
            robot, overlap=timedelta(hours=body["overlap"]), own_secret=own, actor=self.actor, context=self.context
        )
        return Response(RobotSecShape(secret="" if own else secret))

    @operation("DeleteRobot", refuses=[403, 404])
    def delete(self, request: Request, robot_id: str) -> Response:
        """DeleteRobot"""
        robots.delete(self._robot(robot_id, "robot:delete"), actor=self.actor, context=self.context)
        return Response()

    def _robot(self, robot_id: str, permission: str) -> Robot:
        """The robot, when the caller may do `permission` where it belongs. Only who may see all is told of none."""
        wanted = places.number(robot_id, "robot_id")
        robot = rows().filter(pk=wanted).first()
        if robot is None:
            sees_all = all(can(self.actor, permission, scope) for scope in (SYSTEM_SCOPE, ALL_PROJECTS))
            raise NotFound(f"there is no robot {wanted}") if sees_all else self.refusal()
        scope: Scope = robot.project or SYSTEM_SCOPE
        self.require(permission, scope)
        return robot


def _exact(terms: Mapping[str, Term], key: str) -> str:
    match terms.get(key):
        case None:
            return ""
        case Exact(value):
            return value
    raise BadRequest(f"{key} is asked for exactly")


def namespace_of(permissions: Sequence[Mapping[str, Any]]) -> str:
    """The project that the permissions of a project's robot name; BadRequest unless that is just one."""
    if len(permissions) != 1 or permissions[0]["kind"] != "project" or permissions[0]["namespace"] == EVERYWHERE:
        raise BadRequest("a project's robot has permissions of the kind project, in that one project")
    found: str = permissions[0]["namespace"]
    return found


def _check_unchanged(robot: Robot, body: Mapping[str, Any]) -> None:
    if body["level"] not in {None, "", _level(robot)} or not _is_called(robot, body["name"] or ""):
        raise BadRequest("the level or the name of a robot can't be changed")
    if robot.project and body["permissions"] and namespace_of(body["permissions"]) != robot.project.name:
        raise BadRequest("the project of a robot can't be changed")


def _is_called(robot: Robot, name: str) -> bool:
    """With the prefix of today, one of before or none: clients send back what they once read."""
    before = name.removesuffix(robot.name)
    return not name or (name.endswith(robot.name) and (not before or robots.MARK in before))
