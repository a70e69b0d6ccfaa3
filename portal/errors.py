"""What can go wrong at the pages, and how whatever the domain raises is answered there.

PageError
├── Malformed          400
├── Unasked            400   an answer of the OpenID provider's that this browser didn't ask for
├── Refused            400   what was asked for can't be, in the domain's own words
├── NotSignedIn        401   a credential that is wrong
├── NotVouchedFor      401   the OpenID provider's answer is no, or no good
├── SignInFirst        401   nobody has signed in, and somebody may be let in
├── Foreign            403   another site's page sent the browser here
├── Locked             403
├── NoName             403   the OpenID provider names somebody as nobody can be called here
├── NotAllowed         403   somebody without the right
├── ReadOnly           403   nobody changes anything just now
├── NoPage             404
├── Late               409   what it was about was changed by somebody else meanwhile
├── NotOffered         412   nobody signs in by an OpenID provider here
├── WrongMethod        405
├── TooManyTries       429
└── Unavailable        503
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, InterfaceError, InternalError, OperationalError
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from artifacts.additions import AdditionUnknown, AdditionUnsupported
from artifacts.archives import ArchiveRefused
from artifacts.labelling import AlreadyLabelled, NotLabelled
from artifacts.tagging import TagExists
from audit.spool import SpoolError
from configuration.errors import ConfigurationError
from db.keyset import InvalidKey
from oci.errors import RegistryError
from portal.domain_words import told
from projects import errors as projects
from projects.metadata import MetadataUnknown
from rbac.credentials import BackOff, InvalidCredentials
from rbac.errors import (
    DirectoryUnavailable,
    GroupUnknown,
    InvalidName,
    NameTaken,
    Protected,
    ProviderUnavailable,
    RbacError,
    SignInRefused,
    UserUnknown,
)
from replication import errors as replication

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

logger = logging.getLogger(__name__)


class PageError(Exception):
    """The base of them all. The words go to the person, and so does the advice what to do, where there is any."""

    code, status = "UNKNOWN", 500
    default: str | _StrPromise = gettext_lazy("Something went wrong here. It is written down in the log.")
    advice: str | _StrPromise = ""

    def __init__(self, message: str = "", *, retry_after: int | None = None) -> None:
        self.message: str | _StrPromise = message or self.default
        self.retry_after = retry_after
        super().__init__(self.message)


class Malformed(PageError):
    code, status, default = "BAD_REQUEST", 400, gettext_lazy("The request can't be read.")


class NotSignedIn(PageError):
    code, status, default = "UNAUTHORIZED", 401, gettext_lazy("Incorrect user name or password.")


class SignInFirst(PageError):
    code, status, default = "UNAUTHORIZED", 401, gettext_lazy("Sign in first.")


class Unasked(PageError):
    code, status = "BAD_REQUEST", 400
    default = gettext_lazy(
        "This sign-in did not begin in this browser, or too long ago. Begin again from the sign-in page."
    )


class Refused(PageError):
    """With the status of what the domain says no by."""

    code, status = "BAD_REQUEST", 400

    def __init__(self, message: str, status: int, advice: str | _StrPromise = "") -> None:
        super().__init__(message)
        self.status, self.advice = status, advice


class NotVouchedFor(PageError):
    code, status = "UNAUTHORIZED", 401
    default = gettext_lazy("The sign-in service did not sign you in. Try again.")


class Locked(PageError):
    code, status, default = "FORBIDDEN", 403, gettext_lazy("This account is locked. Ask an administrator.")


class NoName(PageError):
    code, status = "FORBIDDEN", 403


class NotAllowed(PageError):
    code, status, default = "FORBIDDEN", 403, gettext_lazy("You may not see or do this.")
    advice = gettext_lazy("Ask an administrator of the project for a role that may, or sign in as somebody else.")


class ReadOnly(PageError):
    code, status = "DENIED", 403
    default = gettext_lazy("The registry is read-only just now: nothing can be changed.")
    advice = gettext_lazy("An administrator ends this in the configuration.")


class NoPage(PageError):
    code, status, default = "NOT_FOUND", 404, gettext_lazy("There is nothing here.")
    advice = gettext_lazy("It may have been renamed or deleted since the link was made.")


class Late(PageError):
    code, status = "CONFLICT", 409
    default = gettext_lazy("Somebody else has changed this meanwhile. Look at it anew, and try again.")


class NotOffered(PageError):
    code, status, default = "PRECONDITION", 412, gettext_lazy("Nobody signs in by an OpenID provider here.")


class Foreign(PageError):
    code, status = "FORBIDDEN", 403
    default = gettext_lazy("CSRF token invalid: the request does not come from a page of this site.")
    advice = gettext_lazy("Go back, load the page anew, and send the form again.")


class WrongMethod(PageError):
    code, status, default = "METHOD_NOT_ALLOWED", 405, gettext_lazy("This can't be asked for in this way.")


class TooManyTries(PageError):
    code, status = "TOO_MANY_REQUEST", 429


class Unavailable(PageError):
    code, status = "UNAVAILABLE", 503
    default = gettext_lazy("This can't be answered just now. Try again in a moment.")

    def __init__(self, message: str = "") -> None:
        super().__init__(message, retry_after=2)


# What is raised, by its answer; the first match counts. Anything that isn't here is a bug: 500, masked.
_ANSWERS: list[tuple[type[Exception], type[PageError]]] = [
    (InvalidCredentials, NotSignedIn),
    (OperationalError, Unavailable),
    (InterfaceError, Unavailable),
    (InternalError, Unavailable),  # a standby that takes no writes
    (IntegrityError, Late),  # at the commit: what this refers to was deleted since it was read
    (SpoolError, Unavailable),
    (DirectoryUnavailable, Unavailable),
    (ProviderUnavailable, Unavailable),
    (InvalidKey, Malformed),
    (RequestDataTooBig, Malformed),
    (UnreadablePostError, Malformed),
    (MultiPartParserError, Malformed),
    (SuspiciousOperation, Malformed),
    (BadRequest, Malformed),
]
# What the domain says no by, and the status of that; the words are its own.
_WORDS: list[tuple[type[Exception], int]] = [
    (InvalidName, 400),
    (NameTaken, 409),
    (UserUnknown, 404),
    (GroupUnknown, 404),
    (Protected, 403),
    (RbacError, 400),
    (projects.ProjectUnknown, 404),
    (projects.LabelUnknown, 404),
    (projects.RobotUnknown, 404),
    (projects.MemberUnknown, 404),
    (projects.QuotaUnknown, 404),
    (projects.ImmutableRuleUnknown, 404),
    (projects.PersonalTokenUnknown, 404),
    (MetadataUnknown, 404),
    (projects.ProjectExists, 409),
    (projects.MemberExists, 409),
    (projects.LabelExists, 409),
    (projects.RobotExists, 409),
    (projects.ImmutableRuleExists, 409),
    (projects.PersonalTokenExists, 409),
    (projects.ProjectNotEmpty, 412),
    (projects.GrantTooWide, 403),
    (projects.ProjectError, 400),
    (TagExists, 409),
    (AlreadyLabelled, 409),
    (NotLabelled, 404),
    (AdditionUnknown, 404),
    (AdditionUnsupported, 400),
    (ArchiveRefused, 400),
    (ConfigurationError, 400),
    (replication.EndpointUnknown, 404),
    (replication.PolicyUnknown, 404),
    (replication.ExecutionUnknown, 404),
    (replication.TaskUnknown, 404),
    (replication.EndpointExists, 409),
    (replication.PolicyExists, 409),
    (replication.EndpointInUse, 412),
    (replication.PolicyInUse, 412),
    (replication.PolicyDisabled, 412),
    (replication.AlreadyRunning, 412),
    (replication.ReplicationError, 400),
]
_TITLES = {
    401: gettext_lazy("Sign in first"), 403: gettext_lazy("Not allowed"), 404: gettext_lazy("Not found"),
    409: gettext_lazy("Not any more"), 412: gettext_lazy("Not as it is now"), 429: gettext_lazy("Too many tries"),
    503: gettext_lazy("Not just now"),
}  # fmt: skip
_OURS = 500  # from here on it isn't the person's doing


def title(error: PageError) -> str:
    """What stands above the words."""
    usual = gettext_lazy("Something went wrong") if error.status >= _OURS else gettext_lazy("It can't be done")
    return str(_TITLES.get(error.status, usual))


def as_page_error(error: Exception) -> PageError:
    """The answer to an exception. Outages, bugs and what a provider said are logged, and their words kept back."""
    if isinstance(error, PageError):
        return error
    if isinstance(error, BackOff):
        words = _("Too many failed sign-ins. Try again in %(seconds)s seconds.") % {"seconds": error.retry_after}
        return TooManyTries(words, retry_after=error.retry_after)
    if isinstance(error, SignInRefused):
        logger.info("a sign-in by the OpenID provider was refused: %s", error)
        return NotVouchedFor()
    return tellable(error) or _masked(error)


def tellable(error: Exception) -> PageError | None:
    """What the domain says to the person, as a sentence; None for what is none of their business."""
    if isinstance(error, PageError):
        return error if error.status < _OURS else None
    if isinstance(error, RegistryError):
        return Refused(told(error, error.message), error.status) if error.status < _OURS else None
    for kind, status in _WORDS:
        if isinstance(error, kind):
            return Refused(told(error, str(error)), status)
    return None


def _masked(error: Exception) -> PageError:
    if isinstance(error, RegistryError):
        logger.warning("%s: %s", type(error).__name__, error.message)
        return Unavailable()
    for kind, answer in _ANSWERS:
        if isinstance(error, kind):
            if answer is Unavailable:
                logger.warning("%s: %s", type(error).__name__, error)
            return answer()
    logger.error("unexpected error", exc_info=error)
    return PageError()
