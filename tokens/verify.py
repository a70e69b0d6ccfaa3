"""Verifies a bearer token: ours, for us, now; nothing else."""

import time
from collections import OrderedDict
from typing import Any

import jwt
from django.conf import settings

from tokens import keys
from tokens.claims import PERSONAL, Access, Claims

_MAX_TOKEN = 16 * 1024  # characters; nginx passes no longer header
_LEEWAY = 5  # seconds that clocks of several machines may differ by
_CACHED = 4096  # tokens


class InvalidToken(Exception):
    """A token that isn't ours, isn't for us, is expired or not yet valid. Its words are for the log and the client."""


class _Verified:
    """Tokens verified before. A signature costs 150 µs to check, a pull sends the same token for every layer."""

    def __init__(self) -> None:
        self._claims: OrderedDict[str, Claims] = OrderedDict()
        self._generation = -1

    def get(self, bearer: str) -> Claims | None:
        if self._generation != keys.generation():
            self._claims.clear()
            self._generation = keys.generation()
        return self._claims.get(bearer)

    def put(self, bearer: str, claims: Claims) -> None:
        self._claims[bearer] = claims
        if len(self._claims) > _CACHED:
            self._claims.popitem(last=False)


_verified = _Verified()


def verify(bearer: str) -> Claims:
    """The claims of a token of this installation (RFC 7519, ES256 only); InvalidToken if it isn't a good one."""
    claims = _verified.get(bearer)
    if claims is None:
        claims = _verify(bearer)
        _verified.put(bearer, claims)
    if claims.expires_at + _LEEWAY <= time.time():
        raise InvalidToken("the token is expired")
    return claims


def _verify(bearer: str) -> Claims:
    if len(bearer) > _MAX_TOKEN:
        raise InvalidToken("the token is too long")
    try:
        key = keys.verification_key(_kid(bearer))
        if key is None:
            raise InvalidToken("the token was signed by an unknown key")
        payload = jwt.decode(
            bearer,
            key=key,
            algorithms=["ES256"],
            audience=settings.TOKEN_SERVICE,
            issuer=settings.TOKEN_ISSUER,
            leeway=_LEEWAY,
            options={"require": ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"], "strict_aud": True},
        )
    except jwt.InvalidTokenError as error:
        raise InvalidToken(f"invalid token: {error}") from error
    except (ValueError, RecursionError) as error:  # bytes that are no text, JSON nested too deep
        raise InvalidToken("invalid token") from error
    return _claims(payload)


def _kid(bearer: str) -> str:
    """The key's name. The header chooses among our keys and nothing else: `jwk`, `jku` and `x5c` are never read."""
    header = jwt.get_unverified_header(bearer)
    if header.get("alg") != "ES256" or header.get("typ") != "JWT" or "crit" in header:
        raise InvalidToken("the token is of another kind")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise InvalidToken("the token names no key")
    return kid


def _claims(payload: dict[str, Any]) -> Claims:
    subject, jti, expires = payload["sub"], payload["jti"], payload["exp"]
    if not isinstance(subject, str) or not isinstance(jti, str) or not isinstance(expires, int):
        raise InvalidToken("the token's claims are malformed")
    token = payload.get(PERSONAL)
    if token is not None and not isinstance(token, int):
        raise InvalidToken("the token's claims are malformed")
    entries = payload.get("access", [])
    if not isinstance(entries, list):
        raise InvalidToken("the token's access is malformed")
    access: Access = {}
    for entry in entries:
        scope, actions = _entry(entry)
        access[scope] = access.get(scope, frozenset()) | actions
    return Claims(subject, access, expires, jti, token)


def _entry(entry: object) -> tuple[tuple[str, str], frozenset[str]]:
    match entry:
        case {"type": str(kind), "name": str(name), "actions": [*actions]} if all(isinstance(a, str) for a in actions):
            return (kind, name), frozenset(actions)
    raise InvalidToken("the token's access is malformed")
