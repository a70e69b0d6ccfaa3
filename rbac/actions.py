"""What is done to users and groups. Each action writes its row and its audit record in one transaction."""

from django.db import IntegrityError, transaction
from django.db.models import F

import audit
from audit import Context
from rbac.actors import Actor
from rbac.errors import GroupUnknown, NameTaken, Protected, UserUnknown
from rbac.models import Group, GroupUser, Identity, User
from rbac.names import is_plausible, parse_groupname, parse_username
from rbac.passwords import check_rules

FIRST_ADMINISTRATOR = 1  # the id; as in Harbor


def find_user(username: str) -> User:
    """The user called `username`; UserUnknown."""
    user = User.objects.filter(username=username).first() if is_plausible(username) else None
    if user is None:
        raise UserUnknown(f"there is no user {username}")
    return user


def find_group(name: str) -> Group:
    """The group called `name`; GroupUnknown."""
    group = Group.objects.filter(name=name).first() if is_plausible(name) else None
    if group is None:
        raise GroupUnknown(f"there is no group {name}")
    return group


@transaction.atomic
def create_user(
    username: str,
    password: str,
    *,
    actor: Actor,
    context: Context,
    email: str = "",
    realname: str = "",
    is_admin: bool = False,
    user_id: int | None = None,
) -> User:
    """A new user. Raises InvalidName, InvalidPassword, NameTaken. Only bootstrap chooses a `user_id`."""
    check_rules(password)
    user = User(id=user_id, username=parse_username(username), email=email, realname=realname, is_admin=is_admin)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise NameTaken(f"there is a user {username} already") from error
    _record(actor, "create", user, context, is_admin=is_admin)
    return user


@transaction.atomic
def set_password(user: User, password: str, *, actor: Actor, context: Context) -> None:
    """Another password. The old one, its sessions and refresh tokens are dead at once.

    Raises InvalidPassword, and Protected for a user whom the directory or the provider verifies or an actor who is
    bounded.
    """
    _refuse_bounded(actor)
    if user.ldap_dn:
        raise Protected(f"the password of {user.username} is the directory's")
    if Identity.objects.filter(user=user).exists():
        raise Protected(f"{user.username} signs in by the OpenID provider, and has no password here")
    check_rules(password)
    user.set_password(password)
    user.save(update_fields=["password", "updated_at"])
    _record(actor, "update", user, context, changed=["password"])


@transaction.atomic
def lock_user(user: User, *, actor: Actor, context: Context) -> None:
    """The user can't sign in and holds no right until unlocked; sessions and refresh tokens die for good."""
    _refuse_first_administrator(user, "locked")
    User.objects.filter(pk=user.pk).update(is_active=False, session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["is_active", "session_epoch"])
    _record(actor, "update", user, context, locked=True)


@transaction.atomic
def unlock_user(user: User, *, actor: Actor, context: Context) -> None:
    """The user may sign in again."""
    user.is_active = True
    user.save(update_fields=["is_active", "updated_at"])
    _record(actor, "update", user, context, locked=False)


@transaction.atomic
def set_admin(user: User, is_admin: bool, *, actor: Actor, context: Context) -> None:
    """Make the user a system administrator, or no longer one. Raises Protected, for an actor who is bounded too."""
    _refuse_bounded(actor)
    if not is_admin:
        _refuse_first_administrator(user, "demoted")
    user.is_admin = is_admin
    user.admin_by_group = False
    user.save(update_fields=["is_admin", "admin_by_group", "updated_at"])
    _record(actor, "update", user, context, is_admin=is_admin)


@transaction.atomic
def delete_user(user: User, *, actor: Actor, context: Context) -> None:
    """The user, with memberships, group places and refresh tokens. What was owned has no owner afterwards.

    Nobody deletes themselves: Protected.
    """
    if user.pk == actor.user_id:
        raise Protected("nobody can delete their own account")
    if user.is_admin:
        _refuse_bounded(actor)
    _refuse_first_administrator(user, "deleted")
    user.delete()
    _record(actor, "delete", user, context)


@transaction.atomic
def create_group(name: str, *, actor: Actor, context: Context, kind: Group.Kind = Group.Kind.LOCAL) -> Group:
    """A new, empty group, of our own or one that the OpenID provider calls so. Raises InvalidName, NameTaken."""
    group = Group(name=parse_groupname(name), kind=kind)
    try:
        with transaction.atomic():
            group.save()
    except IntegrityError as error:
        raise NameTaken(f"there is a group {name} already") from error
    _record(actor, "create", group, context)
    return group


@transaction.atomic
def delete_group(group: Group, *, actor: Actor, context: Context) -> None:
    """The group, with its memberships of projects."""
    group.delete()
    _record(actor, "delete", group, context)


@transaction.atomic
def add_to_group(group: Group, user: User, *, actor: Actor, context: Context) -> bool:
    """Put the user into the group. False if that is so already. Raises Protected for the directory's."""
    _refuse_directory_group(group)
    _, added = GroupUser.objects.get_or_create(group=group, user=user)
    if added:
        _record(actor, "update", group, context, added=user.username)
    return added


@transaction.atomic
def remove_from_group(group: Group, user: User, *, actor: Actor, context: Context) -> bool:
    """Take the user out of the group. False if it wasn't in it. Raises Protected for the directory's."""
    _refuse_directory_group(group)
    removed, _ = GroupUser.objects.filter(group=group, user=user).delete()
    if removed:
        _record(actor, "update", group, context, removed=user.username)
    return bool(removed)


def _refuse_bounded(actor: Actor) -> None:
    """Whose rights are bounded would get around that as somebody whose password it set, or whom it made more."""
    if actor.reach is not None:
        raise Protected("a robot or a personal access token changes neither passwords nor administrators")


def _refuse_first_administrator(user: User, deed: str) -> None:
    if user.pk == FIRST_ADMINISTRATOR:
        raise Protected(f"the first administrator can't be {deed}")


def _refuse_directory_group(group: Group) -> None:
    if group.kind != Group.Kind.LOCAL:
        raise Protected(f"who is in {group.name} is what the directory or the provider says")


def _record(actor: Actor, operation: str, subject: User | Group, context: Context, **detail: object) -> None:
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="user" if isinstance(subject, User) else "group",
        resource=str(subject),
        context=context,
        detail=detail,
    )
