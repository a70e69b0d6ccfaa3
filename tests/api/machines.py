"""Robots and personal access tokens as callers of the API."""

from projects import personal, robots
from projects.grants import Permissions
from projects.models import PersonalToken, Project, Robot
from rbac.actors import SYSTEM
from rbac.models import User
from tests.api.caller import Caller
from tests.people import CONTEXT

ANYTHING: Permissions = {None: ["*"]}


def robot_caller(permissions: Permissions, *, project: Project | None = None, name: str = "ci") -> Caller:
    """A robot of the project, or of the system."""
    robot, secret = robots.create(name, permissions, project=project, actor=SYSTEM, context=CONTEXT)
    return Caller(robots.login_name(robot.name), secret)


def token_caller(user: User, permissions: Permissions = ANYTHING, *, name: str = "laptop") -> Caller:
    """The user by a token."""
    return Caller(bearer=token_of(user, permissions, name=name))


def token_of(user: User, permissions: Permissions = ANYTHING, *, name: str = "laptop") -> str:
    return personal.create(user, name, permissions, duration=personal.NEVER, actor=SYSTEM, context=CONTEXT)[1]


def hold(machine: type[Robot] | type[PersonalToken], *system: str) -> None:
    """Give the one that there is permissions of the installation itself."""
    assert machine.objects.update(system_permissions=list(system)) == 1
