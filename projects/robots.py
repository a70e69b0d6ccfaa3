"""Robots: accounts for machines, with permissions of their own. Each action writes its row and its audit record."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction

import audit
from audit import Context
from configuration import values
from projects.errors import GrantTooWide, InvalidRobot, RobotExists, RobotUnknown
from projects.models import Project, Robot, RobotGrant
from rbac import secret
from rbac.actors import Actor
from rbac.errors import InvalidPermission
from rbac.names import is_plausible
from rbac.policy import ALL_PROJECTS, can
from rbac.reach import EVERYWHERE
from rbac.roles import known_permissions

MARK = "$"  # in every prefix, and so in every robot's name at a login; in no user's (`rbac.names`)
NEVER = -1  # days: a robot that doesn't expire
LONGEST_OVERLAP = timedelta(days=30)

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_LONGEST = 255 - 32  # characters of `PROJECT+NAME`: with the prefix, it must fit into an audit record
_MOST_DAYS = 36500

Permissions = Mapping[Project | None, Collection[str]]  # by project; None: in every project there is and will be


def prefix() -> str:
    """What robots' names begin with at a login."""
    return values.text("robot_name_prefix")


def login_name(name: str) -> str:
    """What a robot calls itself at a login, such as `robot$team+ci`."""
    return prefix() + name


def is_robot(username: str) -> bool:
    """Whether a robot can have this name at a login. Of a user's name that is known without asking for the prefix."""
    return MARK in username and username.startswith(prefix())


def find(name: str) -> Robot:
    """The robot called `name`, with or without the prefix; RobotUnknown."""
    bare = name.removeprefix(prefix())
    robot = Robot.objects.select_related("project").filter(name=bare).first() if is_plausible(bare) else None
    if robot is None:
        raise RobotUnknown(f"there is no robot {name}")
    return robot


@transaction.atomic
def create(
    name: str,
    permissions: Permissions,
    *,
    project: Project | None,
    duration: int = NEVER,
    description: str = "",
    actor: Actor,
    context: Context,
) -> tuple[Robot, str]:
    """A new robot of a project, or of the system, and its secret, which nobody can read again.

    Raises InvalidRobot, InvalidPermission, GrantTooWide, RobotExists.
    """
    full = _parse_name(name) if project is None else f"{project.name}+{_parse_name(name)}"
    if len(full) > _LONGEST:
        raise InvalidRobot(f"a robot's name has up to {_LONGEST} characters, its project's included")
    _check_permissions(permissions, project, actor)
    made = secret.new()
    now = datetime.now(UTC)
    robot = Robot(
        name=full,
        project=project,
        description=description,
        creator=actor.name,
        secret=secret.digest_of(made),
        duration=duration,
        created_at=now,
        expires_at=_expiry(now, duration),
    )
    try:
        with transaction.atomic():
            robot.save()
    except IntegrityError as error:
        raise RobotExists(f"there is a robot {full} already") from error
    _store(robot, permissions)
    _record(actor, "create", robot, context, duration=duration, permissions=_words(permissions))
    return robot, made


@transaction.atomic
def update(
    robot: Robot,
    *,
    permissions: Permissions | None = None,
    duration: int | None = None,
    description: str | None = None,
    disabled: bool | None = None,
    actor: Actor,
    context: Context,
) -> None:
    """Change what is given. A duration counts from the robot's creation; permissions replace all it had.

    Raises InvalidRobot, InvalidPermission, GrantTooWide, RobotUnknown.
    """
    _lock(robot)
    detail: dict[str, object] = {}
    if permissions is not None:
        _check_permissions(permissions, robot.project, actor)
        robot.grants.all().delete()
        _store(robot, permissions)
        detail["permissions"] = _words(permissions)
    if duration is not None:
        robot.duration, robot.expires_at = duration, _expiry(robot.created_at, duration)
        detail["duration"] = duration
    if description is not None:
        robot.description = detail["description"] = description
    if disabled is not None:
        robot.disabled = detail["disabled"] = disabled
    fields = detail.keys() - {"permissions"} | ({"expires_at"} if duration is not None else set())
    robot.save(update_fields=[*fields, "updated_at"])  # nothing else: it may be stale here
    _record(actor, "update", robot, context, **detail)


@transaction.atomic
def refresh(robot: Robot, *, overlap: timedelta = timedelta(), actor: Actor, context: Context) -> str:
    """A new secret. The one before stays good for `overlap`, any older one is dead.

    Raises InvalidRobot, RobotUnknown.
    """
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise InvalidRobot(f"two secrets are good at once for up to {LONGEST_OVERLAP.days} days")
    locked = _lock(robot)
    made = secret.new()
    robot.previous_secret = locked.secret if overlap else ""
    robot.previous_until = datetime.now(UTC) + overlap if overlap else None
    robot.secret = secret.digest_of(made)
    robot.save(update_fields=["secret", "previous_secret", "previous_until", "updated_at"])
    _record(actor, "update", robot, context, changed=["secret"], overlap=int(overlap.total_seconds()))
    return made


@transaction.atomic
def delete(robot: Robot, *, actor: Actor, context: Context) -> None:
    """The robot. It gets no token any more; one that it has lives out its minutes, as a user's does."""
    _record(actor, "delete", robot, context)
    robot.delete()


def _lock(robot: Robot) -> Robot:
    """The row as it is now, for this transaction alone; RobotUnknown when it was deleted meanwhile."""
    locked = Robot.objects.select_for_update().filter(pk=robot.pk).first()
    if locked is None:
        raise RobotUnknown(f"there is no robot {login_name(robot.name)} any more")
    return locked


def permissions_of(robot: Robot) -> dict[str, list[str]]:
    """What the robot holds: project name, or EVERYWHERE → "resource:action"."""
    rows = robot.grants.order_by("project__name").values_list("project__name", "permissions")
    return {name or EVERYWHERE: sorted(permissions) for name, permissions in rows}


def _parse_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise InvalidRobot(
            "a robot's name holds lower-case letters and digits, with single '.', '_' or '-' between them"
        )
    return text


def _expiry(since: datetime, duration: int) -> datetime | None:
    if duration == NEVER:
        return None
    if not 0 < duration <= _MOST_DAYS:
        raise InvalidRobot(f"a robot lives for 1 to {_MOST_DAYS} days, or for ever ({NEVER})")
    return since + timedelta(days=duration)


def _check_permissions(permissions: Permissions, project: Project | None, actor: Actor) -> None:
    """Nobody gives what it doesn't hold there itself, and a project's robot holds nothing elsewhere."""
    if not any(permissions.values()):
        raise InvalidRobot("a robot needs a permission")
    known = known_permissions()
    for where, wanted in permissions.items():
        if project is not None and where != project:
            raise GrantTooWide(f"a robot of the project {project.name} holds permissions there alone")
        for permission in sorted(wanted):
            if permission not in known:
                raise InvalidPermission(
                    f"there is no permission {permission}: resource:action expected, as repository:pull"
                )
            if not can(actor, permission, where or ALL_PROJECTS):
                raise GrantTooWide(f"{actor.name} doesn't hold {permission} in {where or 'all projects'}")


def _store(robot: Robot, permissions: Permissions) -> None:
    RobotGrant.objects.bulk_create(
        RobotGrant(robot=robot, project=project, permissions=sorted(set(held)))
        for project, held in permissions.items()
        if held
    )


def _words(permissions: Permissions) -> dict[str, list[str]]:
    return {str(project or EVERYWHERE): sorted(set(held)) for project, held in permissions.items()}


def _record(actor: Actor, operation: str, robot: Robot, context: Context, **detail: object) -> None:
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="robot",
        resource=login_name(robot.name),
        project=robot.project.name if robot.project else "",
        context=context,
        detail=detail,
    )
