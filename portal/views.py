"""The pages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """What a person needs who opens the registry's address in a browser: how to sign in and to push."""
    response = render(request, "portal/start.html", {"host": request.get_host(), "secure": request.is_secure()})
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'"
    return response
