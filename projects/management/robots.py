"""What the commands for robots share: permissions in projects, by name."""

from projects import actions
from projects.grants import Permissions, Place
from projects.models import Robot
from projects.robots import login_name
from rbac.reach import EVERYWHERE, SYSTEM


def permissions_in(names: list[str], permissions: list[str]) -> Permissions:
    """The same permissions in each of the projects, EVERYWHERE for all of them, SYSTEM for the installation itself;
    ProjectUnknown."""
    return {_place(name): permissions for name in names}


def _place(name: str) -> Place:
    if name == SYSTEM:
        return SYSTEM
    return None if name == EVERYWHERE else actions.find(name)


def described(robot: Robot, held: dict[str, list[str]]) -> str:
    """One line: name, state, expiry, last use, and what it holds where."""
    facts = [
        login_name(robot.name),
        "disabled" if robot.disabled else "enabled",
        f"expires {robot.expires_at:%Y-%m-%d}" if robot.expires_at else "never expires",
        f"used {robot.used_at:%Y-%m-%d %H:%M}" if robot.used_at else "never used",
        *(f"{place}: {','.join(permissions)}" for place, permissions in held.items()),
    ]
    return "  ".join(facts)
