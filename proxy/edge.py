"""What every answer under /v2/ has in common: errors in OCI's words, the challenge, the caller's claims."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import wraps

from django.core.exceptions import BadRequest, DisallowedHost, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError

from audit.spool import SpoolError
from configuration import values
from oci import errors
from tokens.challenge import challenge
from tokens.claims import Claims
from tokens.verify import InvalidToken, verify

logger = logging.getLogger(__name__)

API_VERSION = "registry/2.0"
RETRY_AFTER = "2"  # seconds
PIECE, TAKEN_IN = 64 * 1024, 10 * 1024 * 1024  # bytes: twice as much as nginx lets a manifest have
_LENGTH_DIGITS = 19
_CHANGES = {"push", "delete"}

View = Callable[..., HttpResponse]


class Challenge(errors.Unauthorized):
    """401 with the challenge that tells the client which token to fetch; `error` is RFC 6750's word."""

    def __init__(self, *scopes: str, error: str | None = None) -> None:
        super().__init__("insufficient scope" if error == "insufficient_scope" else "authentication required")
        self.scopes = scopes
        self.error = error


def endpoint(*methods: str) -> Callable[[View], View]:
    """A view of the registry's API: answers `methods` and puts every error into OCI's words and status."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, **names: str) -> HttpResponse:
            try:
                if request.method not in methods:
                    response = refusal(request, errors.Unsupported(f"{request.method} is not supported here"))
                    response["Allow"] = ", ".join(methods)
                    return response
                response = view(request, **names)
            except Exception as error:
                response = refusal(request, as_registry_error(error))
                take_in(request)
            response.headers["Docker-Distribution-Api-Version"] = API_VERSION
            if response.headers.get("Content-Type", "").startswith("text/html"):
                del response.headers["Content-Type"]  # Django's default, for an answer that has no body
            return response

        return answer

    return decorate


# What Python raises, by the registry error it becomes; the first match counts. Anything else is a bug: 500, masked.
ERRORS: list[tuple[type[Exception], Callable[[Exception], errors.RegistryError]]] = [
    (OperationalError, lambda _: errors.Unavailable()),
    (InterfaceError, lambda _: errors.Unavailable()),
    (InternalError, lambda _: errors.Unavailable()),  # a standby that doesn't take writes, an idle transaction cut
    (SpoolError, lambda _: errors.Unavailable()),
    (RequestDataTooBig, lambda _: errors.ManifestTooLarge("the request's body is too large")),
    (UnreadablePostError, lambda _: errors.SizeInvalid("the request's body ended early")),
    (DisallowedHost, lambda _: errors.NameInvalid("the Host header is none")),
    (SuspiciousOperation, lambda error: errors.NameInvalid(str(error) or "bad request")),
    (BadRequest, lambda error: errors.NameInvalid(str(error) or "bad request")),
]


def as_registry_error(error: Exception) -> errors.RegistryError:
    """The registry error that an exception is answered with. Whatever isn't the client's doing is logged."""
    if isinstance(error, errors.RegistryError):
        if error.status >= errors.Unknown.status:
            logger.warning("%s: %s", error.code, error.message)
            return type(error)()  # its words may tell of the inside
        return error
    for kind, translate in ERRORS:
        if isinstance(error, kind):
            if isinstance(error, DatabaseError | InterfaceError | SpoolError):
                logger.warning("%s: %s", type(error).__name__, error)
            return translate(error)
    logger.exception("unexpected error", exc_info=error)
    return errors.Unknown()


def refusal(request: HttpRequest, error: errors.RegistryError) -> HttpResponse:
    """The answer that says an error in OCI's JSON."""
    response = HttpResponse(errors.as_json(error), content_type="application/json", status=error.status)
    if isinstance(error, Challenge):
        response["WWW-Authenticate"] = challenge(request, error.scopes, error.error)
    if error.status in {errors.Unavailable.status, errors.TooManyRequests.status}:
        response["Retry-After"] = RETRY_AFTER
    return response


def take_in(request: HttpRequest) -> None:
    """Read what is left of a refused request's body. A server that closes before nginx has sent all of it makes nginx
    say 503 instead of the refusal."""
    with suppress(OSError, errors.SizeInvalid, UnreadablePostError, RequestDataTooBig):
        left = min(body_length(request), TAKEN_IN)
        while left > 0 and (piece := request.read(min(left, PIECE))):
            left -= len(piece)


def malformed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: for a request that no view saw, such as one whose Host header is none."""
    return refusal(request, as_registry_error(exception))


def claims_of(request: HttpRequest, *scopes: str) -> Claims:
    """The verified claims of the request's bearer token; a Challenge for `scopes` where there is none or a bad one."""
    scheme, _, bearer = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not bearer:
        raise Challenge(*scopes)
    try:
        return verify(bearer.strip())
    except InvalidToken:
        raise Challenge(*scopes, error="invalid_token") from None


def authorize(request: HttpRequest, repository: str, *actions: str, also: str | None = None) -> Claims:
    """The caller's claims, when its token allows all of `actions` on the repository; a Challenge otherwise.

    `also` is a further scope for the challenge to name: the source of a mount. Denied for a change in read-only mode.
    """
    scopes = [f"repository:{repository}:{','.join(actions)}", *([also] if also else [])]
    claims = claims_of(request, *scopes)
    if not all(claims.allows("repository", repository, action) for action in actions):
        raise Challenge(*scopes, error="insufficient_scope")
    if not _CHANGES.isdisjoint(actions) and values.flag("read_only"):
        raise errors.Denied("the system is in read only mode: any modification is prohibited")
    return claims


def client_has(request: HttpRequest, etag: str) -> bool:
    """Whether If-None-Match says that the client has this content already (RFC 9110 13.1.2, weak comparison)."""
    candidates = request.META.get("HTTP_IF_NONE_MATCH", "").split(",")
    return any(candidate.strip().removeprefix("W/") in {"*", etag} for candidate in candidates)


def body_length(request: HttpRequest) -> int:
    """The Content-Length, 0 where there is none; SizeInvalid for what is no number."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < _LENGTH_DIGITS):
        raise errors.SizeInvalid("malformed Content-Length")
    return int(text)
