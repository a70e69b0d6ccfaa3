"""Who does something: the explicit `actor` that every action and every question about permission takes."""

from dataclasses import dataclass
from typing import Literal

from rbac.reach import Reach


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody, by kind and name. `user_id` is None for whoever has no row of `rbac.User`.

    With a `reach` it may do nothing beyond that, but for what anybody may; `is_admin` is never set then.
    """

    kind: Literal["user", "robot", "anonymous", "system"]
    name: str
    user_id: int | None = None
    is_admin: bool = False
    reach: Reach | None = None


ANONYMOUS = Actor(kind="anonymous", name="anonymous")
SYSTEM = Actor(kind="system", name="system")  # the installation itself: bootstrap, commands, the clock

RESERVED_NAMES = frozenset({ANONYMOUS.name, SYSTEM.name})  # no user may take them: the audit trail shows names
