"""The base of the API, the catalog, lists of tags and referrers."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse

from artifacts import listing
from oci.digest import Digest
from oci.errors import PaginationNumberInvalid
from oci.manifest import OCI_INDEX
from oci.reference import parse_repository
from projects.machines import visible_projects
from proxy.edge import authorize, claims_of, endpoint

_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


@endpoint("GET", "HEAD")
def base(request: HttpRequest) -> HttpResponse:
    """Any token of ours will do; without one the client learns where to fetch it."""
    claims_of(request)
    return JsonResponse({})


@endpoint("GET", "HEAD")
def catalog(request: HttpRequest) -> HttpResponse:
    """The repositories that the bearer may list."""
    claims = claims_of(request, "registry:catalog:*")
    limit = _limit(request)
    after = request.GET.get("last", "")
    page = listing.repositories(visible_projects(claims.subject, token=claims.token), after=_text(after), limit=limit)
    response = JsonResponse({"repositories": page.entries})
    return _linked(response, "/v2/_catalog", page.entries[-1] if page.more and page.entries else None, limit)


@endpoint("GET", "HEAD")
def tags(request: HttpRequest, name: str) -> HttpResponse:
    repository = parse_repository(name)
    authorize(request, repository, "pull")
    limit = _limit(request)
    page = listing.tags(repository, after=_text(request.GET.get("last", "")), limit=limit)
    response = JsonResponse({"name": repository, "tags": page.entries})
    last = page.entries[-1] if page.more and page.entries else None
    return _linked(response, f"/v2/{repository}/tags/list", last, limit)


@endpoint("GET", "HEAD")
def referrers(request: HttpRequest, name: str, digest: str) -> HttpResponse:
    """distribution-spec "Listing Referrers": an index of what has `digest` as its subject, maybe empty."""
    repository, subject = parse_repository(name), Digest.parse(digest)
    authorize(request, repository, "pull")
    limit = _limit(request)
    wanted = _text(request.GET.get("artifactType", ""))
    after = _text(request.GET.get("last", ""))
    page = listing.referrers(repository, subject, artifact_type=wanted, after=after, limit=limit)
    response = JsonResponse(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": page.entries}, content_type=OCI_INDEX
    )
    if wanted:
        response["OCI-Filters-Applied"] = "artifactType"
    last = str(page.entries[-1]["digest"]) if page.more and page.entries else None
    extra = {"artifactType": wanted} if wanted else {}
    return _linked(response, f"/v2/{repository}/referrers/{subject}", last, limit, **extra)


def _limit(request: HttpRequest) -> int:
    """`n`: how many entries the client wants, at most a page of ours. PaginationNumberInvalid for what is no number."""
    text = request.GET.get("n")
    if text is None:
        return listing.PAGE
    if not _NUMBER.fullmatch(text):
        raise PaginationNumberInvalid(f"n must be a number, not {text[:40]!r}")
    return min(int(text), listing.PAGE)


def _text(value: str) -> str:
    """A key from the client, without what PostgreSQL's text can't hold: no such name exists."""
    return value.replace("\x00", "").encode("utf-8", "ignore").decode()


def _linked(response: HttpResponse, path: str, last: str | None, limit: int, **extra: str) -> HttpResponse:
    """Add the Link to the next page (RFC 8288), when one follows `last`."""
    if last is not None:
        query = urlencode({**extra, "last": last, "n": limit})
        response["Link"] = f'<{path}?{query}>; rel="next"'
    return response
