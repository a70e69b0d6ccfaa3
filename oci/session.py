"""Calls to one registry as a client makes them: with its credential, following where the registry leads, and again
when that may help. The rules are in docs/decisions/registry-client.md."""

import random
import threading
import time
from collections.abc import Callable, Collection

from oci.authentication import Authenticator
from oci.challenge import Asking, Scope
from oci.credential import AnyCredential
from oci.errors import RegistryError, Unauthorized, Unavailable
from oci.patience import LONGEST, back_off, retry_after
from oci.transport import (
    MAX_ANSWER,
    REDIRECTS,
    UNSATISFIABLE,
    Answer,
    Away,
    Ended,
    Lasting,
    Request,
    Response,
    Transport,
    joined_url,
    kind_of,
)

MAX_REDIRECTS = 3
MAX_TOKEN = 256 * 1024  # bytes of a token service's answer

_OK, _NOT_FOUND, _UNAUTHORIZED, _FORBIDDEN, _BAD_REQUEST, _TOO_MANY, _AWAY = 200, 404, 401, 403, 400, 429, 503
_TOKEN_REFUSED = frozenset({_UNAUTHORIZED, _FORBIDDEN, _BAD_REQUEST})
_GATEWAYS = frozenset({502, 504})
_AGAIN = _GATEWAYS | {_TOO_MANY, _AWAY}
_ELSEWHERE = REDIRECTS | {_OK, 206, _NOT_FOUND, UNSATISFIABLE}
_FOLLOWED = frozenset({"GET", "HEAD"})


class TokenServiceAway(Away):
    """The registry answers, and the service that gives tokens for it doesn't."""


class Session:
    """`tries` is how often a call is made at most. Thread-safe; who is told to wait makes the others wait too.

    A `plain` one sends requests as they are: it answers no challenge and follows no redirect.
    """

    def __init__(
        self, transport: Transport, credential: AnyCredential | None, tries: int, *, plain: bool = False
    ) -> None:
        self.transport = transport
        self.tries = max(tries, 1)
        self._authenticator = Authenticator(transport.origin, credential, self._ask)
        self._send = transport.open if plain else self._authorized
        self._not_before = float("-inf")
        self._lock = threading.Lock()

    def call(self, request: Request, expected: Collection[int], *, limit: int = MAX_ANSWER) -> Answer:
        """Raises what the answer means when its status is not one of `expected`."""
        return self.transport.finish(self.open(request), expected, limit=limit)

    def open(self, request: Request) -> Response:
        """The answer's head, whatever its status, from where the registry leads."""
        if self.tries == 1:
            return self._send(request)
        return self._persist(request, lambda: self._send(request))

    def ping(self, target: str) -> None:
        """Raises what the answer means, and Lasting for a web page: a sign-in is before it, or it is no registry."""
        answer = self.call(Request(method="GET", target=target), {_OK})
        if answer.payload.lstrip()[:1] == b"<":
            raise Lasting(f"{self.transport.who} answers with a web page, not as a registry: check the address")

    def authorization(self, scope: Scope) -> str | None:
        """The Authorization header for a call within `scope`, as far as the registry's ways are known."""
        return self._authenticator.authorization(scope)

    def _persist(self, request: Request, send: Callable[[], Response]) -> Response:
        for attempt in range(1, self.tries):
            self._hold()
            try:
                response = send()
            except (Ended, Lasting, TokenServiceAway):
                raise
            except Unavailable:
                if not request.may_repeat:
                    raise
                self.transport.wait(back_off(attempt))
                continue
            delay = _delay(request, response, attempt)
            if delay is None:
                return response
            self.transport.finish(response, {response.status})
            self._hold_all(delay)
        self._hold()
        return send()

    def _hold(self) -> None:
        """Wait out what the registry asked for, whoever it asked."""
        while (left := self._not_before - time.monotonic()) > 0:
            self.transport.wait(left)

    def _hold_all(self, seconds: float) -> None:
        until = time.monotonic() + seconds * random.uniform(1, 1.1)  # noqa: S311
        with self._lock:
            self._not_before = max(self._not_before, until)

    def _authorized(self, request: Request) -> Response:
        authorization = self._authenticator.authorization(request.scope)
        response = self.transport.open(request, authorization)
        if response.status == _UNAUTHORIZED and request.is_whole:
            challenges = response.headers.getlist("WWW-Authenticate")
            if (answer := self._authenticator.answer(challenges, request.scope, authorization)) is not None:
                self.transport.finish(response, {_UNAUTHORIZED})
                authorization = answer
                response = self.transport.open(request, authorization)
        if response.status in REDIRECTS and request.method in _FOLLOWED:
            return self._follow(request, response, authorization)
        return response

    def _follow(self, request: Request, response: Response, authorization: str | None) -> Response:
        """The answer from where a registry keeps its content: from the presigned URL it names, or a mirror of its own.
        The credential stays with the registry."""
        own = self.transport.origin
        url = f"{own}{request.target}"
        for _ in range(MAX_REDIRECTS):
            self.transport.finish(response, REDIRECTS)
            url = joined_url(url, response.headers.get("Location", ""))
            if f"{url}/".startswith(f"{own}/"):
                target = Request(method=request.method, target=url[len(str(own)) :] or "/", headers=request.headers)
                response = self.transport.open(target, authorization)
            else:
                response = self.transport.open_at(url, request, f"the storage behind {self.transport.who}")
                self._check_elsewhere(response)
            if response.status not in REDIRECTS:
                return response
        response.close()
        raise Lasting(f"{self.transport.who} redirects without end")

    def _check_elsewhere(self, response: Response) -> None:
        """A storage's 403 is not the registry's."""
        if response.status not in _ELSEWHERE:
            response.close()
            raise kind_of(response.status)(f"the storage behind {self.transport.who} answered {response.status}")

    def _ask(self, asking: Asking) -> bytes:
        request = Request(
            method=asking.method, target="", headers=asking.headers, body=asking.body, idempotent=asking.method == "GET"
        )
        called = f"the token service of {self.transport.who}"
        try:
            response = self._persist(request, lambda: self.transport.open_at(asking.url, request, called))
        except (Ended, Lasting):
            raise
        except Unavailable as error:
            raise TokenServiceAway(error.message) from error
        if response.status in REDIRECTS:
            response.close()
            raise Lasting(f"{called} redirects: no credential is sent after it")
        try:
            return self.transport.finish(response, {_OK}, limit=MAX_TOKEN, who=called).payload
        except (Ended, Lasting):
            raise
        except Unavailable as error:
            raise TokenServiceAway(error.message) from error
        except RegistryError as error:
            if response.status not in _TOKEN_REFUSED:
                raise
            raise Unauthorized(
                f"{called} refuses the credential: {error.message.removeprefix(called).strip()}"
            ) from error


def _delay(request: Request, response: Response, attempt: int) -> float | None:
    """Seconds until the call is made again, None when it isn't: what a registry refuses for now was not carried out,
    what a gateway in front of it lost may have been."""
    if response.status not in _AGAIN or not request.is_whole:
        return None
    named = retry_after(response.headers.get("Retry-After"))
    if response.status in _GATEWAYS or (response.status == _AWAY and named is None):
        return back_off(attempt) if request.may_repeat else None
    delay = back_off(attempt) if named is None else named
    return delay if delay <= LONGEST else None
