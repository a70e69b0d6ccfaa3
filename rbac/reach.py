"""How far somebody's rights reach who is bounded by more than roles: a robot, or a user by a personal access token."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

EVERYWHERE = "*"  # the place that stands for every project
SYSTEM: Final = "/"  # the installation itself; being everywhere isn't being here
ANYTHING = "*"  # the permission that stands for every one


@dataclass(frozen=True, slots=True)
class Reach:
    """Permissions by place (a project's name, or EVERYWHERE).

    `held`: what it covers is held (a robot, an administrator's token); otherwise the roles decide within it.
    `token` is the id of the personal access token it comes from. `until` is when it ends, as far as that was read.
    """

    pairs: frozenset[tuple[str, str]] = frozenset()
    held: bool = False
    token: int | None = None
    until: datetime | None = None

    def covers(self, permission: str, place: str) -> bool:
        places = (place,) if place == SYSTEM else (place, EVERYWHERE)
        return any((where, what) in self.pairs for where in places for what in (permission, ANYTHING))

    def where(self, permission: str) -> frozenset[str]:
        """The places in which it covers `permission`; EVERYWHERE stands for every project."""
        return frozenset(place for place, what in self.pairs if what in {permission, ANYTHING})

    @property
    def places(self) -> frozenset[str]:
        """Where it reaches anything at all."""
        return frozenset(place for place, _ in self.pairs)
