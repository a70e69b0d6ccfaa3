"""Sessions of pages and API: the browser's cookie holds a secret, the row its hash; nothing of them is in Redis."""

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import transaction

import audit
from audit import Context, trail
from configuration import values
from db.prepared import fetch
from db.sealing import SealBroken, seal, unseal
from rbac import secret
from rbac.accounts import Account
from rbac.actions import FIRST_ADMINISTRATOR
from rbac.actors import Actor
from rbac.credentials import InvalidCredentials
from rbac.models import Session, User

COOKIE = "sid"  # Harbor's name for it

_SEALED_FOR = "id token"
_LONGEST_DAY = timedelta(days=1)  # then one signs in again, and groups elsewhere are read anew
_MOST = 100  # of one user; the oldest go
_LONGEST_COOKIE = 128  # characters
_STATEMENT = """
SELECT s.id, s.session_hash, s.created_at, s.used_at,
       u.id, u.username, u.password, u.is_active, u.is_admin, u.session_epoch
FROM rbac_session s JOIN rbac_user u ON u.id = s.user_id WHERE s.digest = %s
"""


@dataclass(frozen=True, slots=True)
class Carried:
    """A session that is good now, by the secret that was presented."""

    id: int
    secret: str = field(repr=False)
    account: Account

    @property
    def actor(self) -> Actor:
        return self.account.actor


def read(presented: str, *, is_use: bool = True) -> Carried | None:
    """The session of this secret, in one round trip; None if there is none, or none any more.

    It ends at once when its user is locked, deleted or has another password. Its use is noted now and then; what a page
    asks by itself is none, so that a page left open keeps no session alive.
    """
    rows = fetch(_STATEMENT, (secret.digest_of(presented),)) if 0 < len(presented) <= _LONGEST_COOKIE else []
    if not rows:
        return None
    identity, session_hash, created_at, used_at, *facts = rows[0]
    account, now, idle = Account(*facts), datetime.now(UTC), _idle_limit()
    if not account.is_active or not hmac.compare_digest(session_hash, account.session_hash):
        return None
    if now - used_at >= idle or now - created_at >= max(idle, _LONGEST_DAY):
        return None
    if is_use and now - used_at >= _exactness(idle):
        # Of requests that come at once, one writes.
        Session.objects.filter(pk=identity, used_at=used_at).update(used_at=now)
    return Carried(identity, presented, account)


@transaction.atomic
def begin(account: Account, *, context: Context, instead_of: str = "", id_token: str = "") -> str:
    """Sign in whose credential was verified: the secret of a new session, which ends the one the browser had.
    `id_token` is the OpenID provider's, kept for signing out there.

    Never a secret that somebody brought along, who might know it from elsewhere. Raises InvalidCredentials when
    the user is gone by now.
    """
    made = secret.new()
    if not User.objects.select_for_update(no_key=True).filter(pk=account.id):
        raise InvalidCredentials
    if instead_of:
        Session.objects.filter(digest=secret.digest_of(instead_of)).delete()
    of_user = Session.objects.filter(user=account.id)
    of_user.filter(pk__in=of_user.order_by("-pk").values("pk")[_MOST - 1 :]).delete()
    # By the hash that was verified: a lock or another password since then ends this one as well.
    Session.objects.create(
        digest=secret.digest_of(made),
        user_id=account.id,
        session_hash=account.session_hash,
        id_token=seal(id_token.encode(), purpose=_SEALED_FOR) if id_token else "",
    )
    _record("login", account.username, account.username, context)
    return made


@transaction.atomic
def end(carried: Carried, *, context: Context) -> str:
    """Sign out here; the OpenID provider's ID token where one may sign out there as well, else ""."""
    row = Session.objects.filter(pk=carried.id).first()
    if row is None:  # by another request just now
        return ""
    row.delete()
    _record("logout", carried.account.username, carried.account.username, context)
    try:
        return unseal(row.id_token, purpose=_SEALED_FOR).decode() if row.id_token else ""
    except SealBroken:
        return ""


@transaction.atomic
def end_all(user: User, *, actor: Actor, context: Context) -> int:
    """Sign the user out everywhere; how many sessions that were. Tokens and docker's logins stay."""
    ended, _ = Session.objects.filter(user=user).delete()
    _record("logout", actor.name, user.username, context, sessions=ended)
    return ended


def is_untouched() -> bool:
    """Whether nobody but the first administrator is there, and nobody has ever signed in."""
    if User.objects.exclude(pk=FIRST_ADMINISTRATOR).exists():
        return False
    return not trail.newest(trail.Filters(operation="login", resource_type="user", result="success"), limit=1)


def keep(carried: Carried, user: User) -> None:
    """Let this session outlive the change of password that its own user made in it; the others are dead."""
    Session.objects.filter(pk=carried.id, user=user).update(session_hash=user.get_session_auth_hash())


def forget_idle() -> int:
    """Delete the sessions that nobody can use any more; how many."""
    now, idle = datetime.now(UTC), _idle_limit()
    idle_ones, _ = Session.objects.filter(used_at__lte=now - idle).delete()
    old_ones, _ = Session.objects.filter(created_at__lte=now - max(idle, _LONGEST_DAY)).delete()
    return idle_ones + old_ones


def _idle_limit() -> timedelta:
    return timedelta(minutes=values.number("session_timeout"))


def _exactness(idle: timedelta) -> timedelta:
    """How exact `used_at` is. A session may end this much before the limit, and never after it."""
    return min(timedelta(minutes=5), idle / 10)


def _record(operation: str, actor: str, resource: str, context: Context, **detail: object) -> None:
    audit.record(
        actor=actor,
        operation=operation,
        resource_type="user",
        resource=resource,
        context=context,
        detail=detail,
    )
