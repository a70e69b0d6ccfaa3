"""People and groups of the directory as our own rows: on-boarding at login, groups, the admin group, import."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

import audit
from audit import Context
from configuration import values
from rbac import accounts, following, ldap, servers
from rbac.accounts import Account
from rbac.actors import SYSTEM, Actor
from rbac.errors import GroupUnknown, InvalidName, NameTaken, UserUnknown
from rbac.ldap import Person, normal_dn
from rbac.models import Group, User
from rbac.names import LONGEST, is_plausible, parse_groupname, parse_username

_MAP_SECONDS = 10.0
_LOCAL_NAMES = frozenset({"admin"})  # the first administrator is local, whatever the directory holds


@dataclass
class _GroupMap:
    """The groups of the directory that somebody made known here: their ids, by DN."""

    ids: dict[str, int] = field(default_factory=dict)
    until: float = float("-inf")


_map = _GroupMap()


def is_on() -> bool:
    """Whether people sign in by the directory."""
    return values.text("auth_mode") == "ldap_auth"


def sign_in(username: str, password: str, *, context: Context) -> Account | None:
    """The account of whom the directory knows by this name and password, made now if it is the first login.

    None for anybody else. Raises DirectoryUnavailable.
    """
    person = ldap.login(servers.configured(), username, password)
    if person is None:
        return None
    user = _welcome(person, actor=SYSTEM, context=context)
    return accounts.read(user.username) if user else None


def import_user(name: str, *, actor: Actor, context: Context) -> User:
    """The user of this name in the directory, before a first login. Raises UserUnknown, NameTaken, InvalidName."""
    person = ldap.find(servers.required(), name)
    if person is None:
        raise UserUnknown(f"the directory has not just one entry called {name}")
    parse_username(person.name)
    user = _welcome(person, actor=actor, context=context)
    if user is None:
        raise NameTaken(f"there is a local user {person.name}")
    return user


def import_users(names: Collection[str], *, actor: Actor, context: Context) -> dict[str, str]:
    """The users of these names in the directory, each by itself; who isn't one, with why.

    Harbor's words, which its clients may look for, are `empty_uid` and `unknown_user`.
    """
    wanted = list(dict.fromkeys(names))
    found = ldap.find_all(servers.required(), [name for name in wanted if is_plausible(name)])
    return {name: why for name in wanted if (why := _import(name, found.get(name), actor, context))}


def _import(name: str, person: Person | None, actor: Actor, context: Context) -> str:
    """ "" for a user who is one now, else why not."""
    if not name:
        return "empty_uid"
    if person is None:
        return "unknown_user"
    try:
        parse_username(person.name)
    except InvalidName as error:
        return str(error)
    return "" if _welcome(person, actor=actor, context=context) else f"there is a local user {person.name}"


def import_group(dn: str, *, actor: Actor, context: Context, name: str = "", otherwise: str = "") -> Group:
    """A group of the directory, to be made a member of projects. Its people are in it from their next login on.

    It is called `name`, or what it is called there; `otherwise` when another group has that name. Raises GroupUnknown,
    NameTaken, InvalidName, InvalidDN.
    """
    found = ldap.search_groups(servers.required(), dn=dn)
    if len(found) != 1:
        raise GroupUnknown(f"the directory has no group {dn}")
    name = parse_groupname(name or found[0].name)
    if otherwise and Group.objects.filter(name=name).exists():
        name = parse_groupname(otherwise[:LONGEST].strip())
    group = Group(name=name, kind=Group.Kind.LDAP, ldap_dn=normal_dn(found[0].dn))
    try:
        with transaction.atomic():
            group.save()
            _record("create", "group", group.name, actor, context, ldap_dn=group.ldap_dn)
    except IntegrityError as error:
        raise NameTaken(f"there is a group {group.name}, or one with this DN, already") from error
    forget()
    return group


def forget() -> None:
    """Read the groups anew at the next login."""
    _map.until = float("-inf")


@transaction.atomic
def _welcome(person: Person, *, actor: Actor, context: Context) -> User | None:
    """The user that `person` is here, as the directory has it now. None for who can't be: a local user's name, or none
    that a user may have."""
    user = User.objects.select_for_update().filter(username=person.name).first() or _onboard(person, actor, context)
    if user is None or not user.ldap_dn:
        return None
    _follow(user, person, actor, context)
    _follow_groups(user, person)
    return user


def _onboard(person: Person, actor: Actor, context: Context) -> User | None:
    try:
        name = parse_username(person.name)
    except InvalidName:
        return None
    if name.casefold() in _LOCAL_NAMES:
        return None
    user = User(username=name, ldap_dn=person.dn, email=person.email[:255], realname=person.realname[:255])
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:  # the same person's other login was first
        return User.objects.select_for_update().get(username=name)
    _record("create", "user", name, actor, context, ldap_dn=person.dn)
    return user


def _follow(user: User, person: Person, actor: Actor, context: Context) -> None:
    profile: dict[str, object] = {"ldap_dn": person.dn}
    profile |= {"email": person.email[:255]} if person.email else {}
    profile |= {"realname": person.realname[:255]} if person.realname else {}
    admin_dn = values.text("ldap_group_admin_dn")
    groups = person.groups
    in_admin_group = None if groups is None else bool(admin_dn) and normal_dn(admin_dn) in groups
    following.follow(user, profile, in_admin_group=in_admin_group, actor=actor, context=context)


def _follow_groups(user: User, person: Person) -> None:
    if person.groups is None:
        return
    known = _known_groups()
    following.follow_groups(user, {known[dn] for dn in person.groups if dn in known}, known=known.values())


def _known_groups() -> dict[str, int]:
    if time.monotonic() >= _map.until:
        _map.ids = dict(Group.objects.filter(kind=Group.Kind.LDAP).values_list("ldap_dn", "pk"))
        _map.until = time.monotonic() + _MAP_SECONDS
    return _map.ids


def _record(kind: str, resource_type: str, resource: str, actor: Actor, context: Context, **detail: object) -> None:
    audit.record(
        actor=actor.name,
        operation=kind,
        resource_type=resource_type,
        resource=resource,
        context=context,
        detail=detail,
    )
