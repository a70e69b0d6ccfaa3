"""Manifests of every shape: up by digest, by tag and with tag parameters, and back byte for byte."""

import json
import os
from collections.abc import Callable

from tests.flows.conformance import pushes
from tests.flows.conformance.shapes import MANIFEST_LIMIT, SHAPES, TAGGED, Shape, index
from tests.flows.conformance.suite import Target, check
from tests.flows.content import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_MANIFEST,
    Content,
    PushedManifest,
    image,
)
from tests.flows.wire import Answer, Refused, digest_of


@check("push-by-digest", shape=SHAPES)
def by_digest(target: Target, shape: Shape) -> None:
    repository, content = target.fresh(shape.name), shape.make()
    pushes.push_blobs(target.wire, repository, content)
    for manifest in content.manifests:
        answer = pushes.put_manifest(target.wire, repository, manifest.digest, manifest)
        _taken(target, answer, manifest, manifest.digest)


@check("push-by-tag", shape=TAGGED)
def by_tag(target: Target, shape: Shape) -> None:
    """Children by digest, then the tagged by tag alone, as docker pushes an image."""
    repository, content = target.fresh(shape.name), shape.make()
    pushes.push_blobs(target.wire, repository, content)
    names = {digest: tag for tag, digest in content.tags.items()}
    for manifest in content.manifests:
        reference = names.get(manifest.digest, manifest.digest)
        answer = pushes.put_manifest(target.wire, repository, reference, manifest)
        _taken(target, answer, manifest, manifest.digest)


def _taken(target: Target, answer: Answer, manifest: PushedManifest, digest: str) -> None:
    answer.expect(201).expect_header("Docker-Content-Digest", digest)
    subject = json.loads(manifest.payload).get("subject")
    if subject:
        answer.expect_header("OCI-Subject", subject["digest"])
    _same(pushes.get_manifest(target.wire, *_place(answer.location)), manifest, digest)


def _place(location: str) -> tuple[str, str]:
    repository, _, reference = location.partition("/v2/")[2].partition("/manifests/")
    return repository, reference


def _same(answer: Answer, manifest: PushedManifest, digest: str) -> None:
    answer.expect(200).expect_body(manifest.payload if answer.method == "GET" else b"")
    answer.expect_header("Content-Type", manifest.media_type)
    answer.expect_header("Content-Length", str(len(manifest.payload)))
    answer.expect_header("Docker-Content-Digest", digest)


@check("push-with-tag-parameters", algorithm=["sha256", "sha512"])
def tag_parameters(target: Target, algorithm: str) -> None:
    """PUT by digest with `?tag=`, twice for the top: each tag is confirmed by OCI-Tag, and resolves."""
    content, repository = Content(algorithm), target.fresh("params")
    index(content)
    pushes.push_blobs(target.wire, repository, content)
    for place, manifest in enumerate(content.manifests):
        tags = [f"{algorithm}-{place}"] + (["top"] if manifest is content.top else [])
        answer = pushes.put_manifest(target.wire, repository, manifest.digest, manifest, tags)
        _taken(target, answer, manifest, manifest.digest)
        confirmed = {tag.strip() for line in answer.headers.getlist("OCI-Tag") for tag in line.split(",")}
        if confirmed != set(tags):
            raise Refused(f"{answer}: OCI-Tag confirms {confirmed}, expected {tags}")
        for tag in tags:
            _same(pushes.get_manifest(target.wire, repository, tag), manifest, manifest.digest)
            target.wire.request("DELETE", pushes.manifest_path(repository, tag)).expect(202)
            pushes.get_manifest(target.wire, repository, tag, "HEAD").expect(404)


METHODS = ["GET", "HEAD"]


@check("manifest-get-by-tag", shape=TAGGED)
def get_by_tag(target: Target, shape: Shape) -> None:
    _read(target, shape, "GET", tags=True)


@check("manifest-head-by-tag", shape=TAGGED)
def head_by_tag(target: Target, shape: Shape) -> None:
    _read(target, shape, "HEAD", tags=True)


@check("manifest-get-by-digest", shape=SHAPES)
def get_by_digest(target: Target, shape: Shape) -> None:
    _read(target, shape, "GET", tags=False)


@check("manifest-head-by-digest", shape=SHAPES)
def head_by_digest(target: Target, shape: Shape) -> None:
    _read(target, shape, "HEAD", tags=False)


def _read(target: Target, shape: Shape, method: str, *, tags: bool) -> None:
    repository, content = target.pushed(shape.name, shape.make)
    references = content.tags if tags else {each.digest: each.digest for each in content.manifests}
    for reference, digest in references.items():
        answer = pushes.get_manifest(target.wire, repository, reference, method)
        _same(answer, content.manifest(digest), digest)


@check("blobs-of", shape=SHAPES)
def blobs(target: Target, shape: Shape) -> None:
    repository, content = target.pushed(shape.name, shape.make)
    for digest, payload in content.blobs.items():
        answer = target.wire.request("HEAD", pushes.blob_path(repository, digest)).expect(200)
        answer.expect_header("Content-Length", str(len(payload))).expect_header("Docker-Content-Digest", digest)
        target.wire.fetch(pushes.blob_path(repository, digest)).expect(200).expect_body(payload)


def _docker_image() -> Content:
    content = Content()
    layer, _ = content.add_layer()
    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": content.add_blob(os.urandom(50), DOCKER_CONFIG),
        "layers": [layer | {"mediaType": DOCKER_LAYER}],
    }
    content.add_manifest(document)
    return content.tag("docker")


def _docker_list() -> Content:
    content = _docker_image()
    entry = content.top.descriptor | {"platform": {"os": "linux", "architecture": "amd64"}}
    content.add_manifest({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [entry]})
    return content.tag("list")


@check("docker-schema-2", kind=["manifest", "list"])
def docker_schema(target: Target, kind: str) -> None:
    by_tag(target, Shape("docker", _docker_image if kind == "manifest" else _docker_list))


@check("docker-schema-1-is-refused")
def schema_one(target: Target) -> None:
    kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    payload = json.dumps({"schemaVersion": 1, "name": "x/y", "tag": "old", "fsLayers": [], "history": []}).encode()
    repository, _ = target.pushed("known", image)
    answer = pushes.put_manifest(target.wire, repository, "old", PushedManifest(digest_of(payload), kind, payload))
    answer.expect_error(400, "MANIFEST_INVALID", "UNSUPPORTED")


@check("manifest-bad-digest", algorithm=["sha256", "sha512"])
def bad_digest(target: Target, algorithm: str) -> None:
    """The digest of other bytes: refused, and nothing is there under either."""
    content, repository = Content(algorithm), target.fresh("bad")
    content.add_image()
    pushes.push_blobs(target.wire, repository, content)
    spoilt = PushedManifest(content.top.digest, OCI_MANIFEST, content.top.payload + b"  ")
    pushes.put_manifest(target.wire, repository, spoilt.digest, spoilt).expect_error(400, "DIGEST_INVALID")
    for digest in (spoilt.digest, digest_of(spoilt.payload, algorithm)):
        pushes.get_manifest(target.wire, repository, digest).expect(404)
    pushes.put_manifest(target.wire, repository, content.top.digest, content.top).expect(201)


@check("manifest-needs-its", part=["config", "layer", "child"])
def missing_parts(target: Target, part: str) -> None:
    """What isn't there cannot be referred to; once it is there, the same manifest is taken."""
    content, repository = Content(), target.fresh("parts")
    index(content)
    pushes.push_blobs(target.wire, repository, content)
    child = content.manifests[0]
    if part != "child":
        document = json.loads(child.payload)
        missing = (document["config"] if part == "config" else document["layers"][0])["digest"]
        target.wire.request("DELETE", pushes.blob_path(repository, missing)).expect(202)
    refused = content.top if part == "child" else child
    answer = pushes.put_manifest(target.wire, repository, "broken", refused)
    answer.expect_error(400 if answer.status == 400 else 404, "MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN")
    pushes.get_manifest(target.wire, repository, "broken").expect(404)
    pushes.push_content(target.wire, repository, content)


@check("manifest-too-large")
def too_large(target: Target) -> None:
    content, repository = Content(), target.fresh("huge")
    content.add_image(extra={"annotations": {"org.example.filler": "F" * MANIFEST_LIMIT}})
    pushes.push_blobs(target.wire, repository, content)
    answer = pushes.put_manifest(target.wire, repository, "huge", content.top)
    answer.expect_error(answer.status if answer.status in (400, 413) else 413)


def _mangled(change: Callable[[dict[str, object]], object]) -> Callable[[bytes], bytes]:
    def mangle(payload: bytes) -> bytes:
        document = json.loads(payload)
        change(document)
        return json.dumps(document).encode()

    return mangle


MANGLED: dict[str, Callable[[bytes], bytes]] = {
    "not JSON": lambda _: b"{ this is no JSON",
    "empty": lambda _: b"",
    "a list": lambda _: b"[]",
    "a number": lambda _: b"7",
    "not UTF-8": lambda payload: payload.replace(b"schema", b"\xff\xfe"),
    "config is a string": _mangled(lambda d: d.update(config="none")),
    "layers is an object": _mangled(lambda d: d.update(layers={})),
    "a digest that is none": _mangled(lambda d: d.update(config={"mediaType": OCI_CONFIG, "size": 1, "digest": "x:y"})),
    "a negative size": _mangled(lambda d: d["config"].update(size=-1)),  # type: ignore[attr-defined]
    "another mediaType": _mangled(lambda d: d.update(mediaType=DOCKER_MANIFEST)),
    "very deep": lambda _: b'{"schemaVersion":2,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@check("manifest-is-no-manifest", how=list(MANGLED))
def mangled(target: Target, how: str) -> None:
    repository, content = target.pushed("known", image)
    payload = MANGLED[how](content.top.payload)
    spoilt = PushedManifest(digest_of(payload), OCI_MANIFEST, payload)
    tag = f"mangled-{os.urandom(4).hex()}"
    pushes.put_manifest(target.wire, repository, tag, spoilt).expect_error(400)
    pushes.get_manifest(target.wire, repository, tag).expect(404)


@check("manifest-content-type", value=["text/plain", "application/json", "image/png; charset=x"])
def content_type(target: Target, value: str) -> None:
    """A media type that names no manifest: refused, never stored as something else."""
    repository, content = target.pushed("known", image)
    spoilt = PushedManifest(content.top.digest, value, content.top.payload)
    answer = pushes.put_manifest(target.wire, repository, "untyped", spoilt)
    answer.expect_error(answer.status if answer.status in (400, 415) else 400)


@check("tag-moves")
def tag_moves(target: Target) -> None:
    repository, content = target.push("moves", image())
    newer = image()
    pushes.push_content(target.wire, repository, newer)
    _same(pushes.get_manifest(target.wire, repository, "latest"), newer.top, newer.top.digest)
    _same(pushes.get_manifest(target.wire, repository, content.top.digest), content.top, content.top.digest)
