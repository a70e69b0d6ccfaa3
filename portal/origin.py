"""Whose page made the browser send a request: ours, a foreign one, or none (no browser at all)."""

from django.http import HttpRequest

from rbac import csrf
from rbac.sessions import Carried

FIELD = "csrf_token"  # of our forms


def is_foreign(request: HttpRequest) -> bool:
    """Whether another origin's page sent it, as browsers tell (Fetch Metadata, RFC 6454). Scripts say nothing."""
    site = request.META.get("HTTP_SEC_FETCH_SITE", "")
    if site:
        return site not in {"same-origin", "none"}
    origin = request.META.get("HTTP_ORIGIN", "")
    return bool(origin) and origin != _own(request)


def is_vouched(request: HttpRequest) -> bool:
    """Whether the browser says that a page of ours sent it."""
    site, origin = request.META.get("HTTP_SEC_FETCH_SITE", ""), request.META.get("HTTP_ORIGIN", "")
    return site == "same-origin" or (not site and origin == _own(request))


def has_token(request: HttpRequest, session: Carried) -> bool:
    """Whether the header, or the form, holds the session's token."""
    presented = request.headers.get(csrf.HEADER, "") or request.POST.get(FIELD, "")
    return csrf.matches(session.secret, presented)


def _own(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"
