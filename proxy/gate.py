"""The gates nginx asks before it moves a blob's bytes itself. Only yes or no: a refusal is put into words by the view
of the request's own URL, to which nginx then sends the request."""

from __future__ import annotations

import time
from functools import wraps

from django.http import HttpRequest, HttpResponse, QueryDict

from artifacts import blobs
from oci.reference import parse_repository
from proxy.edge import View, authorize, endpoint
from proxy.uploads import check_chunk, check_room, one_digest, parse_upload

REMEMBERED = 60  # seconds that nginx may go by an answer; never longer than the token lives


def _without_challenge(view: View) -> View:
    """nginx adds a gate's challenge to the one of the view that then says the refusal: the client would see two."""

    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        response = view(request)
        response.headers.pop("WWW-Authenticate", None)
        return response

    return answer


@_without_challenge
@endpoint("GET")
def pull(request: HttpRequest) -> HttpResponse:
    """May the bearer pull from X-Repository? The answer depends on nothing but the token, so nginx may keep it."""
    claims = authorize(request, parse_repository(request.META.get("HTTP_X_REPOSITORY", "")), "pull")
    response = HttpResponse(status=204)
    response["X-Accel-Expires"] = str(max(0, min(REMEMBERED, int(claims.expires_at - time.time()))))
    return response


@_without_challenge
@endpoint("GET")
def push(request: HttpRequest) -> HttpResponse:
    """May these bytes of an upload go upstream? Notes the digest of a commit that may."""
    repository = parse_repository(request.META.get("HTTP_X_REPOSITORY", ""))
    authorize(request, repository, "pull", "push")
    method = request.META.get("HTTP_X_ORIGINAL_METHOD", "")
    query = request.META.get("HTTP_X_ORIGINAL_URI", "").partition("?")[2]
    if method in {"PATCH", "PUT"}:
        location = f"/v2/{repository}/blobs/uploads/{parse_upload(request.META.get('HTTP_X_UPLOAD', ''))}?{query}"
        digest = check_chunk(request, method, location)
        check_room(request, repository, digest)
        if digest is not None:
            blobs.note_commit(repository, digest)
    elif method == "POST":  # a whole blob in one request
        check_room(request, repository, one_digest(QueryDict(query)))
    return HttpResponse(status=204)
