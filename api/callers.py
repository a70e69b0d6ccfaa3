"""Who is calling: HTTP Basic authentication, a bearer token, a session of the pages, or nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest

import audit
from api.errors import Unauthorized
from audit import spool
from audit.restraint import write_failed_login
from projects import bearers
from projects.personal import is_personal
from projects.robots import is_robot
from rbac import credentials, oidc, onboarding, sessions
from rbac.actors import ANONYMOUS, Actor
from rbac.credentials import Verified
from rbac.errors import SignInRefused
from rbac.sessions import Carried
from tokens import basic

logger = logging.getLogger(__name__)


def session_of(request: HttpRequest) -> Carried | None:
    """The session that the request carries. A request with an Authorization header carries none, whatever its
    cookies: it says who is calling, and a foreign page can't make a browser say it."""
    if request.META.get("HTTP_AUTHORIZATION"):
        return None
    return sessions.read(request.COOKIES.get(sessions.COOKIE, ""))


def identify(request: HttpRequest) -> Actor:
    """The actor of the request's credential, ANONYMOUS without one. Raises Unauthorized and InvalidCredentials for a
    bad one (it never counts as none), and BackOff."""
    header = request.META.get("HTTP_AUTHORIZATION", "")
    if not header:
        return ANONYMOUS
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return _by_bearer(rest.strip(), audit.context_of(request))
    return _by_basic(header, audit.context_of(request))


def _by_basic(header: str, context: audit.Context) -> Actor:
    try:
        presented = basic.parse(header)
    except basic.MalformedAuthorization as error:
        raise Unauthorized("Basic or Bearer authentication is expected") from error
    if presented is None:
        return ANONYMOUS
    username, password = presented.username, presented.password
    with _refusals_recorded(username, context):
        if is_robot(username):
            return _machine(bearers.robot(username, password, address=context.address), context)
        if is_personal(password):
            return _machine(bearers.token(password, username=username, address=context.address), context)
        return credentials.authenticate(username, password, address=context.address)


def _by_bearer(presented: str, context: audit.Context) -> Actor:
    """A personal access token alone says whose it is, as does an ID token of the OpenID provider's."""
    with _refusals_recorded(ANONYMOUS.name, context):
        if is_personal(presented):
            return _machine(bearers.token(presented, address=context.address), context)
        if onboarding.is_on():
            return _by_id_token(presented)
    raise Unauthorized("this is no bearer token that is taken here")


def _by_id_token(presented: str) -> Actor:
    """Somebody whom the provider vouches for and who is on-boarded. Nothing is written, nobody on-boarded by it."""
    try:
        account = onboarding.account_of(*oidc.subject_of(oidc.configured(), presented))
    except SignInRefused as error:
        logger.info("an ID token was refused as a bearer: %s", error)
        raise credentials.InvalidCredentials from error
    if account is None or not account.is_active:
        raise credentials.InvalidCredentials
    return account.actor


def _machine(verified: Verified, context: audit.Context) -> Actor:
    """A robot, or a user by a token: its login is recorded as seldom as its use is noted, as at the token service."""
    name = verified.actor.name
    if verified.fresh:
        spool.write(
            {"actor": name, "operation": "login", "resource_type": "user", "resource": name, "context": context}
        )
    return verified.actor


@contextmanager
def _refusals_recorded(username: str, context: audit.Context) -> Iterator[None]:
    try:
        yield
    except credentials.InvalidCredentials:
        write_failed_login(username, context, "failure")
        raise
    except credentials.BackOff:
        write_failed_login(username, context, "denied")
        raise
