"""Secrets that the installation makes itself: 256 random bits, so that one SHA-256 keeps and verifies them."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

from rbac import backoff
from rbac.credentials import InvalidCredentials

_BYTES = 32


def new(prefix: str = "") -> str:
    """A secret to be shown once. A recognisable `prefix` lets scanners find one that was published."""
    return prefix + secrets.token_urlsafe(_BYTES)


def digest_of(secret: str) -> str:
    """What is kept of a secret (SHA-256, hexadecimal)."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def matches(secret: str, digests: Iterable[str]) -> bool:
    """Whether `secret` is one of those kept as `digests`."""
    presented = digest_of(secret)
    return any(hmac.compare_digest(presented, digest) for digest in digests)


def refuse(name: str, *, address: str) -> InvalidCredentials:
    """Count a wrong secret and return what to raise for it; raises BackOff when too many came from `address`.

    A right secret is never held back: nobody guesses one. Nor do wrong ones count as strain: they cost no hashing.
    """
    backoff.check(address, name)
    backoff.fail(address, name)
    return InvalidCredentials()
