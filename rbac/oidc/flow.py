"""Signing in by authorization code with PKCE (OpenID Connect Core 1.0 section 3.1, RFC 7636), and out again."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlencode

import requests
from authlib.common.security import generate_token
from authlib.common.urls import add_params_to_uri
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from rbac.deadline import words
from rbac.errors import ProviderUnavailable, SignInRefused
from rbac.names import is_plausible
from rbac.oidc import metadata
from rbac.oidc.id_tokens import claims_of, is_for
from rbac.oidc.metadata import Metadata
from rbac.oidc.provider import REST, Provider, ask, json_of, session_with

_LONGEST_HINT = 4096  # characters of an ID token that a URL can hold
_OUR_FAULT = {"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}  # RFC 6749, 5.2
# What the administrator's extra parameters can't be: our own say what we mean.
_OURS = {
    "client_id", "client_secret", "code_challenge", "code_challenge_method", "nonce", "redirect_uri", "request",
    "request_uri", "response_mode", "response_type", "scope", "state",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that has begun: where the browser goes, and what it has to bring back."""

    url: str
    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider vouches for. `name` is what the claims suggest for a user name."""

    issuer: str
    subject: str
    name: str = ""
    email: str = ""
    realname: str = ""
    groups: tuple[str, ...] = ()
    id_token: str = field(default="", repr=False)


def begin(provider: Provider, redirect_uri: str) -> Attempt:
    """A new sign-in, whose answer comes to `redirect_uri`. Raises ProviderUnavailable."""
    endpoint = metadata.known(provider).authorization_endpoint
    state, nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32), generate_token(64)
    ours = {"redirect_uri": redirect_uri, "scope": provider.scope, "nonce": nonce}
    with session_with(provider) as session:
        url, _ = session.create_authorization_url(endpoint, state=state, code_verifier=verifier, **ours)
    extra = json.loads(provider.extra or "{}")
    more = [(name, value) for name, value in extra.items() if name not in _OURS]
    return Attempt(add_params_to_uri(url, more), state, nonce, verifier)


def finish(provider: Provider, code: str, *, said_issuer: str, nonce: str, verifier: str, redirect_uri: str) -> Person:
    """Whom the code stands for. `said_issuer` is the answer's parameter `iss`, "" without one.

    Raises SignInRefused, and ProviderUnavailable in bounded time.
    """
    known = metadata.known(provider)
    if said_issuer != known.issuer and (said_issuer or known.names_itself):
        raise SignInRefused("the answer is another provider's")

    def work(session: OAuth2Session) -> Person:
        tokens = _tokens(session, known, code=code, code_verifier=verifier, redirect_uri=redirect_uri)
        claims = claims_of(
            tokens["id_token"],
            _keys_for(tokens["id_token"], provider, known, session).keys,
            issuer=known.issuer,
            client_id=provider.client_id,
            nonce=nonce,
            access_token=tokens["access_token"],
        )
        return _person(provider, tokens["id_token"], _with_userinfo(provider, session, known, claims))

    return ask(provider, work, authentication=known.client_authentication)


def subject_of(provider: Provider, id_token: str) -> tuple[str, str]:
    """Issuer and subject of an ID token that somebody presents as a bearer. Raises SignInRefused, ProviderUnavailable.

    Costs no request while the provider's keys are known.
    """
    if not is_for(id_token, provider.client_id, issuer=provider.endpoint):
        raise SignInRefused("the ID token is somebody else's")  # and no reason to ask the provider for anything
    known = metadata.known(provider)
    if not known.keys.knows(id_token) and time.monotonic() - known.read_at > REST:
        known = metadata.known(provider, fresh=REST)
    claims = claims_of(id_token, known.keys, issuer=known.issuer, client_id=provider.client_id)
    return known.issuer, claims["sub"]


def sign_out_url(provider: Provider, id_token: str, back_to: str) -> str:
    """Where the browser ends the session at the provider (OpenID Connect RP-Initiated Logout 1.0), "" if nowhere.

    Raises ProviderUnavailable.
    """
    endpoint = metadata.known(provider).end_session_endpoint
    if not endpoint:
        return ""
    hint = {"id_token_hint": id_token} if len(id_token) <= _LONGEST_HINT else {}
    query = urlencode({**hint, "client_id": provider.client_id, "post_logout_redirect_uri": back_to})
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"


def test(provider: Provider) -> None:
    """Read what the provider says of itself; ProviderUnavailable says what is wrong with it."""
    ask(provider, partial(metadata.fetch, provider), retry=True)


def _keys_for(id_token: str, provider: Provider, known: Metadata, session: OAuth2Session) -> Metadata:
    """What holds the key of the token: the provider may have a new one since it was asked."""
    if known.keys.knows(id_token):
        return known
    read = metadata.fetch(provider, session)
    metadata.keep(provider, read)
    return read


def _tokens(session: OAuth2Session, known: Metadata, **grant: str) -> dict[str, str]:
    try:
        tokens = session.fetch_token(
            known.token_endpoint, grant_type="authorization_code", allow_redirects=False, **grant
        )
    except OAuthError as error:
        if error.error in _OUR_FAULT:
            raise ProviderUnavailable(f"the provider refuses us as its client: {error.error}") from error
        raise SignInRefused(f"the provider refuses the code: {words(error)}") from error
    except requests.HTTPError as error:
        if _is_no(error.response):
            raise SignInRefused(f"the provider refuses the code: {error.response.status_code}") from error
        raise
    found = {name: tokens.get(name) for name in ("id_token", "access_token")}
    if not all(isinstance(each, str) for each in found.values()):
        raise SignInRefused("the provider gave no ID token; is openid among oidc_scope?")
    return found


def _with_userinfo(
    provider: Provider, session: OAuth2Session, known: Metadata, claims: dict[str, Any]
) -> dict[str, Any]:
    """The claims, with those of the userinfo endpoint where the ID token lacks any that we look at (section 5.3)."""
    needed = {"email", provider.user_claim or "name", provider.groups_claim or "email"}
    if needed <= claims.keys() or not known.userinfo_endpoint:
        return claims
    answer = session.get(known.userinfo_endpoint, allow_redirects=False)
    if _is_no(answer):
        raise SignInRefused(f"the provider doesn't say who the user is: {answer.status_code}")
    said = json_of(answer)
    if said.get("sub") != claims["sub"]:
        raise SignInRefused("what the provider says of the user is about another one")
    return {**said, **claims}


def _is_no(answer: requests.Response) -> bool:
    """Whether the provider is well, and refuses."""
    return 400 <= answer.status_code < 500  # noqa: PLR2004


def _person(provider: Provider, id_token: str, claims: Mapping[str, Any]) -> Person:
    suggested = (provider.user_claim,) if provider.user_claim else ("name", "preferred_username")
    groups = claims.get(provider.groups_claim) if provider.groups_claim else None
    listed = groups if isinstance(groups, list) else [groups]
    return Person(
        issuer=claims["iss"],
        subject=claims["sub"],
        name=next(filter(None, (_text(claims, name) for name in suggested)), ""),
        email=_text(claims, "email"),
        realname=_text(claims, "name"),
        groups=tuple(sorted({each for each in listed if isinstance(each, str) and is_plausible(each)})),
        id_token=id_token,
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name)
    return found if isinstance(found, str) and is_plausible(found) else ""
