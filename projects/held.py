"""Which roles somebody holds in projects, for lists of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db.models import Q

from projects.models import Member
from rbac.actors import Actor
from rbac.matrix import DEVELOPER, GUEST, LIMITED_GUEST, MAINTAINER, PROJECT_ADMIN
from rbac.models import GroupUser

# The member roles by strength.
_LADDER = (PROJECT_ADMIN, MAINTAINER, DEVELOPER, GUEST, LIMITED_GUEST)


def roles(projects: Iterable[int], actor: Actor) -> dict[int, list[int]]:
    """The ids of the roles that `actor` holds in each of `projects` (ids), itself and by its groups. One query."""
    held: dict[int, list[int]] = {}
    if actor.user_id is None:
        return held
    groups = GroupUser.objects.filter(user=actor.user_id).values("group")
    mine = Member.objects.filter(project__in=projects).filter(Q(user=actor.user_id) | Q(group__in=groups))
    for project, role in mine.values_list("project", "role").distinct().order_by("project", "role"):
        held.setdefault(project, []).append(role)
    return held


def strongest(held: Collection[int]) -> int:
    """Harbor's `current_user_role_id`: the strongest of the roles; 0 for none."""
    return next((role for role in _LADDER if role in held), next(iter(held), 0))
