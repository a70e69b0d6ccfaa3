"""The pages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from portal.pages import of_session, page, session_of, show


@page("GET", "HEAD")
def start(request: HttpRequest) -> HttpResponse:
    """What a person needs who opens the registry's address in a browser: how to sign in and to push."""
    return show(request, "start", of_session(session_of(request)))
