"""What every page has in common: its headers, its errors, and JSON for who isn't a person at a browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils.encoding import iri_to_uri
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from portal import errors, flash, languages, navigation
from rbac import csrf, sessions
from rbac.actors import ANONYMOUS
from rbac.sessions import Carried

START = "/"
SIGN_IN = "/account/sign-in"
_UNATTENDED = "X-Unattended"  # said by a page that asks again and again by itself
_LONGEST_PATH = 1024

Names = ParamSpec("Names")
View = Callable[Concatenate[HttpRequest, Names], HttpResponse]

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",  # who is signed in differs by the cookie
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def page(*methods: str) -> Callable[[View[Names]], View[Names]]:
    """A view for `methods`, which answers every failure in words: a page to a browser, Harbor's envelope to others."""

    def decorate(view: View[Names]) -> View[Names]:
        @wraps(view)
        def answer(request: HttpRequest, *args: Names.args, **names: Names.kwargs) -> HttpResponse:
            with languages.speaking(request) as language:
                try:
                    if request.method not in methods:
                        session_of(request)  # the page that says so is that of whoever has signed in
                        raise errors.WrongMethod  # noqa: TRY301
                    response = view(request, *args, **names)
                except Exception as error:  # every failure is an answer
                    response = refusal(request, errors.as_page_error(error))
                response["Content-Language"] = language
            if response.status_code == errors.WrongMethod.status:
                response["Allow"] = ", ".join(methods)
            for name, value in _HEADERS.items():
                response[name] = value
            return response

        return cast(View[Names], answer)

    return decorate


def wants_page(request: HttpRequest) -> bool:
    """Whether a browser shows a person the answer: scripts accept anything, and don't name HTML."""
    return "text/html" in request.META.get("HTTP_ACCEPT", "") or is_partial(request)


def is_partial(request: HttpRequest) -> bool:
    """Whether a page of ours asks for a piece of itself (htmx does)."""
    return request.META.get("HTTP_HX_REQUEST") == "true"


def show(
    request: HttpRequest,
    template: str,
    facts: Mapping[str, Any] | None = None,
    status: int = 200,
    *,
    session: Carried | None = None,
) -> HttpResponse:
    """A page. What was to be said once is said by it."""
    words, undo = ("", "") if is_partial(request) else flash.said(request)
    known = {**_surroundings(request), **of_session(session), "said": words, "undo": undo, **(facts or {})}
    response = render(request, f"portal/{template}.html", known, status=status)
    if words:
        flash.forget(response)
    return response


def _surroundings(request: HttpRequest) -> dict[str, Any]:
    """What every template may need of the request. Reads nothing from the database."""
    return {
        "host": request.get_host(),
        "secure": request.is_secure(),
        "theme": languages.theme_of(request),
        "languages": settings.LANGUAGES,
        "here": _here(request),
    }


def _here(request: HttpRequest) -> str:
    """Where to come back to. What a provider's answer holds is nobody's to read off a page."""
    if request.path.startswith("/c/"):
        return START
    return request.get_full_path() if request.method == "GET" else request.path


def refusal(request: HttpRequest, error: errors.PageError) -> HttpResponse:
    """The answer to what went wrong. Who would have to sign in first is led there, and back afterwards."""
    if isinstance(error, errors.SignInFirst) and wants_page(request):
        return _to_sign_in(request)
    if wants_page(request):
        facts = {"title": errors.title(error), "status": error.status, "message": error.message, "advice": error.advice}
        response = show(request, "problem", facts, status=error.status, session=_remembered(request))
    else:
        envelope = {"errors": [{"code": error.code, "message": str(error.message)}]}
        response = JsonResponse(envelope, status=error.status)
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    here = _page_of(request) if is_partial(request) else request.get_full_path()
    url = f"{SIGN_IN}?{urlencode({'then': own_path(here)})}"
    if is_partial(request):  # a redirect would be followed within the page
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def _page_of(request: HttpRequest) -> str:
    """The path of the page that asks for a piece of itself, as htmx tells."""
    try:
        parts = urlsplit(request.META.get("HTTP_HX_CURRENT_URL", ""))
    except ValueError:
        return START
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def own_path(text: str) -> str:
    """`text` if it is a path of ours and can be nothing else, else the start page."""
    is_path = text.startswith("/") and len(text) <= _LONGEST_PATH and text.isprintable()
    return text if is_path and url_has_allowed_host_and_scheme(text, allowed_hosts=None) else START


def session_of(request: HttpRequest) -> Carried | None:
    """The session that the browser carries; costs nothing without the cookie."""
    is_use = request.headers.get(_UNATTENDED) != "true"
    found = sessions.read(request.COOKIES.get(sessions.COOKIE, ""), is_use=is_use)
    request._carried = found  # type: ignore[attr-defined]  # for a refusal, which may not ask again
    return found


def _remembered(request: HttpRequest) -> Carried | None:
    found: Carried | None = getattr(request, "_carried", None)
    return found


def away(url: str) -> HttpResponse:
    """A redirect to another host: the OpenID provider's, as it said itself. Longer than Django lets one be, too."""
    return HttpResponse(status=302, headers={"Location": iri_to_uri(url)})


def signed_in(request: HttpRequest, response: HttpResponse, secret: str) -> HttpResponse:
    """The response that leaves the session's secret with the browser, until that is closed."""
    response.set_cookie(sessions.COOKIE, secret, secure=request.is_secure(), httponly=True, samesite="Lax")
    return response


def signed_out(response: HttpResponse) -> HttpResponse:
    response.delete_cookie(sessions.COOKIE, samesite="Lax")
    return response


def of_session(session: Carried | None) -> dict[str, Any]:
    """What a template needs to know of who is signed in."""
    if session is None:
        return {"username": "", "navigation": navigation.offered_to(ANONYMOUS), "csrf_token": ""}
    return {
        "username": session.account.username,
        "navigation": navigation.offered_to(session.actor),
        "csrf_token": csrf.token(session.secret),
    }
