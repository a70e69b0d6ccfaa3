"""Accounts that people make for themselves, where the configuration lets them."""

from django.db import transaction

from audit import Context
from configuration import values
from rbac import actions, profiles, strain
from rbac.actors import ANONYMOUS, Actor
from rbac.errors import Protected
from rbac.models import User


def is_possible() -> bool:
    """Whether accounts are made here at all: where people sign in by passwords of ours."""
    return values.text("auth_mode") == "db_auth"


def is_open() -> bool:
    return values.flag("self_registration") and is_possible()


def create(
    username: str, password: str, *, email: str, realname: str, comment: str, actor: Actor, context: Context
) -> User:
    """A local user with a profile, made by an administrator. Raises what `actions.create_user` does, and Protected
    where people sign in by something else than passwords of ours."""
    if not is_possible():
        mode = values.text("auth_mode")
        raise Protected(f"under auth_mode {mode} users come from elsewhere: none can be created here")
    with transaction.atomic():
        user = actions.create_user(username, password, email=email, realname=realname, actor=actor, context=context)
        if comment:
            profiles.update(user, email=email, realname=realname, comment=comment, actor=actor, context=context)
    return user


def register(username: str, password: str, *, email: str, realname: str, comment: str, context: Context) -> User:
    """Somebody's own account. Raises what `create` does, and BackOff: a stranger's password costs as much to hash as
    one that is wrong."""
    strain.check(context.address)
    strain.fail(context.address)
    return create(username, password, email=email, realname=realname, comment=comment, actor=ANONYMOUS, context=context)
