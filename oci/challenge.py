"""A registry's challenge (WWW-Authenticate) understood, and the request for a token that answers it: pure logic.

The scheme is RFC 9110, section 11; the token service is that of Distribution's "Token Authentication" and "OAuth2".
Which realms are trusted with a credential, and why, is in docs/decisions/registry-client.md.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from oci.addresses import Origin
from oci.credential import AnyCredential, Credential, IdentityToken
from oci.errors import Denied, Unavailable

Scope = tuple[str, ...]
"""Of a token: each `type:name:action,action`, as in `repository:library/app:pull,push`."""

MAX_HEADER = 16 * 1024
MAX_REALM = 2048
CLIENT_ID = "roadstead"
_LIFE = 60.0  # seconds, of a token whose answer doesn't say
_SHOWN = 200

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105
_SCHEME = re.compile(rf"[ \t,]*({_TOKEN})(?=[ \t,]|$)")
_TOKEN68 = re.compile(r"[ \t]+[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)")
_PARAMETER = re.compile(rf'[ \t,]*({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_BEARABLE = re.compile(r"[\x21-\x7e]{1,65536}")


@dataclass(frozen=True, slots=True)
class Challenge:
    """`scheme` and the names of `parameters` in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.parameters.get(name, "")


class Realm(NamedTuple):
    """A token service that may have the credential."""

    url: str
    service: str


class Asking(NamedTuple):
    """The request for a token. Its headers or its body hold the credential: not to be shown."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"Asking({self.method} {self.url.partition('?')[0]})"


@dataclass(frozen=True, slots=True)
class Token:
    """What opens a scope until `until` (time.monotonic), and what renews it where the service gave that too."""

    value: str = field(repr=False)
    until: float
    refresh: str = field(default="", repr=False)


def parse(values: Sequence[str]) -> list[Challenge]:
    """The challenges of all WWW-Authenticate headers of an answer, as far as they can be read."""
    found: list[Challenge] = []
    for value in values:
        found += _challenges(value[:MAX_HEADER])
    return found


def _challenges(value: str) -> list[Challenge]:
    found: list[Challenge] = []
    place = 0
    while named := _SCHEME.match(value, place):
        place = named.end()
        parameters: dict[str, str] = {}
        if opaque := _TOKEN68.match(value, place):
            place = opaque.end()
        while parameter := _PARAMETER.match(value, place):
            place = parameter.end()
            name, quoted, bare = parameter.groups()
            parameters.setdefault(name.lower(), bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        found.append(Challenge(named[1].lower(), parameters))
    return found


def realm_of(challenge: Challenge, registry: Origin) -> Realm:
    """The token service that a registry names, if a credential may go to it; Denied, with the reason, if not."""
    url = challenge.get("realm")
    shown = url[:_SHOWN]
    try:
        origin = Origin.of(url)
    except ValueError as error:
        raise Denied(f"{registry.authority} names a token service at {shown!r}, which is {error}") from error
    if len(url) > MAX_REALM or urlsplit(url).fragment:
        raise Denied(f"{registry.authority} names a token service by no usable URL: {shown!r}")
    if origin.scheme != "https" and not (registry.scheme == "http" and origin.host == registry.host):
        raise Denied(f"{registry.authority} names a token service without TLS, {shown!r}: no credential is sent to it")
    return Realm(url, challenge.get("service"))


def widened(wanted: Scope, challenge: Challenge) -> Scope:
    """The scope that a call needs by the specification, with the actions that the registry names for the same
    resources. What it names beyond them isn't asked for."""
    named = dict(_split(each) for each in challenge.get("scope").split())
    return tuple(f"{resource}:{_joined(actions, named.get(resource, ''))}" for resource, actions in map(_split, wanted))


def _split(scope: str) -> tuple[str, str]:
    resource, _, actions = scope.rpartition(":")
    return resource, actions


def _joined(actions: str, more: str) -> str:
    return ",".join(dict.fromkeys(action for action in f"{actions},{more}".split(",") if action))


def asking(realm: Realm, scope: Scope, credential: AnyCredential | None) -> Asking:
    """The request for a token: by POST where a refresh token pays for it, else by GET; anonymous without credential."""
    service = [("service", realm.service)] if realm.service else []
    if isinstance(credential, IdentityToken):
        form = [("grant_type", "refresh_token"), ("refresh_token", credential.token), ("client_id", CLIENT_ID)]
        body = urlencode([*form, *service, ("scope", " ".join(scope))]).encode()
        return Asking("POST", realm.url, {"Content-Type": "application/x-www-form-urlencoded"}, body)
    query = [*service, *(("scope", each) for each in scope)]
    headers: dict[str, str] = {}
    if isinstance(credential, Credential):
        query.append(("account", credential.username))
        headers["Authorization"] = credential.basic
    joint = "" if not query else "&" if "?" in realm.url else "?"
    return Asking("GET", realm.url + joint + urlencode(query), headers)


def token_in(payload: bytes, now: float | None = None) -> Token:
    """The token of a service's answer. It counts from now on, whatever the service's clock says, and ends a tenth of
    its life early (at most half a minute), so that a call begun with it also arrives with it."""
    try:
        answer = json.loads(payload)
        value = answer.get("token") or answer.get("access_token")
        life, refresh = answer.get("expires_in") or _LIFE, answer.get("refresh_token") or ""
    except (ValueError, AttributeError, RecursionError) as error:
        raise Unavailable("the token service's answer can't be read") from error
    if not isinstance(value, str) or not _BEARABLE.fullmatch(value):
        raise Unavailable("the token service's answer has no token")
    life = float(life) if isinstance(life, int | float) and 0 < life < 10**9 else _LIFE
    start = time.monotonic() if now is None else now
    usable = isinstance(refresh, str) and _BEARABLE.fullmatch(refresh)
    return Token(value, start + life - min(life / 10, 30.0), refresh if usable else "")
