"""What a directory or a provider decides about a user, taken over at each login."""

from collections.abc import Collection, Mapping

import audit
from audit import Context
from rbac.actors import Actor
from rbac.models import Group, GroupUser, User


def follow(
    user: User, profile: Mapping[str, object], *, in_admin_group: bool | None, actor: Actor, context: Context
) -> None:
    """Take over what differs, in the caller's transaction. An administrator by group is one as long as in the group
    (None: nothing is known of that)."""
    wanted = dict(profile)
    if in_admin_group is not None and in_admin_group != user.is_admin and (in_admin_group or user.admin_by_group):
        wanted |= {"is_admin": in_admin_group, "admin_by_group": in_admin_group}
    changed = {name: value for name, value in wanted.items() if getattr(user, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(user, name, value)
    user.save(update_fields=[*changed, "updated_at"])
    audit.record(
        actor=actor.name,
        operation="update",
        resource_type="user",
        resource=user.username,
        context=context,
        detail=changed,
    )


def follow_groups(user: User, wanted: set[int], *, known: Collection[int]) -> None:
    """Of the groups with the ids `known` put the user into those that are `wanted`, and into no other."""
    places = GroupUser.objects.filter(user=user, group_id__in=known)
    held = set(places.values_list("group_id", flat=True))
    if held - wanted:
        places.filter(group_id__in=held - wanted).delete()
    there = Group.objects.filter(pk__in=wanted - held) if wanted - held else ()  # one may be gone since
    GroupUser.objects.bulk_create([GroupUser(user=user, group=group) for group in there], ignore_conflicts=True)
