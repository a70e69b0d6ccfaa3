"""`/service/token`, where clients fetch tokens, and `/service/jwks.json`, the keys that verify them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from django.conf import settings
from django.http import HttpRequest, HttpResponse

import audit
from audit import spool
from audit.entry import Result
from audit.restraint import write_refusal
from oci import errors
from projects import machines
from projects.access import Grant, grants
from projects.personal import is_personal
from projects.robots import is_robot
from rbac import credentials
from rbac.accounts import Account
from rbac.actors import ANONYMOUS, Actor
from rbac.credentials import Verified
from rbac.names import is_plausible
from tokens import basic, issue, keys, refresh, scopes
from tokens.answers import InvalidRequest, UnsupportedGrant, json_response, refusal, token_body
from tokens.basic import Credentials
from tokens.scopes import Scope

_MAX_FORM = 64 * 1024  # bytes
_MAX_FIELDS = 200
_FORM = "application/x-www-form-urlencoded"

Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks for a token. `account` is None for whoever gets no refresh token: anonymous, a robot, a user who came by
    a personal access token."""

    actor: Actor
    account: Account | None = None


def token(request: HttpRequest) -> HttpResponse:
    """Answers distribution's token authentication (GET) and its OAuth 2.0 variant (POST)."""
    oauth = request.method == "POST"
    try:
        if oauth:
            return _post(request)
        if request.method == "GET":
            return _get(request)
    except Exception as error:  # every failure is an answer
        return refusal(error, oauth=oauth)
    return _not_supported(request, "GET, POST")


def jwks(request: HttpRequest) -> HttpResponse:
    """The public keys as an RFC 7517 key set, for whoever wants to verify our tokens."""
    if request.method not in {"GET", "HEAD"}:
        return _not_supported(request, "GET, HEAD")
    try:
        response = json_response(keys.jwks())
    except Exception as error:  # every failure is an answer
        return refusal(error, oauth=False)
    response.headers["Cache-Control"] = "public, max-age=60"
    return response


def _not_supported(request: HttpRequest, allowed: str) -> HttpResponse:
    response = refusal(errors.Unsupported(f"{request.method} is not supported here"), oauth=False)
    response.headers["Allow"] = allowed
    return response


def _get(request: HttpRequest) -> HttpResponse:
    fields = _fields(request.META.get("QUERY_STRING", ""))
    presented = basic.parse(request.META.get("HTTP_AUTHORIZATION", ""))
    _check_service(fields)
    asked = scopes.parse(fields.get("scope", ()))
    if presented is None and not asked:
        raise errors.Unauthorized
    caller, entries = _decide(request, presented, asked)
    secret = None
    if caller.account is not None and caller.account.is_local and _first(fields, "offline_token") == "true":
        secret = refresh.create(caller.account, client=_first(fields, "client_id"))
    return json_response(token_body(issue.sign(caller.actor, entries), entries, refresh_token=secret, oauth=False))


def _post(request: HttpRequest) -> HttpResponse:
    fields = _fields(_form(request))
    _check_service(fields)
    asked = scopes.parse(fields.get("scope", ()))
    grant_type = _first(fields, "grant_type")
    if grant_type == "password":
        presented = Credentials(_first(fields, "username"), _first(fields, "password"))
        caller, entries = _decide(request, presented, asked)
        secret = None
        if caller.account is not None and caller.account.is_local and _first(fields, "access_type") == "offline":
            secret = refresh.create(caller.account, client=_first(fields, "client_id"))
    elif grant_type == "refresh_token":
        secret = _first(fields, "refresh_token")
        caller = _redeem(request, secret)
        _, found = grants(None if caller.account is None else caller.account.username, _repositories(asked))
        entries = _grant(request, caller.actor, asked, {grant.repository: grant for grant in found})
    else:
        raise UnsupportedGrant("grant_type is password or refresh_token")
    return json_response(token_body(issue.sign(caller.actor, entries), entries, refresh_token=secret, oauth=True))


def _decide(
    request: HttpRequest, presented: Credentials | None, asked: Sequence[Scope]
) -> tuple[Caller, list[issue.Entry]]:
    """Who is calling, and what of `asked` is granted: one round trip for a credential that is remembered."""
    caller, found = _identify(request, presented, _repositories(asked), silent=bool(asked))
    return caller, _grant(request, caller.actor, asked, {grant.repository: grant for grant in found})


def _identify(
    request: HttpRequest, presented: Credentials | None, repositories: Sequence[str], *, silent: bool
) -> tuple[Caller, list[Grant]]:
    """Verify the credential. A `silent` login that was remembered goes unrecorded: it is one of a pull's many."""
    if presented is None:
        return Caller(ANONYMOUS), grants(None, repositories)[1]
    context = audit.context_of(request)
    try:
        verified, account, found = _verify(presented, repositories, address=context.address)
    except credentials.InvalidCredentials:
        _record_login(presented.username, context, "failure")
        raise
    except credentials.BackOff:
        _record_login(presented.username, context, "denied")
        raise
    if verified.fresh or not silent:
        _record_login(presented.username, context, "success")
    return Caller(verified.actor, account), found


def _verify(
    presented: Credentials, repositories: Sequence[str], *, address: str
) -> tuple[Verified, Account | None, list[Grant]]:
    """Who that is, its account if the credential is a user's password, and what it is where `repositories` are."""
    username, password = presented.username, presented.password
    if is_robot(username):
        verified, found = machines.verify_robot(username, password, repositories, address=address)
        return verified, None, found
    if is_personal(password):
        verified, found = machines.verify_token(username, password, repositories, address=address)
        return verified, None, found
    account, found = grants(username if is_plausible(username) else None, repositories)
    verified = credentials.verify(account, username, password, address=address)
    if verified.account is not account:  # the directory's word made or changed it, and its groups
        account, found = grants(verified.actor.name, repositories)
    return verified, account, found


def _redeem(request: HttpRequest, secret: str) -> Caller:
    try:
        account = refresh.redeem(secret)
    except refresh.InvalidRefreshToken:
        _record_login(ANONYMOUS.name, audit.context_of(request), "failure")
        raise
    return Caller(account.actor, account)


def _grant(request: HttpRequest, actor: Actor, asked: Sequence[Scope], found: Mapping[str, Grant]) -> list[issue.Entry]:
    entries = issue.granted(actor, asked, found)
    if refused := _refused(asked, entries):
        write_refusal(
            {
                "actor": actor.name,
                "operation": "create",
                "resource_type": "token",
                "resource": " ".join(refused),
                "context": audit.context_of(request),
                "result": "denied",
            }
        )
    return entries


def _refused(asked: Sequence[Scope], entries: Sequence[issue.Entry]) -> list[str]:
    """What was asked for and not granted, as scopes: a guest who tries to push is granted the pull alone."""
    granted = {(entry.kind, entry.name): {*entry.actions, "*"} for entry in entries}
    lacking = ((scope, scope.actions - granted.get((scope.kind, scope.name), set())) for scope in asked)
    return [f"{scope.kind}:{scope.name}:{','.join(sorted(actions))}" for scope, actions in lacking if actions]


def _record_login(username: str, context: audit.Context, result: Result) -> None:
    write = spool.write if result == "success" else write_refusal
    write(
        {
            "actor": username,
            "operation": "login",
            "resource_type": "user",
            "resource": username,
            "context": context,
            "result": result,
        }
    )


def _repositories(asked: Sequence[Scope]) -> list[str]:
    """The repositories among `asked`. One without a project (docker's `busybox`) can't be anybody's."""
    return [scope.name for scope in asked if scope.kind == "repository" and "/" in scope.name]


def _check_service(fields: Fields) -> None:
    """A client may leave the service out; one that means another registry's is told so."""
    if _first(fields, "service", settings.TOKEN_SERVICE) != settings.TOKEN_SERVICE:
        raise InvalidRequest(f"this is the token service of {settings.TOKEN_SERVICE}")


def _form(request: HttpRequest) -> str:
    content_type = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if content_type != _FORM:
        raise InvalidRequest(f"the form is expected as {_FORM}")
    body = request.read(_MAX_FORM + 1)
    if len(body) > _MAX_FORM:
        raise InvalidRequest(f"the form is longer than {_MAX_FORM} bytes")
    try:
        return body.decode("ascii")
    except UnicodeDecodeError as error:
        raise InvalidRequest("the form is not URL-encoded") from error


def _fields(encoded: str) -> Fields:
    try:
        return parse_qs(encoded, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise InvalidRequest("the request's fields can't be read") from error


def _first(fields: Fields, name: str, default: str = "") -> str:
    return fields.get(name, (default,))[0]
