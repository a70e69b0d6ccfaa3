"""What users say about themselves: address, name and comment."""

from django.db import transaction

import audit
from audit import Context
from rbac.actors import Actor
from rbac.errors import Protected
from rbac.models import User


@transaction.atomic
def update(user: User, *, email: str, realname: str, comment: str, actor: Actor, context: Context) -> None:
    """Replace the user's profile. Raises Protected: an actor who is bounded changes no administrator's."""
    if actor.reach is not None and user.is_admin:
        raise Protected("a robot or a personal access token changes no administrator")
    user.email, user.realname, user.comment = email, realname, comment
    user.save(update_fields=["email", "realname", "comment", "updated_at"])
    audit.record(
        actor=actor.name,
        operation="update",
        resource_type="user",
        resource=user.username,
        context=context,
        detail={"changed": ["profile"]},
    )
