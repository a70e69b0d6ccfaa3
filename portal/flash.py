"""What the next page says about what has just been done: carried by the browser, signed, shown once."""

from __future__ import annotations

from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE = "said"
_SALT = "portal.flash"
_SECONDS = 60
_LONGEST = 600  # characters; a cookie has some 4000 bytes


def say(request: HttpRequest, response: HttpResponse, words: str) -> None:
    """Have the next page show `words`."""
    sealed = signing.dumps(str(words)[:_LONGEST], salt=_SALT)
    response.set_cookie(COOKIE, sealed, max_age=_SECONDS, secure=request.is_secure(), httponly=True, samesite="Lax")


def said(request: HttpRequest) -> str:
    """What is to be shown; "" for nothing, or what isn't ours."""
    try:
        return str(signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_SECONDS))
    except signing.BadSignature:
        return ""


def forget(response: HttpResponse) -> None:
    """It has been shown."""
    response.delete_cookie(COOKIE, samesite="Lax")
