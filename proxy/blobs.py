"""GET, HEAD and DELETE of /v2/<name>/blobs/<digest>, for what nginx doesn't serve by itself.

nginx answers a plain download from a file-system store once the gate allowed it (see `proxy.gate`). Here comes
everything else: refusals, conditional requests, sha512, object stores, deletion.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from artifacts import blobs, store
from oci.digest import Digest
from oci.errors import BlobUnknown
from oci.reference import parse_repository
from proxy.edge import authorize, client_has, endpoint


@endpoint("GET", "HEAD", "DELETE")
def blob(request: HttpRequest, name: str, digest: str) -> HttpResponse:
    repository, parsed = parse_repository(name), Digest.parse(digest)
    if request.method == "DELETE":
        authorize(request, repository, "delete")
        blobs.delete(repository, parsed)
        return HttpResponse(status=202)
    authorize(request, repository, "pull")
    return _get(request, repository, parsed)


def _get(request: HttpRequest, repository: str, digest: Digest) -> HttpResponse:
    info = blobs.find(repository, digest)
    if info is None:
        raise BlobUnknown(detail={"digest": str(digest)})
    response = HttpResponse(content_type="application/octet-stream")
    response["Docker-Content-Digest"] = str(digest)
    response["ETag"] = etag = f'"{digest}"'
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    if client_has(request, etag):
        response.status_code = 304
    elif store.driver() == "filesystem":
        response["X-Accel-Redirect"] = f"/_blob/{info.digest.hex[:2]}/{info.digest.hex}"
    elif request.method == "HEAD":
        response["Accept-Ranges"] = "bytes"
        response["Content-Length"] = str(info.size)
    else:
        response.status_code = 307
        response["Location"] = store.presigned_url(info.digest)
        response["Cache-Control"] = "no-store"
    return response
