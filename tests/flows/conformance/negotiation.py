"""What HTTP offers beyond the bare bytes: conditions, caching, and what a client says it accepts."""

from tests.flows.conformance import pushes
from tests.flows.conformance.shapes import SHAPES
from tests.flows.conformance.suite import Target, check
from tests.flows.content import ACCEPT, OCI_MANIFEST, image
from tests.flows.wire import Refused

INDEX = next(shape for shape in SHAPES if shape.name == "index")


@check("etag: a manifest not modified since", by=["tag", "digest"])
def manifest_etag(target: Target, by: str) -> None:
    repository, content = target.pushed("known", image)
    path = pushes.manifest_path(repository, "latest" if by == "tag" else content.top.digest)
    etag = target.wire.request("GET", path, headers={"Accept": ACCEPT}).expect(200).headers.get("ETag", "")
    if etag != f'"{content.top.digest}"':
        raise Refused(f"ETag of a manifest is {etag!r}")
    for method in ("GET", "HEAD"):
        answer = target.wire.request(method, path, headers={"Accept": ACCEPT, "If-None-Match": etag}).expect(304)
        answer.expect_body(b"")
    target.wire.request("GET", path, headers={"Accept": ACCEPT, "If-None-Match": '"sha256:other"'}).expect(200)


@check("etag: a blob not modified since")
def blob_etag(target: Target) -> None:
    repository, content = target.pushed("known", image)
    digest, payload = next(iter(content.blobs.items()))
    path = pushes.blob_path(repository, digest)
    answer = target.wire.request("GET", path).expect(200).expect_body(payload)
    answer.expect_header("ETag", f'"{digest}"')
    target.wire.request("GET", path, headers={"If-None-Match": f'"{digest}"'}).expect(304).expect_body(b"")
    target.wire.request("GET", path, headers={"If-None-Match": '"other"'}).expect(200).expect_body(payload)


@check("cache-control: what a digest names never changes")
def cache_control(target: Target) -> None:
    repository, content = target.pushed("known", image)
    for digest in content.blobs:
        answer = target.wire.request("GET", pushes.blob_path(repository, digest)).expect(200)
        if "max-age=31536000" not in answer.headers.get("Cache-Control", ""):
            raise Refused(f"Cache-Control of a blob is {answer.headers.get('Cache-Control')!r}")


@check("accept", value=["*/*", f"{OCI_MANIFEST};q=0.5, text/html", "application/*"])
def accept(target: Target, value: str) -> None:
    repository, content = target.pushed("known", image)
    answer = target.wire.request("GET", pushes.manifest_path(repository, "latest"), headers={"Accept": value})
    answer.expect(200).expect_body(content.top.payload).expect_header("Content-Type", OCI_MANIFEST)


@check("accept: several lines")
def accept_lines(target: Target) -> None:
    repository, content = target.pushed(INDEX.name, INDEX.make)
    answer = target.wire.request("GET", pushes.manifest_path(repository, "index"), headers={"Accept": ACCEPT})
    answer.expect(200).expect_body(content.top.payload)


@check("head-says-what-get-says")
def head_like_get(target: Target) -> None:
    """The headers of HEAD are those of GET, for a manifest and for a blob."""
    repository, content = target.pushed("known", image)
    paths = [pushes.manifest_path(repository, "latest"), pushes.blob_path(repository, next(iter(content.blobs)))]
    for path in paths:
        got, head = (target.wire.request(method, path, headers={"Accept": ACCEPT}) for method in ("GET", "HEAD"))
        for name in ("Content-Type", "Content-Length", "Docker-Content-Digest", "ETag"):
            head.expect(200).expect_header(name, got.expect(200).headers.get(name, "(GET has none)"))


@check("every-answer-names-the-api")
def api_version(target: Target) -> None:
    repository, content = target.pushed("known", image)
    blob = pushes.blob_path(repository, next(iter(content.blobs)))
    for path in (blob, pushes.manifest_path(repository, "latest"), f"/v2/{repository}/tags/list"):
        answer = target.wire.request("GET", path, headers={"Accept": ACCEPT}).expect(200)
        answer.expect_header("Docker-Distribution-Api-Version", "registry/2.0")
