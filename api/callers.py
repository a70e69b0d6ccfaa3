"""Who is calling: HTTP Basic authentication, a session of the pages, or nobody."""

from __future__ import annotations

from django.http import HttpRequest

import audit
from api.errors import Unauthorized
from audit.entry import Result
from audit.restraint import write_refusal
from projects.personal import is_personal
from projects.robots import is_robot
from rbac import credentials, sessions
from rbac.actors import ANONYMOUS, Actor
from rbac.sessions import Carried
from tokens import basic


def session_of(request: HttpRequest) -> Carried | None:
    """The session that the request carries. A request with an Authorization header carries none, whatever its
    cookies: it says who is calling, and a foreign page can't make a browser say it."""
    if request.META.get("HTTP_AUTHORIZATION"):
        return None
    return sessions.read(request.COOKIES.get(sessions.COOKIE, ""))


def identify(request: HttpRequest) -> Actor:
    """The actor of the request's credential, ANONYMOUS without one. Raises Unauthorized and InvalidCredentials for a
    bad one (it never counts as none), and BackOff."""
    try:
        presented = basic.parse(request.META.get("HTTP_AUTHORIZATION", ""))
    except basic.MalformedAuthorization as error:
        raise Unauthorized("Basic authentication is expected") from error
    if presented is None:
        return ANONYMOUS
    if is_robot(presented.username) or is_personal(presented.password):
        # Not yet taken here; and a secret of ours is nothing to show to a directory.
        raise Unauthorized("robots and personal access tokens can't use the API yet")
    context = audit.context_of(request)
    try:
        return credentials.authenticate(presented.username, presented.password, address=context.address)
    except credentials.InvalidCredentials:
        _record(presented.username, context, "failure")
        raise
    except credentials.BackOff:
        _record(presented.username, context, "denied")
        raise


def _record(username: str, context: audit.Context, result: Result) -> None:
    write_refusal(
        {
            "actor": username,
            "operation": "login",
            "resource_type": "user",
            "resource": username,
            "context": context,
            "result": result,
        }
    )
