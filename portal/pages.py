"""What every page has in common: its headers, its errors, and JSON for who isn't a person at a browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.encoding import iri_to_uri

from portal import errors
from rbac import csrf, sessions
from rbac.sessions import Carried

START = "/"

View = Callable[[HttpRequest], HttpResponse]

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",  # who is signed in differs by the cookie
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def page(*methods: str) -> Callable[[View], View]:
    """A view for `methods`, which answers every failure in words: a page to a browser, Harbor's envelope to others."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest) -> HttpResponse:
            try:
                if request.method not in methods:
                    raise errors.WrongMethod  # noqa: TRY301
                response = view(request)
            except Exception as error:  # every failure is an answer
                response = refusal(request, errors.as_page_error(error))
            if response.status_code == errors.WrongMethod.status:
                response["Allow"] = ", ".join(methods)
            for name, value in _HEADERS.items():
                response[name] = value
            return response

        return answer

    return decorate


def wants_page(request: HttpRequest) -> bool:
    """Whether a browser shows a person the answer: scripts accept anything, and don't name HTML."""
    return "text/html" in request.META.get("HTTP_ACCEPT", "")


def show(request: HttpRequest, template: str, facts: Mapping[str, Any], status: int = 200) -> HttpResponse:
    host = {"host": request.get_host(), "secure": request.is_secure()}
    return render(request, f"portal/{template}.html", {**host, **facts}, status=status)


def refusal(request: HttpRequest, error: errors.PageError) -> HttpResponse:
    if wants_page(request):
        facts = {"status": error.status, "message": error.message}
        response = render(request, "portal/problem.html", facts, status=error.status)
    else:
        envelope = {"errors": [{"code": error.code, "message": error.message}]}
        response = JsonResponse(envelope, status=error.status)
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


def session_of(request: HttpRequest) -> Carried | None:
    """The session that the browser carries; costs nothing without the cookie."""
    return sessions.read(request.COOKIES.get(sessions.COOKIE, ""))


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
        return {"username": "", "csrf_token": ""}
    return {"username": session.account.username, "csrf_token": csrf.token(session.secret)}
