"""GET, HEAD, PUT and DELETE of /v2/<name>/manifests/<reference>."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

import audit
from artifacts import manifests, pulls, push, tagging
from artifacts.manifests import Stored
from oci import manifest as oci_manifest
from oci import tagged
from oci.digest import Digest
from oci.errors import ManifestTooLarge, ManifestUnknown, TagInvalid, Unavailable
from oci.reference import parse_reference, parse_repository, parse_tag
from proxy.edge import authorize, body_length, client_has, endpoint
from proxy.uploads import FAILED

TAG_PARAMETERS = 100  # tags that one push by digest may set


@endpoint("GET", "HEAD", "PUT", "DELETE")
def manifest(request: HttpRequest, name: str, reference: str) -> HttpResponse:
    repository = parse_repository(name)
    parsed = parse_reference(reference)
    if request.method == "PUT":
        return _put(request, repository, parsed)
    if request.method == "DELETE":
        return _delete(request, repository, parsed)
    return _get(request, repository, parsed)


def _get(request: HttpRequest, repository: str, reference: Digest | str) -> HttpResponse:
    claims = authorize(request, repository, "pull")
    stored = _negotiate(request, repository, reference, manifests.find(repository, reference))
    response = HttpResponse(content_type=stored.media_type)
    headers = response.headers
    headers["Docker-Content-Digest"] = stored.digest
    headers["ETag"] = etag = f'"{stored.digest}"'
    # What a digest names never changes; where a tag points has to be asked each time.
    immutable = isinstance(reference, Digest)
    headers["Cache-Control"] = "private, max-age=31536000, immutable" if immutable else "private, no-cache"
    if client_has(request, etag):
        response.status_code = 304
        return response
    headers["Content-Length"] = str(len(stored.payload))
    if request.method == "GET":
        tag = "" if isinstance(reference, Digest) else reference
        pulls.note(repository, stored.digest, tag, actor=claims.actor.name, context=audit.context_of(request))
        response.content = stored.payload
    return response


def _negotiate(request: HttpRequest, repository: str, reference: Digest | str, stored: Stored) -> Stored:
    """What the client accepts of what is there: the manifest itself or, for a tag on an index, its linux/amd64 image.

    A digest is answered with the bytes it names or not at all.
    """
    accepts = _accepted(request)
    if not accepts or accepts & {stored.media_type, "*/*", "application/*", "application/json"}:
        return stored
    if isinstance(reference, str) and stored.media_type in oci_manifest.INDEX_TYPES:
        child = manifests.platform_child(repository, stored, accepts)
        if child is not None:
            return child
    raise ManifestUnknown(f"the manifest is of type {stored.media_type}, which the Accept header doesn't name")


def _accepted(request: HttpRequest) -> set[str]:
    """The media types of the Accept header, without parameters; empty when the client doesn't care."""
    parts = request.META.get("HTTP_ACCEPT", "").lower().split(",")
    return {media_type for part in parts if (media_type := part.partition(";")[0].strip())}


def _put(request: HttpRequest, repository: str, reference: Digest | str) -> HttpResponse:
    claims = authorize(request, repository, "pull", "push")
    if request.META.get(FAILED):
        raise Unavailable  # the gate was away, and nginx didn't send us the body
    if body_length(request) > settings.MANIFEST_LIMIT:
        raise ManifestTooLarge(f"a manifest may be {settings.MANIFEST_LIMIT} bytes")
    pushed = push.push(
        repository,
        reference,
        request.body,
        request.META.get("CONTENT_TYPE", ""),
        tags=_tag_parameters(request, reference),
        tagged_at=tagged.read(request.headers.get(tagged.HEADER, "")),
        actor=claims.actor,
        context=audit.context_of(request),
    )
    response = HttpResponse(status=201)
    response["Location"] = f"/v2/{repository}/manifests/{pushed.digest}"
    response["Docker-Content-Digest"] = str(pushed.digest)
    if pushed.subject is not None:
        response["OCI-Subject"] = str(pushed.subject)
    if pushed.tags and isinstance(reference, Digest):
        response["OCI-Tag"] = ", ".join(pushed.tags)
    return response


def _tag_parameters(request: HttpRequest, reference: Digest | str) -> list[str]:
    """`?tag=` of a push by digest, which may come several times (distribution-spec 1.2, "Pushing Manifests")."""
    tags = [parse_tag(tag) for tag in request.GET.getlist("tag")]
    if len(tags) > TAG_PARAMETERS:
        raise TagInvalid(f"more than {TAG_PARAMETERS} tags in one push")
    if tags and not isinstance(reference, Digest):
        raise TagInvalid("tag parameters go with a push by digest")
    return tags


def _delete(request: HttpRequest, repository: str, reference: Digest | str) -> HttpResponse:
    claims = authorize(request, repository, "delete")
    context = audit.context_of(request)
    if isinstance(reference, Digest):
        manifests.delete(repository, reference, actor=claims.actor, context=context)
    else:
        tagging.delete(repository, reference, actor=claims.actor, context=context)
    return HttpResponse(status=202)
