"""What users do to their own accounts."""

from __future__ import annotations

from django.db import transaction

from audit import Context
from rbac import actions, credentials, sessions
from rbac.actors import Actor
from rbac.errors import InvalidPassword, Protected
from rbac.models import Identity, User
from rbac.sessions import Carried


def has_password(user: User) -> bool:
    """Whether it is kept here: the directory's and the provider's people have theirs elsewhere."""
    return not user.ldap_dn and not Identity.objects.filter(user=user).exists()


def change_password(user: User, old: str, new: str, *, session: Carried | None, actor: Actor, context: Context) -> None:
    """Another password, for who knows the one there is. The session in which that is done goes on.

    Raises Protected for a wrong old one (which counts as a failed sign-in), BackOff, InvalidPassword, and what
    `actions.set_password` does.
    """
    try:
        credentials.authenticate(user.username, old, address=context.address)
    except credentials.InvalidCredentials:
        raise Protected("the current password is incorrect") from None
    if new == old:
        raise InvalidPassword("the new password can't be the same as the old one")
    with transaction.atomic():
        actions.set_password(user, new, actor=actor, context=context)
        if session:
            sessions.keep(session, user)
