"""ID tokens, verified: signature, issuer, audience, times, nonce, at_hash (OpenID Connect Core 1.0 section 3.1.3.7)."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, RSAKey, import_key
from joserfc.jws import JWSRegistry

from rbac.errors import SignInRefused

# Those that need a private key to sign. Never one by a shared secret, which a public key could be taken for.
_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"})
_LEEWAY = 60  # seconds that the provider's clock may differ by
_LONGEST = 64 * 1024  # characters of a token
_LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0 section 2
_MOST_KEYS = 64
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}  # parts of a key that no public one has


@dataclass(frozen=True, slots=True)
class Keys:
    """The provider's public keys, and the algorithms it may sign by."""

    keys: KeySet
    algorithms: frozenset[str]

    @classmethod
    def of(cls, jwks: Mapping[str, Any], offered: object) -> "Keys":
        """From a key set (RFC 7517) and what the provider says it signs by. ValueError if no key can be used."""
        listed = jwks.get("keys")
        usable = [key for each in listed[:_MOST_KEYS] if (key := _usable(each))] if isinstance(listed, list) else []
        named = {each for each in offered if isinstance(each, str)} if isinstance(offered, list) else {"RS256"}
        if not usable or not named & _ALGORITHMS:
            raise ValueError("the provider has no public key that signs by an algorithm taken here")
        return cls(KeySet(usable), frozenset(named & _ALGORITHMS))

    def knows(self, token: str) -> bool:
        """Whether the key that the token names is there; one that can't be read needs no other keys."""
        kid = _header(token).get("kid")
        return not isinstance(kid, str) or any(key.kid == kid for key in self.keys)


def claims_of(
    token: str, keys: Keys, *, issuer: str, client_id: str, nonce: str | None = None, access_token: str | None = None
) -> dict[str, Any]:
    """What the token says, if it is the issuer's word, to us, now; SignInRefused.

    With a `nonce` it answers that very sign-in. Its header chooses among the keys and nothing else.
    """
    if len(token) > _LONGEST:
        raise SignInRefused("the ID token is too long")
    options = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}
    try:
        _check_kind(_header(token))
        # Not strict: providers put words of their own into the header. Whatever is critical there is still refused.
        registry = JWSRegistry(algorithms=list(keys.algorithms), strict_check_header=False)
        decoded = jwt.decode(token, keys.keys, registry=registry)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options,
            {"nonce": nonce, "client_id": client_id, "access_token": access_token},
        )
        claims.validate(leeway=_LEEWAY)
    except JoseError as error:
        raise SignInRefused(f"the ID token is not good: {error}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise SignInRefused(f"the ID token can't be read: {type(error).__name__}") from error
    if "events" in claims:  # a logout token of a provider that doesn't say so in the header
        raise SignInRefused("a token of another kind is no ID token")
    if not 0 < len(claims["sub"]) <= _LONGEST_SUBJECT or not claims["sub"].isprintable():
        raise SignInRefused("the ID token's subject is none")
    return dict(claims)


def is_for(token: str, client_id: str, *, issuer: str) -> bool:
    """Whether it says that it is for `client_id` and by `issuer`, unverified: to tell what can't be ours at no cost."""
    said = _part(token, 1)
    audience, by = said.get("aud"), said.get("iss")
    meant = client_id in audience if isinstance(audience, list) else client_id == audience
    return meant and isinstance(by, str) and by.rstrip("/") == issuer


def _check_kind(header: Mapping[str, Any]) -> None:
    """A token of another kind (for a logout, say) that the same keys have signed is no ID token (RFC 8725, 3.11)."""
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise SignInRefused("a token of another kind is no ID token")


def _header(token: str) -> dict[str, Any]:
    return _part(token, 0)


def _part(token: str, place: int) -> dict[str, Any]:
    """A part of the token, unverified; {} for what can't be read."""
    parts = token[:_LONGEST].split(".")
    try:
        encoded = parts[place].encode("ascii")
        found = json.loads(base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _usable(jwk: object) -> Key | None:
    """A public key that verifies signatures, None for any other: what isn't understood is left out (RFC 7517, 5)."""
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or jwk.get("kty") not in {"RSA", "EC"}:
        return None
    try:
        key = import_key({name: value for name, value in jwk.items() if name not in _PRIVATE})
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, RSAKey | ECKey) else None
