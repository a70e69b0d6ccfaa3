"""Who may come in to an in-memory registry, for tests: a token service as Distribution's specification has it, or the
basic scheme; and how often."""

import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, urlsplit

from oci.errors import Denied, TooManyRequests, Unauthorized, as_json
from oci.listener import Listener, Reply
from oci.registry import Call

_JSON = {"Content-Type": "application/json"}
_WRITES = frozenset({"POST", "PUT", "PATCH"})


@dataclass
class BasicDoorman:
    """Lets in who knows a password."""

    people: dict[str, str]

    def __call__(self, call: Call) -> Reply | None:
        if known(self.people, call.headers.get("authorization", "")):
            return None
        return _refusal('Basic realm="the registry"')


@dataclass
class RateLimit:
    """Lets `calls` in, then none for `seconds`, and so on; `refused` counts those it sent away."""

    calls: int
    seconds: int
    refused: int = 0
    _count: int = 0
    _until: float = 0.0

    def __call__(self, _: Call) -> Reply | None:
        if time.monotonic() < self._until:
            self.refused += 1
            return Reply(429, _JSON | {"Retry-After": str(self.seconds)}, as_json(TooManyRequests()))
        self._count += 1
        if self._count % self.calls == 0:
            self._until = time.monotonic() + self.seconds
        return None


@dataclass
class TokenDoorman:
    """A registry's door and the token service it names, on a port of its own, used in a `with`.

    `people` have passwords and get all that they ask for but the repositories in `closed`; `refresh` are the refresh
    tokens that are good once each. Tests may read `asked` (method and parameters of requests for tokens, with the
    Authorization header as `authorization`), clear `tokens` as if they had run out, change `realm` and `challenge`
    (a whole header in place of the true one), queue `faults`, and set `life`, in seconds.
    """

    people: dict[str, str] = field(default_factory=dict)
    anonymous: bool = False
    closed: set[str] = field(default_factory=set)
    refresh: set[str] = field(default_factory=set)
    realm: str = ""
    challenge: str = ""
    life: int = 300
    tokens: dict[str, set[str]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    faults: list[Reply | None] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = Listener(self._answer)
        self.realm = self.realm or f"http://127.0.0.1:{self._listener.port}/token"
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()

    def __call__(self, call: Call) -> Reply | None:
        wanted = wanted_by(call)
        held = self.tokens.get(call.headers.get("authorization", "").removeprefix("Bearer "))
        if held is not None and wanted <= held:
            return None
        scope = f',scope="{" ".join(sorted(wanted))}"' if wanted else ""
        error = ',error="insufficient_scope"' if held is not None else ""
        return _refusal(self.challenge or f'Bearer realm="{self.realm}",service="the registry"{scope}{error}')

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply | None:
        fields = parse_qs(body.decode() if method == "POST" else urlsplit(target).query)
        authorization = headers.get("authorization", "")
        self.asked.append((method, {**fields, "authorization": [authorization]}))
        if self.faults:
            return self.faults.pop(0)
        if method == "POST":
            return self._by_refresh(fields)
        if authorization and not known(self.people, authorization):
            return Reply(401, _JSON, as_json(Unauthorized()))
        if not authorization and not self.anonymous:
            return Reply(403, _JSON, as_json(Denied()))
        return self._issue(fields.get("scope", []), "token", {})

    def _by_refresh(self, fields: dict[str, list[str]]) -> Reply:
        given = fields.get("refresh_token", [""])[0]
        if fields.get("grant_type") != ["refresh_token"] or given not in self.refresh:
            return Reply(400, _JSON, b'{"error": "invalid_grant"}')
        self.refresh.remove(given)
        fresh = secrets.token_urlsafe(8)
        self.refresh.add(fresh)
        scopes = " ".join(fields.get("scope", [])).split()
        return self._issue(scopes, "access_token", {"refresh_token": fresh})

    def _issue(self, scopes: list[str], named: str, more: dict[str, str]) -> Reply:
        token = secrets.token_urlsafe(16)
        self.tokens[token] = {one for scope in scopes for one in _single(scope) if not self._is_closed(one)}
        return Reply(200, _JSON, json.dumps({named: token, "expires_in": self.life, **more}).encode())

    def _is_closed(self, scope: str) -> bool:
        return scope.split(":")[1] in self.closed


def wanted_by(call: Call) -> set[str]:
    """The scopes that a call needs, one action each."""
    if call.path == "/v2/":
        return set()
    if call.path == "/v2/_catalog":
        return {"registry:catalog:*"}
    name = call.path.removeprefix("/v2/")
    for end in ("/blobs/", "/manifests/", "/tags/", "/referrers/"):
        name = name.partition(end)[0]
    action = "delete" if call.method == "DELETE" and "/uploads/" not in call.path else "pull"
    if call.method in _WRITES or (call.method == "DELETE" and "/uploads/" in call.path):
        action = "push"
    mounted = {f"repository:{call.query['from']}:pull"} if "from" in call.query else set()
    return {f"repository:{name}:{action}"} | mounted


def known(people: dict[str, str], authorization: str) -> bool:
    """Whether a header of the basic scheme names one of `people`, with the right password."""
    if not authorization.startswith("Basic "):
        return False
    name, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
    return people.get(name) == password


def _single(scope: str) -> list[str]:
    resource, _, actions = scope.rpartition(":")
    return [f"{resource}:{action}" for action in actions.split(",")]


def _refusal(challenge: str) -> Reply:
    return Reply(401, _JSON | {"WWW-Authenticate": challenge}, as_json(Unauthorized()))
