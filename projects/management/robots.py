"""What the commands for robots share: permissions in projects, by name."""

from projects import actions
from projects.models import Project, Robot
from projects.robots import Permissions, login_name
from rbac.reach import EVERYWHERE


def permissions_in(names: list[str], permissions: list[str]) -> Permissions:
    """The same permissions in each of the projects, EVERYWHERE for all of them; ProjectUnknown."""
    places: list[Project | None] = [None if name == EVERYWHERE else actions.find(name) for name in names]
    return dict.fromkeys(places, permissions)


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
