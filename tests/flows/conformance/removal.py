"""Deleting tags, manifests and blobs: what is deleted is gone with the answer, and nothing else is."""

from tests.flows.conformance import pushes
from tests.flows.conformance.shapes import SHAPES, TAGGED, Shape
from tests.flows.conformance.suite import Target, check
from tests.flows.content import image


@check("delete-tags-of", shape=TAGGED)
def tags(target: Target, shape: Shape) -> None:
    """A tag goes alone: the manifest stays under its digest."""
    repository, content = target.push(shape.name, shape.make())
    for tag, digest in content.tags.items():
        target.wire.request("DELETE", pushes.manifest_path(repository, tag)).expect(202)
        for method in ("GET", "HEAD"):
            pushes.get_manifest(target.wire, repository, tag, method).expect(404)
        answer = pushes.get_manifest(target.wire, repository, digest).expect(200)
        answer.expect_body(content.manifest(digest).payload)
        target.wire.request("DELETE", pushes.manifest_path(repository, tag)).expect_error(404, "MANIFEST_UNKNOWN")


@check("delete-manifests-of", shape=SHAPES)
def manifests(target: Target, shape: Shape) -> None:
    """By digest, parents first; the tags that named it go with it."""
    repository, content = target.push(shape.name, shape.make())
    for manifest in reversed(content.manifests):
        target.wire.request("DELETE", pushes.manifest_path(repository, manifest.digest)).expect(202)
        for method in ("GET", "HEAD"):
            pushes.get_manifest(target.wire, repository, manifest.digest, method).expect(404)
    for tag in content.tags:
        pushes.get_manifest(target.wire, repository, tag).expect(404)
    listing = target.wire.request("GET", f"/v2/{repository}/tags/list").expect(200, 404)
    assert listing.status == 404 or not listing.json()["tags"], str(listing)


@check("delete-blobs-of", shape=SHAPES)
def blobs(target: Target, shape: Shape) -> None:
    repository, content = target.push(shape.name, shape.make())
    for manifest in reversed(content.manifests):
        target.wire.request("DELETE", pushes.manifest_path(repository, manifest.digest)).expect(202)
    for digest in content.blobs:
        target.wire.request("DELETE", pushes.blob_path(repository, digest)).expect(202)
        pushes.absent(target.wire, repository, digest)


@check("delete-and-push-again")
def again(target: Target) -> None:
    repository, content = target.push("again", image())
    target.wire.request("DELETE", pushes.manifest_path(repository, content.top.digest)).expect(202)
    for digest in content.blobs:
        target.wire.request("DELETE", pushes.blob_path(repository, digest)).expect(202)
    pushes.push_content(target.wire, repository, content)
    pushes.get_manifest(target.wire, repository, "latest").expect(200).expect_body(content.top.payload)
    for digest, payload in content.blobs.items():
        target.wire.fetch(pushes.blob_path(repository, digest)).expect(200).expect_body(payload)


@check("delete-in-one-repository-alone")
def alone(target: Target) -> None:
    """The same content in two repositories: a deletion in one is not seen in the other."""
    content = image()
    first, second = target.push("one", content)[0], target.push("two", content)[0]
    target.wire.request("DELETE", pushes.manifest_path(first, content.top.digest)).expect(202)
    for digest in content.blobs:
        target.wire.request("DELETE", pushes.blob_path(first, digest)).expect(202)
    pushes.get_manifest(target.wire, second, "latest").expect(200).expect_body(content.top.payload)
    for digest, payload in content.blobs.items():
        target.wire.fetch(pushes.blob_path(second, digest)).expect(200).expect_body(payload)
