"""What can go wrong at the pages, and how whatever the domain raises is answered there.

PageError
├── Malformed          400
├── Unasked            400   an answer of the OpenID provider's that this browser didn't ask for
├── BadName            400   nobody can be called so
├── NotSignedIn        401   a credential that is wrong
├── NotVouchedFor      401   the OpenID provider's answer is no, or no good
├── Foreign            403   another site's page sent the browser here
├── Locked             403
├── NoName             403   the OpenID provider names somebody as nobody can be called here
├── Taken              409   somebody is called so already
├── NotOffered         412   nobody signs in by an OpenID provider here
├── WrongMethod        405
├── TooManyTries       429
└── Unavailable        503
"""

from __future__ import annotations

import logging

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, InternalError, OperationalError
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError

from audit.spool import SpoolError
from rbac.credentials import BackOff, InvalidCredentials
from rbac.errors import DirectoryUnavailable, InvalidName, NameTaken, ProviderUnavailable, SignInRefused

logger = logging.getLogger(__name__)


class PageError(Exception):
    """The base of them all. The words go to the person."""

    code, status, default = "UNKNOWN", 500, "Something went wrong here. It is written down in the log."

    def __init__(self, message: str = "", *, retry_after: int | None = None) -> None:
        self.message = message or self.default
        self.retry_after = retry_after
        super().__init__(self.message)


class Malformed(PageError):
    code, status, default = "BAD_REQUEST", 400, "The request can't be read."


class NotSignedIn(PageError):
    code, status, default = "UNAUTHORIZED", 401, "Incorrect user name or password."


class Unasked(PageError):
    code, status = "BAD_REQUEST", 400
    default = "This sign-in did not begin in this browser, or too long ago. Begin again from the sign-in page."


class BadName(PageError):
    code, status = "BAD_REQUEST", 400


class NotVouchedFor(PageError):
    code, status, default = "UNAUTHORIZED", 401, "The sign-in service did not sign you in. Try again."


class Locked(PageError):
    code, status, default = "FORBIDDEN", 403, "This account is locked. Ask an administrator."


class NoName(PageError):
    code, status = "FORBIDDEN", 403


class Taken(PageError):
    code, status = "CONFLICT", 409


class NotOffered(PageError):
    code, status, default = "PRECONDITION", 412, "Nobody signs in by an OpenID provider here."


class Foreign(PageError):
    code, status, default = "FORBIDDEN", 403, "CSRF token invalid: the request does not come from a page of this site."


class WrongMethod(PageError):
    code, status, default = "METHOD_NOT_ALLOWED", 405, "This can't be asked for in this way."


class TooManyTries(PageError):
    code, status = "TOO_MANY_REQUEST", 429


class Unavailable(PageError):
    code, status, default = "UNAVAILABLE", 503, "This can't be answered just now. Try again in a moment."

    def __init__(self, message: str = "") -> None:
        super().__init__(message, retry_after=2)


# What is raised, by its answer; the first match counts. Anything that isn't here is a bug: 500, masked.
_WORDS: list[tuple[type[Exception], type[PageError]]] = [(InvalidName, BadName), (NameTaken, Taken)]  # kept
_ANSWERS: list[tuple[type[Exception], type[PageError]]] = [
    (InvalidCredentials, NotSignedIn),
    (OperationalError, Unavailable),
    (InterfaceError, Unavailable),
    (InternalError, Unavailable),  # a standby that takes no writes
    (SpoolError, Unavailable),
    (DirectoryUnavailable, Unavailable),
    (ProviderUnavailable, Unavailable),
    (RequestDataTooBig, Malformed),
    (UnreadablePostError, Malformed),
    (MultiPartParserError, Malformed),
    (SuspiciousOperation, Malformed),
    (BadRequest, Malformed),
]


def as_page_error(error: Exception) -> PageError:
    """The answer to an exception. Outages, bugs and what a provider said are logged, and their words kept back."""
    if isinstance(error, PageError):
        return error
    if isinstance(error, BackOff):
        return TooManyTries(
            f"Too many failed sign-ins. Try again in {error.retry_after} seconds.", retry_after=error.retry_after
        )
    if isinstance(error, SignInRefused):
        logger.info("a sign-in by the OpenID provider was refused: %s", error)
        return NotVouchedFor()
    for kind, answer in _WORDS:
        if isinstance(error, kind):
            return answer(f"{error}.")
    for kind, answer in _ANSWERS:
        if isinstance(error, kind):
            if answer is Unavailable:
                logger.warning("%s: %s", type(error).__name__, error)
            return answer()
    logger.error("unexpected error", exc_info=error)
    return PageError()
