"""Refresh tokens: a client's right to new tokens without keeping the password."""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

from django.conf import settings

from audit.entry import clean_text
from db.prepared import fetch
from rbac.accounts import Account
from tokens.models import RefreshToken

_SECRET_BYTES = 32
_CLIENT = 255  # characters kept of what a client calls itself
_LONGEST = 128  # characters of what may be presented
_SLIDE = timedelta(days=1)  # how much later the expiry must become for it to be worth a write
_STATEMENT = """
SELECT t.id, t.session_hash, t.expires_at, u.id, u.username, u.password, u.is_active, u.is_admin, u.session_epoch
FROM tokens_refreshtoken t JOIN rbac_user u ON u.id = t.user_id WHERE t.digest = %s
"""


class InvalidRefreshToken(Exception):
    """Unknown, expired, or its user changed the password, was locked or deleted since."""

    def __init__(self) -> None:
        super().__init__("the refresh token is not valid: log in again")


def create(account: Account, *, client: str) -> str:
    """A new refresh token's secret for somebody whose password was verified; expired ones are removed."""
    now = datetime.now(UTC)
    RefreshToken.objects.filter(expires_at__lte=now).delete()
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    RefreshToken.objects.create(
        digest=_digest(secret),
        user_id=account.id,
        session_hash=account.session_hash,
        client=clean_text(client, _CLIENT),
        expires_at=now + settings.REFRESH_TOKEN_LIFETIME,
    )
    return secret


def redeem(secret: str) -> Account:
    """The account that `secret` stands for; InvalidRefreshToken. A use puts the expiry off."""
    rows = fetch(_STATEMENT, (_digest(secret),)) if len(secret) <= _LONGEST else []
    if not rows:
        raise InvalidRefreshToken
    identity, session_hash, expires_at, *facts = rows[0]
    account, now = Account(*facts), datetime.now(UTC)
    alive = account.is_active and hmac.compare_digest(session_hash, account.session_hash) and now < expires_at
    if not alive:
        RefreshToken.objects.filter(pk=identity).delete()
        raise InvalidRefreshToken
    if now + settings.REFRESH_TOKEN_LIFETIME - expires_at > _SLIDE:
        RefreshToken.objects.filter(pk=identity).update(used_at=now, expires_at=now + settings.REFRESH_TOKEN_LIFETIME)
    return account


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
