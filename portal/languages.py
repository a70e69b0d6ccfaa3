"""In which language and in which colours somebody sees the pages: what they chose, else what their browser says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

THEME = "theme"  # the cookie
THEMES = ("light", "dark")  # without the cookie: as the system has it
_KEPT = 365 * 24 * 3600  # seconds


@contextmanager
def speaking(request: HttpRequest) -> Iterator[str]:
    """Within, words are the reader's: a block and no middleware, since pulls and pushes pass those."""
    language = translation.get_language_from_request(request)
    with translation.override(language):
        yield language


def theme_of(request: HttpRequest) -> str:
    """One of THEMES; "" as the system has it."""
    chosen = request.COOKIES.get(THEME, "")
    return chosen if chosen in THEMES else ""


def choose(request: HttpRequest, response: HttpResponse, *, language: str | None, theme: str | None) -> None:
    """Remember what was chosen in the browser; what is neither known nor None is forgotten."""
    if language is not None:
        known = dict(settings.LANGUAGES)
        _remember(request, response, settings.LANGUAGE_COOKIE_NAME, language if language in known else "")
    if theme is not None:
        _remember(request, response, THEME, theme if theme in THEMES else "")


def _remember(request: HttpRequest, response: HttpResponse, name: str, value: str) -> None:
    if value:
        response.set_cookie(name, value, max_age=_KEPT, secure=request.is_secure(), httponly=True, samesite="Lax")
    else:
        response.delete_cookie(name, samesite="Lax")
