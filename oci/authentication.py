"""A registry's challenges answered: its basic scheme, and tokens, kept by scope and renewed."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from oci.addresses import Origin
from oci.challenge import Asking, Challenge, Realm, Scope, Token, asking, parse, realm_of, token_in, widened
from oci.credential import AnyCredential, BearerToken, Credential, IdentityToken

MOST_TOKENS = 1000


class Authenticator:
    """What goes into the Authorization header of calls to one registry. Thread-safe; a token is asked for once, however
    many wait for it. `ask` sends the request for a token and gives its answer, or raises."""

    def __init__(self, registry: Origin, credential: AnyCredential | None, ask: Callable[[Asking], bytes]) -> None:
        self._registry = registry
        self._credential = credential
        self._ask = ask
        self._lock = threading.RLock()
        self._realm: Realm | None = None
        self._basic = False
        self._tokens: dict[Scope, Token] = {}
        self._wider: dict[Scope, Scope] = {}

    def authorization(self, scope: Scope) -> str | None:
        """The header for a call within `scope`, as far as the registry's ways are known; None before its first
        challenge, and for one that never challenges."""
        if isinstance(self._credential, BearerToken):
            return self._credential.bearer
        if self._basic and isinstance(self._credential, Credential):
            return self._credential.basic
        if self._realm is None:
            return None
        held = self._tokens.get(scope)
        if held is None or held.until <= time.monotonic():
            with self._lock:
                held = self._tokens.get(scope)
                if held is None or held.until <= time.monotonic():
                    held = self._fetch(self._realm, scope)
        return f"Bearer {held.value}"

    def answer(self, values: Sequence[str], scope: Scope, used: str | None) -> str | None:
        """The header to try after a 401 to a call made with `used`; None when there is no answer to the challenge.

        Raises Denied when the registry names a token service that may not have the credential.
        """
        if isinstance(self._credential, BearerToken):
            return None
        offered: dict[str, Challenge] = {}
        for challenge in parse(values):
            offered.setdefault(challenge.scheme, challenge)
        if "bearer" in offered:
            return self._bearer(offered["bearer"], scope, used)
        if "basic" in offered and isinstance(self._credential, Credential):
            self._basic = True
            return self._credential.basic if used != self._credential.basic else None
        return None

    def _bearer(self, challenge: Challenge, scope: Scope, used: str | None) -> str:
        realm = realm_of(challenge, self._registry)
        with self._lock:
            if realm != self._realm:
                self._realm, self._basic = realm, False
                self._tokens.clear()
            wider = widened(scope, challenge)
            if wider != scope:
                self._remember(self._wider, scope, wider)
            held = self._tokens.get(scope)
            if held is None or used == f"Bearer {held.value}" or held.until <= time.monotonic():
                held = self._fetch(realm, scope)  # unless another thread has renewed it meanwhile
        return f"Bearer {held.value}"

    def _fetch(self, realm: Realm, scope: Scope) -> Token:
        token = token_in(self._ask(asking(realm, self._wider.get(scope, scope), self._credential)))
        self._remember(self._tokens, scope, token)
        if token.refresh and isinstance(self._credential, IdentityToken):
            self._credential = IdentityToken(token.refresh)  # a service may give each of them once only
        return token

    @staticmethod
    def _remember(kept: dict[Scope, Any], scope: Scope, value: Any) -> None:
        kept.pop(scope, None)
        kept[scope] = value
        if len(kept) > MOST_TOKENS:
            del kept[next(iter(kept))]
