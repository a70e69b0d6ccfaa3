"""Signing in by the OpenID provider: Harbor's `/c/oidc/`."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import asdict, dataclass, field

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

import audit
from audit.restraint import write_failed_login
from configuration import values
from db.sealing import SealBroken, seal, unseal
from portal import errors, origin
from portal.pages import START, away, own_path, page, refusal, show, signed_in
from rbac import csrf, oidc, onboarding, sessions, strain
from rbac.accounts import Account
from rbac.actors import ANONYMOUS
from rbac.errors import InvalidName, NameTaken, SignInRefused
from rbac.oidc import Person, Provider

_ATTEMPT, _NEWCOMER = "oidc_attempt", "oidc_newcomer"  # cookies, sent nowhere but below:
_PATH = "/c/oidc/"
_SECONDS = 600  # that one may take at the provider
_SEALED_FOR = "sign-in attempt"


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What the browser keeps, sealed, while its person is at the provider: without it no answer counts."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    endpoint: str
    redirect_uri: str
    then: str
    began_at: float


@page("GET")
def login(request: HttpRequest) -> HttpResponse:
    """To the provider. `redirect_url` is where of ours to go afterwards."""
    provider = _provider()
    back = f"{request.scheme}://{request.get_host()}{_PATH}callback"
    attempt = oidc.begin(provider, back)
    then = own_path(request.GET.get("redirect_url", ""))
    kept = _Attempt(attempt.state, attempt.nonce, attempt.verifier, provider.endpoint, back, then, time.time())
    response = away(attempt.url)
    _keep(request, response, _ATTEMPT, seal(json.dumps(asdict(kept)).encode(), purpose=_SEALED_FOR))
    return response


@page("GET")
def callback(request: HttpRequest) -> HttpResponse:
    """From the provider. Whatever comes of it, this attempt is over."""
    try:
        response = _answered(request)
    except Exception as error:  # every failure is an answer
        response = refusal(request, errors.as_page_error(error))
    _drop(response, _ATTEMPT)
    return response


@page("GET", "POST")
def onboard(request: HttpRequest) -> HttpResponse:
    """A newcomer chooses a name."""
    presented = request.COOKIES.get(_NEWCOMER, "")
    person = onboarding.newcomer(presented) if presented else None
    if person is None or not onboarding.is_on():
        raise errors.Unasked
    name = onboarding.suggested_name(person)
    if request.method != "POST":
        return _name_form(request, presented, name)
    if origin.is_foreign(request) or not csrf.matches(presented, request.POST.get(origin.FIELD, "")):
        raise errors.Foreign
    name = request.POST.get("username", "").strip()
    try:
        account = onboarding.onboard(person, name, context=audit.context_of(request))
    except (InvalidName, NameTaken) as error:
        return _name_form(request, presented, name, errors.as_page_error(error))
    onboarding.forget_newcomer(presented)
    response = _begin_session(request, person, account, START)
    _drop(response, _NEWCOMER)
    return response


def _provider() -> Provider:
    if not onboarding.is_on():
        raise errors.NotOffered
    return oidc.configured()


def _answered(request: HttpRequest) -> HttpResponse:
    context = audit.context_of(request)
    provider, kept = _provider(), _attempt(request)
    said = {name: request.GET.get(name, "") for name in ("state", "code", "iss", "error")}
    if kept is None or not _same(kept.state, said["state"]) or kept.endpoint != provider.endpoint:
        raise errors.Unasked
    strain.check(context.address)
    try:
        if said["error"] or not said["code"]:
            raise SignInRefused(f"the provider answers {said['error'][:64]!a}")  # noqa: TRY301
        person = oidc.finish(
            provider,
            said["code"],
            said_issuer=said["iss"],
            nonce=kept.nonce,
            verifier=kept.verifier,
            redirect_uri=kept.redirect_uri,
        )
    except SignInRefused:
        strain.fail(context.address)
        write_failed_login(ANONYMOUS.name, context, "failure")
        raise
    return _welcome(request, person, kept.then)


def _welcome(request: HttpRequest, person: Person, then: str) -> HttpResponse:
    context = audit.context_of(request)
    try:
        account = onboarding.sign_in(person, context=context)
    except (InvalidName, NameTaken) as error:
        raise errors.NoName(f"{values.text('oidc_name') or 'The provider'} gives no user name: {error}.") from error
    if account is not None:
        return _begin_session(request, person, account, then)
    response = HttpResponseRedirect(f"{_PATH}onboard")
    _keep(request, response, _NEWCOMER, onboarding.remember(person))
    return response


def _begin_session(request: HttpRequest, person: Person, account: Account, then: str) -> HttpResponse:
    context = audit.context_of(request)
    if not account.is_active:
        write_failed_login(account.username, context, "failure")
        raise errors.Locked
    made = sessions.begin(
        account,
        context=context,
        instead_of=request.COOKIES.get(sessions.COOKIE, ""),
        id_token=person.id_token if values.flag("oidc_logout") else "",
    )
    return signed_in(request, HttpResponseRedirect(then), made)


def _attempt(request: HttpRequest) -> _Attempt | None:
    sealed = request.COOKIES.get(_ATTEMPT, "")
    try:
        kept = _Attempt(**json.loads(unseal(sealed, purpose=_SEALED_FOR))) if sealed else None
    except SealBroken:
        return None
    return kept if kept and 0 <= time.time() - kept.began_at <= _SECONDS else None


def _name_form(request: HttpRequest, presented: str, name: str, error: errors.PageError | None = None) -> HttpResponse:
    facts = {
        "name": name,
        "provider": values.text("oidc_name"),
        "message": error.message if error else "",
        "csrf_token": csrf.token(presented),
    }
    return show(request, "onboard", facts, status=error.status if error else 200)


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(), other.encode(errors="surrogatepass"))


def _keep(request: HttpRequest, response: HttpResponse, name: str, value: str) -> None:
    """Lax, not Strict: the provider's answer is a foreign page that leads here."""
    response.set_cookie(
        name, value, max_age=_SECONDS, path=_PATH, secure=request.is_secure(), httponly=True, samesite="Lax"
    )


def _drop(response: HttpResponse, name: str) -> None:
    response.delete_cookie(name, path=_PATH, samesite="Lax")
