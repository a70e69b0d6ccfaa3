"""What the next page says about what has just been done: carried by the browser, signed, shown once."""

from __future__ import annotations

from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE = "said"
_SALT = "portal.flash"
_SECONDS = 60
_LONGEST = 600  # characters; a cookie has some 4000 bytes


def say(request: HttpRequest, response: HttpResponse, words: str, undo: str = "") -> None:
    """Have the next page show `words`, and beside them what takes the deed back (`portal.undo`), if anything does."""
    sealed = signing.dumps([str(words)[:_LONGEST], undo], salt=_SALT, compress=True)
    response.set_cookie(COOKIE, sealed, max_age=_SECONDS, secure=request.is_secure(), httponly=True, samesite="Lax")


def said(request: HttpRequest) -> tuple[str, str]:
    """What is to be shown, and what takes it back; both "" for nothing, or what isn't ours."""
    try:
        words, undo = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_SECONDS)
    except (signing.BadSignature, ValueError):
        return "", ""
    return str(words), str(undo)


def forget(response: HttpResponse) -> None:
    """It has been shown."""
    response.delete_cookie(COOKIE, samesite="Lax")
