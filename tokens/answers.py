"""What the token service answers: tokens, and errors in the words of both OCI and OAuth 2.0."""

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import InterfaceError, OperationalError
from django.http import HttpResponse

from audit.spool import SpoolError
from oci import errors
from oci.errors import RegistryError
from rbac.credentials import BackOff, InvalidCredentials
from rbac.errors import DirectoryUnavailable
from tokens.basic import MalformedAuthorization
from tokens.issue import Entry, Token
from tokens.refresh import InvalidRefreshToken
from tokens.scopes import InvalidScope

logger = logging.getLogger(__name__)

_RETRY_AFTER = 2  # seconds, when the database is away


class InvalidRequest(RegistryError):
    """A request that is no token request."""

    code, status, default = "BAD_REQUEST", 400, "malformed token request"


class UnsupportedGrant(InvalidRequest):
    """An OAuth 2.0 grant that isn't offered."""


# What the domain raises, by the error it is answered with. The words of the first go to the client.
_CLIENTS = {
    InvalidCredentials: errors.Unauthorized,
    InvalidRefreshToken: errors.Unauthorized,
    MalformedAuthorization: errors.Unauthorized,
    BackOff: errors.TooManyRequests,
    InvalidScope: InvalidRequest,
}
_OUTAGES = (OperationalError, InterfaceError, SpoolError, DirectoryUnavailable)

# RFC 6749 section 5.2's word for each. `invalid_grant` is answered with 401, not 400: docker shows
# "unauthorized" then, and asks for the password again.
_OAUTH = {
    401: "invalid_grant",
    429: "temporarily_unavailable",
    500: "server_error",
    503: "temporarily_unavailable",
}


def token_body(token: Token, granted: Sequence[Entry], *, refresh_token: str | None, oauth: bool) -> dict[str, object]:
    """The body as distribution's token (GET) and OAuth 2.0 (POST) specifications have it."""
    body: dict[str, object] = {"access_token": token.text, "expires_in": token.expires_at - token.issued_at}
    if oauth:
        body["scope"] = " ".join(map(str, granted))
        body["token_type"] = "Bearer"  # noqa: S105
    else:
        body["token"] = token.text
    body["issued_at"] = datetime.fromtimestamp(token.issued_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if refresh_token is not None:
        body["refresh_token"] = refresh_token
    return body


def json_response(body: object, status: int = 200) -> HttpResponse:
    response = HttpResponse(json.dumps(body), content_type="application/json", status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def refusal(error: Exception, *, oauth: bool) -> HttpResponse:
    """The answer to a request that failed with `error`. Outages are 503; what nobody foresaw is logged and masked."""
    known = _as_registry_error(error)
    body = json.loads(errors.as_json(known))
    if oauth:
        word = "unsupported_grant_type" if isinstance(known, UnsupportedGrant) else None
        body["error"] = word or _OAUTH.get(known.status, "invalid_request")
        body["error_description"] = known.message
    response = json_response(body, known.status)
    if isinstance(error, BackOff):
        response.headers["Retry-After"] = str(error.retry_after)
    elif known.status == errors.Unavailable.status:
        response.headers["Retry-After"] = str(_RETRY_AFTER)
    elif known.status == errors.Unauthorized.status:
        response.headers["WWW-Authenticate"] = 'Basic realm="Roadstead", charset="UTF-8"'
    return response


def _as_registry_error(error: Exception) -> RegistryError:
    if isinstance(error, RegistryError):
        return error
    for kind, answer in _CLIENTS.items():
        if isinstance(error, kind):
            return answer(str(error))
    if isinstance(error, _OUTAGES):
        logger.warning("the token service is unavailable: %s", error)
        return errors.Unavailable()
    logger.error("a token request failed", exc_info=error)
    return errors.Unknown()
