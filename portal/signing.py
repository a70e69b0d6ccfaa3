"""Signing in with name and password, and signing out: for people at a browser, and Harbor's `/c/` for scripts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

import audit
from audit.restraint import write_failed_login
from configuration import values
from portal import errors, origin, resuming
from portal.pages import START, away, own_path, page, session_of, show, signed_in, signed_out, wants_page
from projects.personal import is_personal
from projects.robots import is_robot
from rbac import accounts, credentials, oidc, onboarding, registration, secret, sessions
from rbac.accounts import Account
from rbac.errors import ProviderUnavailable
from rbac.models import User
from rbac.names import is_plausible


@page("GET", "HEAD")
def sign_in(request: HttpRequest) -> HttpResponse:
    """The form."""
    then = own_path(request.GET.get("then", ""))
    return HttpResponseRedirect(then) if session_of(request) else _form(request, then=then)


@page("POST")
def login(request: HttpRequest) -> HttpResponse:
    """`POST /c/login`, with `principal` and `password`: a session of its own, whatever cookie came along."""
    session = session_of(request)
    if origin.is_foreign(request) or (session and not _is_ours(request, session)):
        raise errors.Foreign
    name, password = request.POST.get("principal", ""), request.POST.get("password", "")
    try:
        account = _verify(request, name, password)
    except (credentials.InvalidCredentials, credentials.BackOff) as error:
        if not wants_page(request):
            raise
        return _form(request, name, errors.as_page_error(error), then=own_path(request.POST.get("then", "")))
    made = sessions.begin(
        account, context=audit.context_of(request), instead_of=request.COOKIES.get(sessions.COOKIE, "")
    )
    answer = _go_on(request, made) if wants_page(request) else HttpResponse(content_type="text/plain")
    return signed_in(request, answer, made)


def _go_on(request: HttpRequest, made: str) -> HttpResponse:
    """To where somebody wanted to go who had to sign in first, or on with the form that couldn't be taken then."""
    form = resuming.kept(request.POST.get(resuming.FIELD, ""))
    session = sessions.read(made) if form else None
    if form and session:
        return resuming.offer(request, form, session)
    return HttpResponseRedirect(own_path(request.POST.get("then", "")))


@page("GET", "HEAD")
def log_out(request: HttpRequest) -> HttpResponse:
    """`GET /c/log_out`, as Harbor has it. A foreign page that leads here signs nobody out."""
    response = HttpResponseRedirect(START) if wants_page(request) else HttpResponse(content_type="text/plain")
    if origin.is_foreign(request):
        return response
    session = session_of(request)
    id_token = sessions.end(session, context=audit.context_of(request)) if session else ""
    if id_token and wants_page(request) and (url := _sign_out_elsewhere(request, id_token)):
        response = away(url)
    return signed_out(response)


@page("POST")
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session of whoever asks."""
    session = session_of(request)
    if session is None:
        return HttpResponseRedirect(START)
    if origin.is_foreign(request) or not origin.has_token(request, session):
        raise errors.Foreign
    user = User.objects.get(pk=session.account.id)
    sessions.end_all(user, actor=session.actor, context=audit.context_of(request))
    return signed_out(HttpResponseRedirect(START))


def _sign_out_elsewhere(request: HttpRequest, id_token: str) -> str:
    """Where to sign out at the provider as well, if so set up. One that is away doesn't keep anybody signed in here."""
    if not (onboarding.is_on() and values.flag("oidc_logout")):
        return ""
    try:
        return oidc.sign_out_url(oidc.configured(), id_token, f"{request.scheme}://{request.get_host()}{START}")
    except ProviderUnavailable:
        return ""


def _is_ours(request: HttpRequest, session: sessions.Carried) -> bool:
    """The form may have been open since before somebody signed in, in another tab: it has no token then."""
    return origin.has_token(request, session) or origin.is_vouched(request)


def _verify(request: HttpRequest, name: str, password: str) -> Account:
    context = audit.context_of(request)
    try:
        if is_robot(name) or is_personal(password):  # nothing for pages, and nothing to show to a directory
            raise secret.refuse(name, address=context.address)
        account = accounts.read(name) if is_plausible(name) else None
        found = credentials.verify(account, name, password, address=context.address).account
    except credentials.InvalidCredentials:
        write_failed_login(name, context, "failure")
        raise
    except credentials.BackOff:
        write_failed_login(name, context, "denied")
        raise
    if found is None:
        raise credentials.InvalidCredentials
    return found


def _form(
    request: HttpRequest, name: str = "", error: errors.PageError | None = None, then: str = START
) -> HttpResponse:
    is_on = onboarding.is_on()
    facts = {
        "name": name,
        "message": error.message if error else "",
        "provider": (values.text("oidc_name") or "OpenID Connect") if is_on else "",
        "is_secondary": is_on and values.flag("primary_auth_mode"),
        "is_new": sessions.is_untouched(),
        "then": then,
        "registers": registration.is_open(),
        resuming.FIELD: request.POST.get(resuming.FIELD, ""),
    }
    response = show(request, "sign_in", facts, status=error.status if error else 200)
    if error and error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response
