"""Robots: accounts for machines, with permissions of their own. Each action writes its row and its audit record."""

import math
import re
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction

import audit
from audit import Context
from configuration import values
from projects import grants
from projects.errors import GrantTooWide, InvalidRobot, RobotExists, RobotUnknown
from projects.grants import Permissions
from projects.models import Project, Robot, RobotGrant
from rbac import chosen, secret
from rbac.actors import Actor
from rbac.names import is_plausible

MARK = "$"  # in every prefix, and so in every robot's name at a login; in no user's (`rbac.names`)
NEVER = -1  # days: a robot that doesn't expire
USUAL = 0  # days: as the configuration says
LONGEST_OVERLAP = timedelta(days=30)

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_LONGEST = 255 - 32  # characters of `PROJECT+NAME`: with the prefix, it must fit into an audit record
_LONGEST_DESCRIPTION = 255
_MOST_DAYS = 36500
_DAY = timedelta(days=1)


def prefix() -> str:
    """What robots' names begin with at a login."""
    return values.text("robot_name_prefix")


def login_name(name: str) -> str:
    """What a robot calls itself at a login, such as `robot$team+ci`."""
    return prefix() + name


def is_robot(username: str) -> bool:
    """Whether that is a robot's name at a login and nobody else's, with whatever prefix: who still says yesterday's is
    refused as a robot, and no directory is shown the secret."""
    return MARK in username


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
    until: datetime | None = None,
    description: str = "",
    disabled: bool = False,
    own_secret: str = "",
    actor: Actor,
    context: Context,
) -> tuple[Robot, str]:
    """A new robot of a project, or of the system, and its secret, which nobody can read again.

    It lives for `duration` days, or `until` that moment. `own_secret` is one that the client chose.
    Raises InvalidRobot, InvalidPassword, InvalidPermission, GrantTooWide, RobotExists.
    """
    full = _parse_name(name) if project is None else f"{project.name}+{_parse_name(name)}"
    if len(full) > _LONGEST:
        raise InvalidRobot(f"a robot's name has up to {_LONGEST} characters, its project's included")
    _check_permissions(permissions, project, actor)
    made, kept = _secret(own_secret)
    now = datetime.now(UTC)
    duration = _days(now, until) if until else _duration(duration)
    robot = Robot(
        name=full,
        project=project,
        description=_parse_description(description),
        creator=actor.name,
        creator_kind=actor.kind,
        creator_ref=_id_of(actor),
        secret=kept,
        disabled=disabled,
        duration=duration,
        created_at=now,
        expires_at=until or _expiry(now, duration),
    )
    _check_lifetime(robot, actor)
    try:
        with transaction.atomic():
            robot.save()
    except IntegrityError as error:
        raise RobotExists(f"there is a robot {full} already") from error
    _store(robot, permissions)
    _record(actor, "create", robot, context, duration=duration, permissions=grants.words(permissions))
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

    Who holds less than the robot can only describe and disable it. Raises InvalidRobot, InvalidPermission,
    GrantTooWide, RobotUnknown.
    """
    locked = _lock(robot)
    if permissions is not None or duration is not None or disabled is False:
        grants.require_held(grants.held_by(locked), actor)
    detail: dict[str, object] = {}
    fields = {"updated_at"}  # nothing else is saved: it may be stale here
    if permissions is not None:
        _check_permissions(permissions, robot.project, actor)
        robot.grants.all().delete()
        _store(robot, permissions)
        detail["permissions"] = grants.words(permissions)
    if duration is not None:
        robot.duration = detail["duration"] = _duration(duration)
        robot.expires_at = _expiry(robot.created_at, robot.duration)
        _check_lifetime(robot, actor)
        fields |= {"duration", "expires_at"}
    if description is not None:
        robot.description = detail["description"] = _parse_description(description)
        fields.add("description")
    if disabled is not None:
        robot.disabled = detail["disabled"] = disabled
        fields.add("disabled")
    robot.save(update_fields=fields)
    _record(actor, "update", robot, context, **detail)


@transaction.atomic
def refresh(
    robot: Robot, *, overlap: timedelta = timedelta(), own_secret: str = "", actor: Actor, context: Context
) -> str:
    """A new secret, or one that the client chose. The one before stays good for `overlap`, any older one is dead.

    Raises InvalidRobot, InvalidPassword, RobotUnknown, and GrantTooWide for an actor who holds less than the robot.
    """
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise InvalidRobot(f"two secrets are good at once for up to {LONGEST_OVERLAP.days} days")
    made, kept = _secret(own_secret)
    locked = _lock(robot)
    grants.require_held(grants.held_by(locked), actor)
    robot.previous_secret = locked.secret if overlap else ""
    robot.previous_until = datetime.now(UTC) + overlap if overlap else None
    robot.secret = kept
    robot.save(update_fields=["secret", "previous_secret", "previous_until", "updated_at"])
    _record(actor, "update", robot, context, changed=["secret"], overlap=int(overlap.total_seconds()))
    return made


@transaction.atomic
def delete(robot: Robot, *, actor: Actor, context: Context) -> None:
    """The robot. It gets no token any more; one that it has lives out its minutes, as a user's does. RobotUnknown."""
    _lock(robot)
    _record(actor, "delete", robot, context)
    robot.delete()


def _lock(robot: Robot) -> Robot:
    """The row as it is now, for this transaction alone; RobotUnknown when it was deleted meanwhile."""
    locked = Robot.objects.select_for_update().prefetch_related("grants__project").filter(pk=robot.pk).first()
    if locked is None:
        raise RobotUnknown(f"there is no robot {login_name(robot.name)} any more")
    return locked


def permissions_of(robot: Robot) -> dict[str, list[str]]:
    """What the robot holds: project name, EVERYWHERE or SYSTEM → "resource:action"."""
    return grants.words(grants.held_by(robot))


def _secret(own: str) -> tuple[str, str]:
    """A robot's secret and what is kept of it."""
    if own:
        return own, chosen.kept(own)
    made = secret.new()
    return made, secret.digest_of(made)


def _id_of(actor: Actor) -> int:
    if actor.kind == "robot":
        rows = Robot.objects.filter(name=actor.name.removeprefix(prefix()))
        return rows.values_list("pk", flat=True).first() or 0
    return actor.user_id or 0


def _parse_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise InvalidRobot(
            "a robot's name holds lower-case letters and digits, with single '.', '_' or '-' between them"
        )
    return text


def _parse_description(text: str) -> str:
    if len(text) > _LONGEST_DESCRIPTION:
        raise InvalidRobot(f"a robot's description has up to {_LONGEST_DESCRIPTION} characters")
    return text


def usual_days() -> int:
    """How long a robot lives whose maker doesn't say; NEVER is for ever."""
    return values.number("robot_token_duration")


def _duration(days: int) -> int:
    days = usual_days() if days == USUAL else days
    if days != NEVER and not 0 < days <= _MOST_DAYS:
        raise InvalidRobot(f"a robot lives for 1 to {_MOST_DAYS} days, for ever ({NEVER}), or as is usual ({USUAL})")
    return days


def _expiry(since: datetime, duration: int) -> datetime | None:
    return None if duration == NEVER else since + duration * _DAY


def _days(now: datetime, until: datetime) -> int:
    """The duration of a robot that lives until a certain moment."""
    if not timedelta() < until - now <= _MOST_DAYS * _DAY:
        raise InvalidRobot(f"a robot expires in the future, within {_MOST_DAYS} days")
    return math.ceil((until - now) / _DAY)


def _check_permissions(permissions: Permissions, project: Project | None, actor: Actor) -> None:
    """Nobody gives what it doesn't hold there itself, and a project's robot holds nothing elsewhere."""
    if not any(permissions.values()):
        raise InvalidRobot("a robot needs a permission")
    if project is not None and set(permissions) != {project}:
        raise GrantTooWide(f"a robot of the project {project.name} holds permissions there alone")
    grants.check(permissions)
    grants.require_held(permissions, actor)


def _check_lifetime(robot: Robot, actor: Actor) -> None:
    """Who comes by something that ends makes nothing that outlives it."""
    until = actor.reach.until if actor.reach else None
    if until is not None and (robot.expires_at is None or robot.expires_at > until):
        raise GrantTooWide(f"{actor.name} comes by what ends at {until:%Y-%m-%dT%H:%M:%SZ}: a robot of it ends by then")


def _store(robot: Robot, permissions: Permissions) -> None:
    robot.system_permissions = grants.of_system(permissions)
    robot.save(update_fields=["system_permissions"])
    RobotGrant.objects.bulk_create(
        RobotGrant(robot=robot, project=project, permissions=held) for project, held in grants.of_projects(permissions)
    )


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
