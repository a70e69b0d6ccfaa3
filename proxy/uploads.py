"""Uploads: /v2/<name>/blobs/uploads/.

The bytes go from nginx to the upstream registry; what is decided here is who may send them, and mounts.
"""

from __future__ import annotations

import re
from typing import BinaryIO, cast

from django.http import HttpRequest, HttpResponse, QueryDict

from artifacts import blobs, limits, store
from artifacts import uploads as resumable
from artifacts.upstream import registry
from oci.client import BlobInfo
from oci.digest import Digest
from oci.errors import (
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    NameUnknown,
    RangeInvalid,
    RegistryError,
    SizeInvalid,
    Unavailable,
)
from oci.reference import parse_repository, project_of
from projects import quotas
from projects.machines import standing
from proxy.edge import authorize, body_length, endpoint
from rbac.policy import can
from tokens.claims import Claims

FAILED = "HTTP_X_UPLOAD_FAILED"  # nginx says who refused an upload: its `gate`, or the `upstream` registry
MOUNT_TRIES = 20  # places asked for a blob: the notes of commits, which anybody can have made, may be wrong
_UPLOAD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=-]{0,127}", re.ASCII)
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_CONTENT_RANGE = re.compile(r"(?:bytes )?(\d{1,18})-(\d{1,18})(?:/(?:\d{1,18}|\*))?", re.ASCII)


@endpoint("POST")
def uploads(request: HttpRequest, name: str) -> HttpResponse:
    """Begin an upload, mount a blob from another repository, or take a whole blob at once."""
    repository = parse_repository(name)
    mount = request.GET.get("mount")
    source = parse_repository(request.GET["from"]) if mount and request.GET.get("from") else None
    claims = authorize(request, repository, "pull", "push", also=f"repository:{source}:pull" if source else None)
    figures = quotas.figures(project_of(repository))
    if figures is None:
        raise NameUnknown(detail={"name": repository})
    digest = one_digest(request.GET) if "digest" in request.GET else None
    if digest:
        check_room(request, repository, digest)
    if _without_body(request):
        raise Unavailable
    if mount and _mount(repository, Digest.parse(mount), source, claims):
        return _created(repository, Digest.parse(mount))
    if not digest:
        limits.check_not_full(project_of(repository), figures)
    location = registry().start_upload(repository)
    if digest:
        try:
            return _commit(request, repository, location, digest)
        except Exception:
            store.forget_upload(repository, _upload_of(location))  # the client was never told where it is
            raise
    response = HttpResponse(status=202)
    response["Location"] = location
    response["Range"] = "0-0"
    response["Docker-Upload-UUID"] = _upload_of(location)
    return response


def parse_upload(text: str) -> str:
    """The name of an upload as the upstream registry makes them (a UUID); BlobUploadUnknown for anything else."""
    if not _UPLOAD.fullmatch(text):
        raise BlobUploadUnknown
    return text


def _upload_of(location: str) -> str:
    return location.partition("?")[0].rpartition("/")[2]


def _created(repository: str, digest: Digest) -> HttpResponse:
    response = HttpResponse(status=201)
    response["Location"] = f"/v2/{repository}/blobs/{digest}"
    response["Docker-Content-Digest"] = str(digest)
    return response


def _mount(repository: str, digest: Digest, source: str | None, claims: Claims) -> bool:
    """Mount from `source`, or from anywhere the caller may pull; False where no such place holds the blob."""
    candidates = [source] if source else [name for name in blobs.sources(digest) if name != repository]
    pullable = _pullable(candidates, claims)[:MOUNT_TRIES]
    return any(blobs.mount(repository, digest, candidate) for candidate in pullable)


def _pullable(repositories: list[str], claims: Claims) -> list[str]:
    """Those of `repositories` that the token's owner may pull: by the token itself, else by what its role holds now."""
    allowed = [name for name in repositories if claims.allows("repository", name, "pull")]
    if allowed or not repositories:
        return allowed
    actor, found = standing(claims.subject, repositories, token=claims.token)
    return [grant.repository for grant in found if can(actor, "repository:pull", grant)]


def _commit(request: HttpRequest, repository: str, location: str, digest: Digest) -> HttpResponse:
    """Pass a whole blob on to the upstream registry: what nginx can't judge by itself (see deploy/nginx)."""
    length = body_length(request)
    body = cast("BinaryIO", request) if length else None  # Django's request is read like a file
    try:
        canonical = registry().commit_upload(location, digest, body, length)
    except DigestInvalid:
        store.forget_upload(repository, _upload_of(location))
        raise
    blobs.remember_alias(digest, BlobInfo(canonical, _size(repository, canonical, digest)))
    blobs.note_commit(repository, digest)
    return _created(repository, digest)


def _size(repository: str, canonical: Digest, digest: Digest) -> int:
    """Bytes of a blob just committed; asked only where an alias has to remember them."""
    if canonical == digest:
        return 0
    info = registry().head_blob(repository, canonical)
    if info is None:
        raise BlobUploadInvalid(f"the upstream registry lost {canonical}")
    return info.size


@endpoint("GET", "HEAD", "DELETE", "PATCH", "PUT")
def upload(request: HttpRequest, name: str, upload: str) -> HttpResponse:
    """One upload's status and end. PATCH and PUT come here only when nginx may not pass them upstream itself."""
    repository = parse_repository(name)
    authorize(request, repository, "pull", "push")
    location = f"/v2/{repository}/blobs/uploads/{parse_upload(upload)}?{request.META.get('QUERY_STRING', '')}"
    if request.method == "DELETE":
        return _cancel(repository, location)
    if request.META.get(FAILED) == "upstream":
        raise _failure(repository, location)
    if request.method in {"PATCH", "PUT"}:
        digest = check_chunk(request, request.method, location)
        check_room(request, repository, digest)
        if digest is not None and digest.algorithm != "sha256" and not _without_body(request):
            return _commit(request, repository, location, digest)
        raise Unavailable  # the gate refused what is allowed now: it was away, or has just been told otherwise
    return _status(repository, location)


def _without_body(request: HttpRequest) -> bool:
    """nginx sends what its gate refused without the bytes, so that we say why: there is nothing to commit then."""
    return request.META.get(FAILED) == "gate"


def _failure(repository: str, location: str) -> RegistryError:
    """What the upstream registry's 400 to an upload was about: a commit that doesn't match its digest.

    It keeps the bytes, and no location leads to them any more, so that they can't be cancelled: they are removed.
    """
    digest = one_digest(QueryDict(location.partition("?")[2]))
    store.forget_upload(repository, _upload_of(location))
    return DigestInvalid(f"the uploaded bytes don't match {digest}")


def _status(repository: str, location: str) -> HttpResponse:
    status = resumable.status(repository, _upload_of(location), location)
    if status is None:
        raise BlobUploadUnknown
    response = HttpResponse(status=204)
    response["Location"] = status[0]
    response["Range"] = f"0-{max(status[1] - 1, 0)}"
    response["Docker-Upload-UUID"] = _upload_of(location)
    return response


def _cancel(repository: str, location: str) -> HttpResponse:
    if not registry().cancel_upload(location):
        raise BlobUploadUnknown
    store.forget_upload(repository, _upload_of(location))
    return HttpResponse(status=204)


def check_chunk(request: HttpRequest, method: str, location: str) -> Digest | None:
    """What the upstream registry doesn't check of a PATCH or PUT: the chunk's place, the closing digest's form.

    `method` is the client's, of which a gate's request only tells. Returns the digest of a PUT. Raises RangeInvalid
    (416) for a chunk that doesn't begin where the upload ends, SizeInvalid for one that isn't as long as its range,
    DigestInvalid, BlobUploadUnknown.
    """
    length = request.META.get("HTTP_X_CONTENT_LENGTH")
    digest = None
    if method == "PUT":
        digest = one_digest(QueryDict(location.partition("?")[2]))
    match = _content_range(request)
    if match is not None:
        span = int(match[2]) - int(match[1]) + 1
        if length and length != str(span):
            raise SizeInvalid(f"the chunk is {length[:20]} bytes, its Content-Range names {span}")
        status = registry().upload_status(location)
        if status is None:
            raise BlobUploadUnknown
        if int(match[1]) != status[1]:
            raise RangeInvalid(f"the chunk begins at {match[1]}, the upload ends at {status[1]}")
    return digest


def _content_range(request: HttpRequest) -> re.Match[str] | None:
    """The place that a chunk says it has; RangeInvalid for what is none."""
    text = request.META.get("HTTP_CONTENT_RANGE")
    if text is None:
        return None
    match = _CONTENT_RANGE.fullmatch(text.strip())
    if match is None or int(match[2]) < int(match[1]):
        raise RangeInvalid(f"malformed Content-Range {text[:80]!r}")
    return match


def check_room(request: HttpRequest, repository: str, digest: Digest | None) -> None:
    """Refuse bytes that are announced and that the project has no room for: QuotaExceeded. What streams without a
    length, as docker's does, is judged with its manifest."""
    length = request.META.get("HTTP_X_CONTENT_LENGTH") or request.META.get("CONTENT_LENGTH") or ""
    if not _LENGTH.fullmatch(length):
        return
    chunk = _content_range(request)
    size = int(chunk[2]) + 1 if chunk else int(length)
    # Without a range and a digest it is one PATCH with all of a blob.
    whole = chunk is None and digest is None
    limits.foresee_upload(project_of(repository), size, digest=digest, is_whole=whole)


def one_digest(query: QueryDict) -> Digest:
    """The blob's digest in the query. Of two, the upstream registry would verify the one and we believe the other."""
    digests = query.getlist("digest")
    if len(digests) != 1:
        raise DigestInvalid("the end of an upload needs the blob's digest, once")
    return Digest.parse(digests[0])
