"""The API's description: its version, the OpenAPI document, and the page that shows it and tries it out."""

from __future__ import annotations

import hashlib
import json
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe
from rest_framework.request import Request
from rest_framework.response import Response

from api import openapi
from api.endpoint import Endpoint

# Everything the page loads is ours: files below /static/, the document, and what is tried out. Swagger UI brings its
# icons along as data.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@cache
def written() -> tuple[bytes, str]:
    """The document as JSON, and its ETag: made once in a process."""
    text = json.dumps(openapi.written(), ensure_ascii=False, separators=(",", ":")).encode()
    return text, f'"{hashlib.sha256(text).hexdigest()[:32]}"'


class OpenApi(Endpoint):
    open_to_all = True

    def get(self, request: Request) -> HttpResponse:
        """What there is, for everybody: it says nothing of this installation."""
        text, etag = written()
        answer = HttpResponse(text, content_type="application/json")
        answer["Cache-Control"] = "public, no-cache"
        answer["ETag"] = etag
        return get_conditional_response(request._request, etag=etag, response=answer) or answer


class Version(Endpoint):
    open_to_all = True

    def get(self, request: Request) -> Response:
        """Which API this is: a Harbor that replicates hither takes it for Harbor 1 otherwise."""
        return Response({"version": "v2.0"})


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Swagger UI."""
    response = render(request, "api/reference.html", {"host": request.get_host()})
    response["Content-Security-Policy"] = _POLICY
    return response


@require_safe
def old_place(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Where Harbor has its page."""
    return redirect("reference")


urlpatterns = [
    path("api/v2.0/openapi.json", OpenApi.as_view(), name="openapi"),
    path("api/version", Version.as_view()),
    path("api/docs", page, name="reference"),
    path("devcenter-api-2.0", old_place),
]
