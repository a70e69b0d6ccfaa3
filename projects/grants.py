"""What a robot or a personal access token is granted: in projects, in all there are, and of the installation itself."""

from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from projects.errors import GrantTooWide
from projects.models import PersonalToken, PersonalTokenGrant, Project, Robot, RobotGrant
from rbac import grantable
from rbac.actors import Actor
from rbac.policy import ALL_PROJECTS, SYSTEM_SCOPE, Scope, held
from rbac.reach import EVERYWHERE, SYSTEM

Place = Project | Literal["/"] | None  # a project; the installation itself; every project there is and will be
Permissions = Mapping[Place, Collection[str]]  # "resource:action" by place

_WORDS = {EVERYWHERE: "all projects", SYSTEM: "the system itself"}


def name_of(place: Place) -> str:
    """What a `rbac.reach.Reach` calls the place."""
    return EVERYWHERE if place is None else str(place)


def words(permissions: Permissions) -> dict[str, list[str]]:
    """The same by name, for people and records."""
    return {name_of(place): sorted(set(granted)) for place, granted in permissions.items() if granted}


def check(permissions: Permissions, *, beside: Collection[str] = ()) -> None:
    """Raise InvalidPermission for what can't be granted there."""
    grantable.check({name_of(place): granted for place, granted in permissions.items()}, beside=beside)


def require_held(permissions: Permissions, actor: Actor) -> None:
    """Raise GrantTooWide unless `actor` holds all of it itself: nobody gives, or takes over, more than it holds."""
    for place, granted in permissions.items():
        if lacking := sorted(set(granted) - held(actor, granted, _scope(place))):
            where = _WORDS.get(name_of(place), name_of(place))
            raise GrantTooWide(f"{actor.name} doesn't hold {lacking[0]} in {where}")


def _scope(place: Place) -> Scope:
    if isinstance(place, Project):
        return place
    return SYSTEM_SCOPE if place == SYSTEM else ALL_PROJECTS


def of_system(permissions: Permissions) -> list[str]:
    """What goes into `system_permissions`."""
    return sorted(set(permissions.get(SYSTEM, ())))


def of_projects(permissions: Permissions) -> Iterator[tuple[Project | None, list[str]]]:
    """What goes into grants, by project."""
    for place, granted in permissions.items():
        if granted and (place is None or isinstance(place, Project)):
            yield place, sorted(set(granted))


def held_by(holder: Robot | PersonalToken) -> Permissions:
    """What a robot holds, or how far a token reaches: the system first, then the projects by name, then all of them.

    Reads nothing more when `grants` and their projects were prefetched.
    """
    rows: list[RobotGrant | PersonalTokenGrant] = [*holder.grants.all()]
    rows.sort(key=lambda grant: (grant.project is None, str(grant.project)))
    permissions: dict[Place, Collection[str]] = {}
    if holder.system_permissions:
        permissions[SYSTEM] = sorted(holder.system_permissions)
    return permissions | {grant.project: sorted(grant.permissions) for grant in rows}
