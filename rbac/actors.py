"""Who does something: the explicit `actor` that every action and every question about permission takes."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody, by kind and name. `user_id` is None for whoever has no row of `rbac.User`."""

    kind: Literal["user", "anonymous", "system"]
    name: str
    user_id: int | None = None
    is_admin: bool = False


ANONYMOUS = Actor(kind="anonymous", name="anonymous")
SYSTEM = Actor(kind="system", name="system")  # the installation itself: bootstrap, commands, the clock

RESERVED_NAMES = frozenset({ANONYMOUS.name, SYSTEM.name})  # no user may take them: the audit trail shows names
