"""Personal access tokens: a user's passwords for single purposes. Each action writes its rows and its audit record.

They live here and not in `rbac` because they are bounded by projects, of which `rbac` knows nothing.
"""

import re
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction

import audit
from audit import Context
from projects import grants
from projects.errors import GrantTooWide, InvalidPersonalToken, PersonalTokenExists, PersonalTokenUnknown
from projects.grants import Permissions
from projects.models import PersonalToken, PersonalTokenGrant
from rbac import secret
from rbac.actors import Actor
from rbac.errors import UserUnknown
from rbac.models import User
from rbac.names import is_plausible
from rbac.reach import ANYTHING

PREFIX = "rspat_"  # by which a scanner of published files knows one
NEVER = -1  # days: a token that doesn't expire
CLI = "cli"  # the token that stands for Harbor's CLI secret
USUAL = 90  # days

_FORM = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{43}", re.ASCII)
_LONGEST_NAME = 64
_MOST_DAYS = 36500
_VARIETY = 16  # different characters, at least: 32 random bytes have some 30
_MOST = 200  # tokens of one user


def is_personal(password: str) -> bool:
    """Whether what was presented as a password is a personal access token, good or bad."""
    return _FORM.fullmatch(password) is not None


def find(user: User, name: str) -> PersonalToken:
    """The user's token of that name; PersonalTokenUnknown."""
    token = user.personal_tokens.select_related("user").filter(name=name).first() if is_plausible(name) else None
    if token is None:
        raise PersonalTokenUnknown(f"{user} has no token {name}")
    return token


@transaction.atomic
def create(
    user: User,
    name: str,
    permissions: Permissions,
    *,
    duration: int,
    actor: Actor,
    context: Context,
    brought: str = "",
) -> tuple[PersonalToken, str]:
    """A new token and its secret, which nobody can read again. It lives for `duration` days. A secret that is `brought`
    along is taken if it could be one of ours.

    What it allows is decided at each use: never more than `permissions`, nor than the user may then.
    Raises InvalidPersonalToken, InvalidPermission, PersonalTokenExists, UserUnknown, and GrantTooWide for a maker who
    is bounded.
    """
    if actor.reach is not None:
        raise GrantTooWide("a token or a robot makes no tokens")
    if not is_plausible(name) or name != name.strip() or len(name) > _LONGEST_NAME:
        raise InvalidPersonalToken(f"a token's name has 1 to {_LONGEST_NAME} printable characters")
    _check_permissions(permissions)
    _check_brought(brought)
    # A lock of the user that comes now waits, and ends this token too.
    owner = User.objects.select_for_update().filter(pk=user.pk).first()
    if owner is None:
        raise UserUnknown(f"there is no user {user} any more")
    if owner.personal_tokens.count() >= _MOST:
        raise InvalidPersonalToken(f"a user has up to {_MOST} tokens: revoke those that aren't used")
    made = brought or secret.new(PREFIX)
    token = PersonalToken(
        user=owner,
        name=name,
        digest=secret.digest_of(made),
        session_epoch=owner.session_epoch,
        system_permissions=grants.of_system(permissions),
        expires_at=_expiry(duration),
    )
    try:
        with transaction.atomic():
            token.save()
    except IntegrityError as error:
        raise PersonalTokenExists(f"{user} has a token {name} already") from error
    PersonalTokenGrant.objects.bulk_create(
        PersonalTokenGrant(token=token, project=project, permissions=held)
        for project, held in grants.of_projects(permissions)
    )
    _record(actor, "create", token, context, duration=duration, permissions=grants.words(permissions))
    return token, made


@transaction.atomic
def set_cli_secret(user: User, brought: str, *, actor: Actor, context: Context) -> None:
    """Harbor's CLI secret: the one token of this name, with all that its user may, for ever. The one before is revoked.

    Raises InvalidPersonalToken for a secret that somebody thought up, and GrantTooWide.
    """
    _check_brought(brought or "-")
    list(User.objects.select_for_update().filter(pk=user.pk))  # of two that come at once the later one stays
    for before in PersonalToken.objects.select_related("user").filter(user=user, name=CLI):
        revoke(before, actor=actor, context=context)
    create(user, CLI, {None: [ANYTHING]}, duration=NEVER, actor=actor, context=context, brought=brought)


@transaction.atomic
def revoke(token: PersonalToken, *, actor: Actor, context: Context) -> None:
    """The token is worth nothing any more. Access tokens had by it live out their minutes. PersonalTokenUnknown."""
    _record(actor, "delete", token, context)
    deleted, _ = PersonalToken.objects.filter(pk=token.pk).delete()
    if not deleted:
        raise PersonalTokenUnknown(f"{token.user} has no token {token.name} any more")


def permissions_of(token: PersonalToken) -> dict[str, list[str]]:
    """How far the token reaches: project name, EVERYWHERE or SYSTEM → "resource:action", or ANYTHING."""
    return grants.words(grants.held_by(token))


def _check_permissions(permissions: Permissions) -> None:
    if not any(permissions.values()):
        raise InvalidPersonalToken("a token needs a permission")
    grants.check(permissions, beside={ANYTHING})


def _check_brought(brought: str) -> None:
    """One SHA-256 keeps a secret only if nobody can guess it. What looks random may not be, but isn't "Harbor12345"."""
    if brought and (not is_personal(brought) or len(set(brought)) < _VARIETY):
        raise InvalidPersonalToken(f"a secret of one's own is {PREFIX} and 43 random characters of A-Z a-z 0-9 _ -")


def _expiry(duration: int) -> datetime | None:
    if duration == NEVER:
        return None
    if not 0 < duration <= _MOST_DAYS:
        raise InvalidPersonalToken(f"a token lives for 1 to {_MOST_DAYS} days, or for ever ({NEVER})")
    return datetime.now(UTC) + timedelta(days=duration)


def _record(actor: Actor, operation: str, token: PersonalToken, context: Context, **detail: object) -> None:
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="token",
        resource=f"{token.user}/{token.name}",
        context=context,
        detail=detail,
    )
