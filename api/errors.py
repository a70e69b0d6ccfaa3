"""Errors in Harbor's envelope, and the one table that says how whatever the domain raises is answered.

ApiError
├── BadRequest           400
├── Unauthorized         401   nobody, or with a wrong credential
├── Forbidden            403   somebody without the right
│   └── Denied                 what the state of things forbids, whoever asks
├── NotFound             404
├── MethodNotAllowed     405
├── Conflict             409
├── PreconditionFailed   412
├── TooLarge             413
├── UnsupportedMedia     415
├── Unprocessable        422   a parameter outside of its range, as Harbor's own validation answers it
├── TooManyRequests      429
├── InternalFailure      500   masked
├── NotThere             501   an operation of Harbor's that this version doesn't have
└── Unavailable          503
"""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, InterfaceError, InternalError, OperationalError
from django.http.request import UnreadablePostError
from rest_framework import exceptions as rest
from rest_framework.response import Response

from artifacts.additions import AdditionUnknown, AdditionUnsupported
from artifacts.archives import ArchiveRefused
from artifacts.labelling import AlreadyLabelled, NotLabelled
from artifacts.tagging import TagExists
from audit.spool import SpoolError
from configuration import errors as configuration
from db.keyset import InvalidKey
from oci import errors as oci
from projects import errors as projects
from projects import metadata
from rbac import errors as rbac
from rbac.credentials import BackOff, InvalidCredentials
from replication import errors as replication

logger = logging.getLogger(__name__)

RETRY_AFTER = "2"  # seconds, when something we need is away


class ApiError(Exception):
    """The base of them all. The words go to the client."""

    code, status, default = "UNKNOWN", 500, "internal server error"

    def __init__(self, message: str = "") -> None:
        self.message = message or self.default
        super().__init__(self.message)


class BadRequest(ApiError):
    code, status, default = "BAD_REQUEST", 400, "bad request"


class Unauthorized(ApiError):
    code, status, default = "UNAUTHORIZED", 401, "unauthorized"


class Forbidden(ApiError):
    code, status, default = "FORBIDDEN", 403, "forbidden"


class Denied(Forbidden):
    code, default = "DENIED", "denied"


class NotFound(ApiError):
    code, status, default = "NOT_FOUND", 404, "not found"


class MethodNotAllowed(ApiError):
    code, status, default = "METHOD_NOT_ALLOWED", 405, "this method isn't allowed here"


class Conflict(ApiError):
    code, status, default = "CONFLICT", 409, "conflict"


class PreconditionFailed(ApiError):
    code, status, default = "PRECONDITION", 412, "precondition failed"


class TooLarge(ApiError):
    code, status, default = "BAD_REQUEST", 413, "the request's body is too large"


class UnsupportedMedia(ApiError):
    code, status, default = "UNSUPPORTED_MEDIA_TYPE", 415, "the body is expected as application/json"


class Unprocessable(ApiError):
    code, status, default = "UNPROCESSABLE_ENTITY", 422, "unprocessable"


class TooManyRequests(ApiError):
    code, status, default = "TOO_MANY_REQUEST", 429, "too many requests"


class InternalFailure(ApiError):
    pass


class NotThere(ApiError):
    code, status, default = "NOT_IMPLEMENTED", 501, "this version of Roadstead doesn't have this operation"


class Unavailable(ApiError):
    code, status, default = "UNAVAILABLE", 503, "the service cannot answer just now; try again"


# What is raised, by its answer; the first match counts. The words of the exception are kept where they are the
# client's business. Anything that isn't here is a bug: 500, masked.
_WORDS: list[tuple[type[Exception], type[ApiError]]] = [
    (InvalidCredentials, Unauthorized),
    (BackOff, TooManyRequests),
    (rbac.InvalidName, BadRequest),
    (rbac.InvalidPassword, BadRequest),
    (rbac.InvalidPermission, BadRequest),
    (rbac.InvalidDN, BadRequest),
    (rbac.NoDirectory, BadRequest),
    (rbac.NameTaken, Conflict),
    (rbac.UserUnknown, NotFound),
    (rbac.GroupUnknown, NotFound),
    (rbac.RoleUnknown, BadRequest),
    (rbac.Protected, Forbidden),
    (projects.InvalidProjectName, BadRequest),
    (metadata.InvalidMetadata, BadRequest),
    (metadata.MetadataUnknown, NotFound),
    (metadata.MetadataExists, Conflict),
    (projects.ProjectExists, Conflict),
    (projects.ProjectUnknown, NotFound),
    (projects.ProjectNotEmpty, PreconditionFailed),
    (projects.InvalidQuota, BadRequest),
    (projects.QuotaUnknown, NotFound),
    (projects.MemberExists, Conflict),
    (projects.MemberUnknown, NotFound),
    (projects.RoleNotAssignable, BadRequest),
    (TagExists, Conflict),
    (projects.InvalidAllowlist, BadRequest),
    (projects.InvalidLabel, BadRequest),
    (projects.LabelExists, Conflict),
    (projects.LabelUnknown, NotFound),
    (AdditionUnsupported, BadRequest),
    (AdditionUnknown, NotFound),
    (ArchiveRefused, BadRequest),
    (AlreadyLabelled, Conflict),
    (NotLabelled, NotFound),
    (projects.InvalidRobot, BadRequest),
    (projects.RobotExists, Conflict),
    (projects.RobotUnknown, NotFound),
    (projects.GrantTooWide, Forbidden),
    (projects.InvalidPersonalToken, BadRequest),
    (projects.PersonalTokenExists, Conflict),
    (projects.PersonalTokenUnknown, NotFound),
    (projects.InvalidImmutableRule, BadRequest),
    (projects.ImmutableRuleExists, Conflict),
    (projects.ImmutableRuleUnknown, NotFound),
    (replication.InvalidEndpoint, BadRequest),
    (replication.EndpointExists, Conflict),
    (replication.EndpointUnknown, NotFound),
    (replication.EndpointUnhealthy, BadRequest),
    (replication.EndpointInUse, PreconditionFailed),
    (replication.InvalidPolicy, BadRequest),
    (replication.PolicyExists, Conflict),
    (replication.PolicyUnknown, NotFound),
    (replication.PolicyInUse, PreconditionFailed),
    (replication.PolicyDisabled, PreconditionFailed),
    (replication.AlreadyRunning, PreconditionFailed),
    (replication.ExecutionUnknown, NotFound),
    (replication.TaskUnknown, NotFound),
    (InvalidKey, BadRequest),
    (configuration.ItemFrozen, Forbidden),
    (configuration.ConfigurationError, BadRequest),
    # What has no line of its own yet is the client's doing nevertheless.
    (rbac.RbacError, BadRequest),
    (projects.ProjectError, BadRequest),
    (replication.ReplicationError, BadRequest),
]
_SILENT: list[tuple[type[Exception], type[ApiError]]] = [
    (OperationalError, Unavailable),
    (InterfaceError, Unavailable),
    (InternalError, Unavailable),  # a standby that takes no writes
    (SpoolError, Unavailable),
    (rbac.DirectoryUnavailable, Unavailable),
    (rbac.ProviderUnavailable, Unavailable),
    (rbac.SignInRefused, Unauthorized),
    (RequestDataTooBig, TooLarge),
    (UnreadablePostError, BadRequest),
    (SuspiciousOperation, BadRequest),
    (RecursionError, BadRequest),  # JSON nested without end
]
# The registry's errors and REST framework's say their status themselves.
_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Denied,
    404: NotFound,
    405: MethodNotAllowed,
    406: BadRequest,
    409: Conflict,
    412: PreconditionFailed,
    413: TooLarge,
    415: UnsupportedMedia,
    416: BadRequest,
    429: TooManyRequests,
    500: InternalFailure,
    503: Unavailable,
}


def as_api_error(error: Exception) -> ApiError:
    """The answer to an exception. What isn't the client's doing is logged, and its words are kept back."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, oci.RegistryError):
        return _masked(error, error.status, error.message)
    if isinstance(error, rest.APIException):
        return _masked(error, error.status_code, _flat(error.detail))
    for kind, answer in _SILENT:
        if isinstance(error, kind):
            if answer is Unavailable:
                logger.warning("%s: %s", type(error).__name__, error)
            return answer()
    for kind, answer in _WORDS:
        if isinstance(error, kind):
            return answer(str(error))
    return _unforeseen(error)


def _unforeseen(error: Exception) -> ApiError:
    if isinstance(error, IntegrityError):  # at the commit: what this refers to was deleted since it was read
        logger.warning("a change came too late", exc_info=error)
        return Conflict("this was changed by somebody else meanwhile; try again")
    logger.error("unexpected error", exc_info=error)
    return InternalFailure()


def _masked(error: Exception, status: int, words: str) -> ApiError:
    answer = _BY_STATUS.get(status, InternalFailure)
    if answer.status >= InternalFailure.status:
        logger.warning("%s: %s", type(error).__name__, words)
        return answer()
    return answer(words)


def _flat(detail: Any, name: str = "") -> str:
    """REST framework's nested complaints about a body in one line: `realname: This field is required.`"""
    if isinstance(detail, dict):
        return "; ".join(_flat(value, str(key)) for key, value in detail.items())
    if isinstance(detail, list):
        return "; ".join(_flat(value, name) for value in detail)
    return f"{name}: {detail}" if name and name != "non_field_errors" else str(detail)


def answer(error: Exception, context: object = None) -> Response:  # noqa: ARG001
    """REST framework's exception handler: the error in Harbor's envelope."""
    known = as_api_error(error)
    response = Response({"errors": [{"code": known.code, "message": known.message}]}, status=known.status)
    if isinstance(known, NotThere):
        response._has_been_logged = True  # type: ignore[attr-defined]  # no failure, though Django logs every 5xx as one
    if isinstance(error, BackOff):
        response["Retry-After"] = str(error.retry_after)
    elif isinstance(known, Unavailable):
        response["Retry-After"] = RETRY_AFTER
    return response
