"""What is granted of what was asked, and the signed token that says so."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from projects.access import Grant
from rbac import policy
from rbac.actors import Actor
from tokens import keys, lifetime
from tokens.claims import PERSONAL
from tokens.scopes import Scope

# An action of a scope, by the permission it takes. Their order is the order of a token's actions.
_PERMISSIONS = {"pull": "repository:pull", "push": "repository:push", "delete": "artifact:delete"}
_encode = json.JSONEncoder(separators=(",", ":")).encode
_CATALOG = ("registry", "catalog")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a token's `access`: the actions that were granted, never none of them."""

    kind: str
    name: str
    actions: Sequence[str]

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{','.join(self.actions)}"


@dataclass(frozen=True, slots=True)
class Token:
    """A signed token; times are seconds since the epoch."""

    text: str
    issued_at: int
    expires_at: int


def granted(actor: Actor, scopes: Sequence[Scope], grants: Mapping[str, Grant]) -> list[Entry]:
    """What `actor` gets of `scopes`, given what it is where each repository is. Nothing is said of the rest."""
    entries = []
    for scope in scopes:
        if scope.kind == "repository":
            actions = _of_repository(actor, scope, grants.get(scope.name))
        else:
            actions = _of_registry(actor, scope)
        if actions:
            entries.append(Entry(scope.kind, scope.name, actions))
    return entries


def _of_repository(actor: Actor, scope: Scope, grant: Grant | None) -> list[str]:
    """Without a right there, a repository that exists and one that doesn't look the same; a push creates it."""
    if grant is None or grant.project_id is None:
        return []
    if grant.repository_id is None and not policy.can(actor, "repository:push", grant):
        return []
    wanted = _PERMISSIONS if "*" in scope.actions else scope.actions
    return [
        action
        for action, permission in _PERMISSIONS.items()
        if action in wanted and policy.can(actor, permission, grant)
    ]


def _of_registry(actor: Actor, scope: Scope) -> list[str]:
    if (scope.kind, scope.name) != _CATALOG or "*" not in scope.actions:
        return []
    return ["*"] if policy.can(actor, "catalog:read", policy.SYSTEM_SCOPE) else []


def sign(actor: Actor, entries: Sequence[Entry]) -> Token:
    """A token for `actor` (subject "" for anonymous) as distribution's token specification has it."""
    signer = keys.current()
    now = int(time.time())
    expires = now + lifetime.seconds()
    payload: dict[str, object] = {
        "iss": settings.TOKEN_ISSUER,
        "sub": actor.name if actor.kind in {"user", "robot"} else "",
        "aud": settings.TOKEN_SERVICE,
        "exp": expires,
        "nbf": now,
        "iat": now,
        "jti": secrets.token_urlsafe(16),
        "access": [{"type": e.kind, "name": e.name, "actions": e.actions} for e in entries],
    }
    if actor.reach is not None and actor.reach.token is not None:
        payload[PERSONAL] = actor.reach.token
    return Token(signer.jws(_encode(payload).encode()), issued_at=now, expires_at=expires)
