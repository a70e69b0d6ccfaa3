"""What the provider says of itself (OpenID Connect Discovery 1.0), and its keys: read now and then, kept meanwhile."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from authlib.integrations.requests_client import OAuth2Session

from rbac.errors import ProviderUnavailable
from rbac.oidc.id_tokens import Keys
from rbac.oidc.provider import Provider, ask, json_of

_WELL_KNOWN = "/.well-known/openid-configuration"
_FRESH = 600.0  # seconds that it is good for
_STALE = 86400.0  # and how long it is believed while the provider is away
_NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Metadata:
    """As far as we need it. An endpoint that there isn't is ""."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    end_session_endpoint: str
    client_authentication: str
    names_itself: bool  # RFC 9207: every answer from the authorization endpoint says whose it is
    keys: Keys
    read_at: float = field(default_factory=time.monotonic)


class _Kept:
    """What was read of the provider that is configured, in this process."""

    def __init__(self) -> None:
        self._of: Provider | None = None
        self._metadata: Metadata | None = None

    def get(self, provider: Provider, seconds: float) -> Metadata | None:
        found = self._metadata if self._of == provider else None
        return found if found and time.monotonic() - found.read_at <= seconds else None

    def put(self, provider: Provider, metadata: Metadata) -> None:
        self._of, self._metadata = provider, metadata

    def forget(self) -> None:
        self._of = self._metadata = None


_kept = _Kept()
keep, forget = _kept.put, _kept.forget


def known(provider: Provider, *, fresh: float = _FRESH) -> Metadata:
    """What was read within `fresh` seconds, now, or, while the provider is away, within a day; ProviderUnavailable."""
    found = _kept.get(provider, fresh)
    if found:
        return found
    try:
        read = ask(provider, partial(fetch, provider))
    except ProviderUnavailable:
        stale = _kept.get(provider, _STALE)
        if stale is None:
            raise
        return stale
    keep(provider, read)
    return read


def fetch(provider: Provider, session: OAuth2Session) -> Metadata:
    """Read it now. ValueError if it can't be used."""
    said = _read(session, provider.endpoint + _WELL_KNOWN)
    if missing := [name for name in _NEEDED if not isinstance(said.get(name), str)]:
        raise ValueError(f"the provider's configuration lacks {missing[0]}")
    if said["issuer"].rstrip("/") != provider.endpoint:
        raise ValueError(f"the provider calls itself {said['issuer']}, which is not oidc_endpoint")
    endpoint = partial(_endpoint, provider, said)
    keys = _read(session, endpoint("jwks_uri"))
    return Metadata(
        issuer=said["issuer"],
        authorization_endpoint=endpoint("authorization_endpoint"),
        token_endpoint=endpoint("token_endpoint"),
        userinfo_endpoint=endpoint("userinfo_endpoint"),
        end_session_endpoint=endpoint("end_session_endpoint"),
        client_authentication=_client_authentication(provider, said),
        names_itself=said.get("authorization_response_iss_parameter_supported") is True,
        keys=Keys.of(keys, said.get("id_token_signing_alg_values_supported")),
    )


def _read(session: OAuth2Session, url: str) -> dict[str, Any]:
    return json_of(session.get(url, withhold_token=True, allow_redirects=False))


def _endpoint(provider: Provider, said: Mapping[str, Any], name: str) -> str:
    """On whichever host, but by TLS where the provider itself is asked by it."""
    url = said.get(name) or ""
    if not url:
        return ""
    parts = urlsplit(str(url))
    if parts.scheme not in provider.schemes or not parts.hostname or parts.username or not str(url).isascii():
        raise ValueError(f"the provider's {name} is no {' or '.join(provider.schemes)} URL")
    return str(url)


def _client_authentication(provider: Provider, said: Mapping[str, Any]) -> str:
    """How we say who we are at the token endpoint; where the provider doesn't say how, by the rule (section 3)."""
    if not provider.client_secret:
        return "none"
    offered = said.get("token_endpoint_auth_methods_supported")
    basic = not isinstance(offered, list) or "client_secret_basic" in offered or "client_secret_post" not in offered
    return "client_secret_basic" if basic else "client_secret_post"
