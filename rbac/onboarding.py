"""People of the OpenID provider as our own rows: found by issuer and subject, named once, in groups."""

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from django.db import DataError, IntegrityError, OperationalError, connection, transaction

import audit
from audit import Context
from configuration import values
from db.locks import transaction_lock
from db.prepared import fetch
from db.sealing import SealBroken, seal, unseal
from rbac import accounts, following, secret
from rbac.accounts import Account
from rbac.actors import SYSTEM
from rbac.errors import InvalidName, NameTaken
from rbac.models import Group, Identity, Newcomer, User
from rbac.names import parse_groupname, parse_username
from rbac.oidc import Person

CHOOSING = timedelta(minutes=10)  # that a newcomer may take to choose a name

_LOCAL_NAMES = frozenset({"admin"})  # the first administrator is local, whatever the provider says
_SEALED_FOR = "newcomer"
_MOST_GROUPS = 5000  # of one person that are looked at
_MOST_NEW = 200  # that one sign-in makes
_FILTER_MS = 500
_BY_IDENTITY = """
SELECT u.id, u.username, u.password, u.is_active, u.is_admin, u.session_epoch
FROM rbac_identity i JOIN rbac_user u ON u.id = i.user_id WHERE i.issuer = %s AND i.subject = %s
"""

logger = logging.getLogger(__name__)


def is_on() -> bool:
    """Whether people sign in by the provider."""
    return values.text("auth_mode") == "oidc_auth"


def account_of(issuer: str, subject: str) -> Account | None:
    """The account of whom the provider calls so, in one round trip; None before on-boarding."""
    rows = fetch(_BY_IDENTITY, (issuer, subject))
    return Account(*rows[0]) if rows else None


def sign_in(person: Person, *, context: Context) -> Account | None:
    """The account of the person, as the provider has it now; on-boarded by itself where that is so set up.

    None for who has to choose a name first. Raises InvalidName and NameTaken when the name that the claims say can't
    be this person's.
    """
    account = account_of(person.issuer, person.subject)
    if account is not None:
        return _follow(person, context) if account.is_active else account
    return onboard(person, suggested_name(person), context=context) if values.flag("oidc_auto_onboard") else None


def suggested_name(person: Person) -> str:
    """A user name made of what the claims say, as Harbor makes it."""
    return person.name.strip().replace(" ", "_").replace(",", "_")


def onboard(person: Person, name: str, *, context: Context) -> Account:
    """A user of this name for the person; the name is nobody's yet, whatever its case.

    Raises InvalidName, and NameTaken: by whomever, a user that is there is never taken over.
    """
    try:
        _create(person, parse_username(name), context)
    except IntegrityError as error:  # made by another way just now
        raise NameTaken(f"there is a user {name} already") from error
    account = _follow(person, context)
    if account is None:  # deleted just now
        raise NameTaken(f"there was a user {name}")
    return account


def remember(person: Person) -> str:
    """Keep what the provider said until a name is chosen: the secret for the browser's cookie."""
    made = secret.new()
    text = seal(json.dumps(asdict(person)).encode(), purpose=_SEALED_FOR)
    Newcomer.objects.create(digest=secret.digest_of(made), person=text)
    return made


def newcomer(presented: str) -> Person | None:
    """Whom `remember` kept under this secret, as long as one may choose."""
    since = datetime.now(UTC) - CHOOSING
    row = Newcomer.objects.filter(digest=secret.digest_of(presented), created_at__gt=since).first()
    if row is None:
        return None
    try:
        facts = json.loads(unseal(row.person, purpose=_SEALED_FOR))
    except SealBroken:
        return None
    return Person(**{**facts, "groups": tuple(facts["groups"])})


def forget_newcomer(presented: str) -> None:
    Newcomer.objects.filter(digest=secret.digest_of(presented)).delete()


def forget_newcomers() -> int:
    """Delete those who didn't choose in time; how many."""
    return Newcomer.objects.filter(created_at__lte=datetime.now(UTC) - CHOOSING).delete()[0]


@transaction.atomic
def _create(person: Person, name: str, context: Context) -> None:
    transaction_lock("onboarding")
    if account_of(person.issuer, person.subject):  # the same person in another window was first
        return
    if name.casefold() in _LOCAL_NAMES or User.objects.filter(username__iexact=name).exists():
        raise NameTaken(f"there is a user {name} already")
    user = User(username=name, email=person.email, realname=person.realname)
    user.set_unusable_password()
    user.save(force_insert=True)
    Identity.objects.create(issuer=person.issuer, subject=person.subject, user=user)
    _record("user", name, context, issuer=person.issuer, subject=person.subject)


def _follow(person: Person, context: Context) -> Account | None:
    """Take over what changed at the provider."""
    passing = _passing(person.groups[:_MOST_GROUPS], values.text("oidc_group_filter"))
    with transaction.atomic():
        user = (
            User.objects.select_for_update(of=("self",))
            .filter(identity__issuer=person.issuer, identity__subject=person.subject)
            .first()
        )
        if user is None:
            return None
        said = {"email": person.email, "realname": person.realname}
        profile = {name: value for name, value in said.items() if value}
        admin_group = values.text("oidc_admin_group")
        in_admin_group = bool(admin_group) and admin_group in person.groups
        following.follow(user, profile, in_admin_group=in_admin_group, actor=SYSTEM, context=context)
        groups = _groups(passing, context)
        known = Group.objects.filter(kind=Group.Kind.OIDC).values_list("pk", flat=True)
        following.follow_groups(user, groups, known=known)
    return accounts.read(user.username)


def _groups(names: Iterable[str], context: Context) -> set[int]:
    """The ids of the provider's groups of these names, made where they aren't yet, as in Harbor.

    A name that a group of another kind has stays that group's: who is in it isn't for the provider to say.
    """
    wanted = {name for name in names if _is_groupname(name)}
    there = dict(Group.objects.filter(name__in=wanted).values_list("name", "kind"))
    new = sorted(wanted - there.keys())[:_MOST_NEW]
    Group.objects.bulk_create([Group(name=name, kind=Group.Kind.OIDC) for name in new], ignore_conflicts=True)
    for name in new:
        _record("group", name, context)
    if others := sorted(name for name, kind in there.items() if kind != Group.Kind.OIDC):
        logger.warning("a group of another kind has the name of one of the provider's: %s", ascii(others[0]))
    return set(Group.objects.filter(kind=Group.Kind.OIDC, name__in=wanted).values_list("pk", flat=True))


def _is_groupname(name: str) -> bool:
    try:
        return parse_groupname(name) == name
    except InvalidName:
        return False


def _passing(groups: Iterable[str], pattern: str) -> list[str]:
    """Those that the regular expression finds something in. PostgreSQL matches, which can be stopped, as Python can't.

    None passes a pattern that takes too long, or that PostgreSQL doesn't understand.
    """
    if not pattern or not groups:
        return list(groups)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(_FILTER_MS)])
            cursor.execute("SELECT name FROM unnest(%s::text[]) AS name WHERE name ~ %s", [list(groups), pattern])
            return [name for (name,) in cursor.fetchall()]
    except (DataError, OperationalError) as error:
        logger.warning("oidc_group_filter can't be used, so nobody is in any group: %s", type(error.__cause__).__name__)
        return []


def _record(resource_type: str, resource: str, context: Context, **detail: object) -> None:
    audit.record(
        actor=SYSTEM.name,
        operation="create",
        resource_type=resource_type,
        resource=resource,
        context=context,
        detail=detail,
    )
