"""The referrers API: who refers to a manifest, filtered, paged, in whatever order things arrive."""

import json
from typing import Any

from tests.flows.conformance import pushes
from tests.flows.conformance.listing import next_page
from tests.flows.conformance.shapes import KIND_A, KIND_B, WITH_SUBJECT, Shape
from tests.flows.conformance.suite import Target, check
from tests.flows.content import OCI_INDEX, OCI_MANIFEST, Content, PushedManifest
from tests.flows.wire import Answer, Refused


def referrers_path(repository: str, digest: str) -> str:
    return f"/v2/{repository}/referrers/{digest}"


def expected_entry(manifest: PushedManifest) -> dict[str, Any]:
    """The descriptor that the specification wants in the list for this manifest."""
    document = json.loads(manifest.payload)
    kind = document.get("artifactType") or document.get("config", {}).get("mediaType")
    entry = manifest.descriptor | ({"artifactType": kind} if kind else {})
    return entry | ({"annotations": document["annotations"]} if "annotations" in document else {})


def _by_subject(content: Content) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for manifest in content.manifests:
        subject = json.loads(manifest.payload).get("subject")
        if subject:
            found.setdefault(subject["digest"], []).append(expected_entry(manifest))
    return found


def entries(answer: Answer) -> list[dict[str, Any]]:
    """All entries, page by page; each page an OCI index."""
    answer.expect(200).expect_header("Content-Type", OCI_INDEX)
    listing = answer.json()
    if (listing["schemaVersion"], listing["mediaType"]) != (2, OCI_INDEX):
        raise Refused(f"{answer}: not an index")
    return list(listing["manifests"])


def _same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    def order(entry: dict[str, Any]) -> str:
        return str(entry["digest"])

    if sorted(found, key=order) != sorted(expected, key=order):
        raise Refused(f"referrers are {found}, expected {expected}")


@check("referrers-of", shape=WITH_SUBJECT)
def listed(target: Target, shape: Shape) -> None:
    repository, content = target.pushed(shape.name, shape.make)
    for subject, expected in _by_subject(content).items():
        _same(entries(target.wire.request("GET", referrers_path(repository, subject))), expected)


@check("referrers-filtered", shape=WITH_SUBJECT)
def filtered(target: Target, shape: Shape) -> None:
    repository, content = target.pushed(shape.name, shape.make)
    for subject, everything in _by_subject(content).items():
        for kind in {KIND_A, KIND_B, "application/vnd.example.nothing"} | {each["artifactType"] for each in everything}:
            answer = target.wire.request("GET", referrers_path(repository, subject), query={"artifactType": kind})
            _same(entries(answer), [each for each in everything if each["artifactType"] == kind])
            answer.expect_header("OCI-Filters-Applied", "artifactType")


@check("referrers-without-filter-says-none-applied")
def unfiltered(target: Target) -> None:
    shape = WITH_SUBJECT[0]
    repository, content = target.pushed(shape.name, shape.make)
    answer = target.wire.request("GET", referrers_path(repository, content.manifests[0].digest))
    if answer.expect(200).headers.get("OCI-Filters-Applied"):
        raise Refused(f"{answer}: claims a filter")


@check("referrers-before-their-subject")
def early(target: Target) -> None:
    """The signature arrives first, then what it signs."""
    content, repository = Content(), target.fresh("early")
    subject = content.add_image()
    signature = content.add_artifact(KIND_A, subject=subject.descriptor)
    pushes.push_blobs(target.wire, repository, content)
    pushes.put_manifest(target.wire, repository, signature.digest, signature).expect(201)
    path = referrers_path(repository, subject.digest)
    _same(entries(target.wire.request("GET", path)), [expected_entry(signature)])
    pushes.put_manifest(target.wire, repository, "late", subject).expect(201)
    _same(entries(target.wire.request("GET", path)), [expected_entry(signature)])


@check("referrers-shrink")
def shrink(target: Target) -> None:
    """A deleted referrer leaves the list at once; a deleted subject leaves its referrers listed."""
    content, repository = Content(), target.fresh("shrink")
    subject = content.add_image()
    first = content.add_artifact(KIND_A, subject=subject.descriptor)
    second = content.add_artifact(KIND_B, subject=subject.descriptor)
    pushes.push_content(target.wire, repository, content)
    target.wire.request("DELETE", pushes.manifest_path(repository, first.digest)).expect(202)
    path = referrers_path(repository, subject.digest)
    _same(entries(target.wire.request("GET", path)), [expected_entry(second)])


@check("referrers-sha512")
def sha512(target: Target) -> None:
    content, repository = Content("sha512"), target.fresh("sha512")
    subject = content.add_image()
    signature = content.add_artifact(KIND_A, subject=subject.descriptor)
    pushes.push_content(target.wire, repository, content)
    answer = target.wire.request("GET", referrers_path(repository, subject.digest))
    _same(entries(answer), [expected_entry(signature)])


@check("referrers-paged")
def paged(target: Target) -> None:
    """More referrers than a page of 4 MiB holds: Link leads through all of them."""
    content, repository = Content(), target.fresh("paged")
    subject = content.add_image()
    notes = {"org.example.filler": "F" * 900_000}
    made = [
        content.add_artifact(KIND_A, subject=subject.descriptor, annotations=notes | {"org.example.place": str(place)})
        for place in range(6)
    ]
    pushes.push_content(target.wire, repository, content)
    answer = target.wire.request("GET", referrers_path(repository, subject.digest))
    seen = entries(answer)
    while (url := next_page(answer)) is not None:
        answer = target.wire.request("GET", url)
        if len(answer.body) > 4 * 1024 * 1024:
            raise Refused(f"{answer.url}: a page of {len(answer.body)} bytes")
        seen += entries(answer)
    _same(seen, [expected_entry(each) for each in made])


@check("referrers-tag-fallback")
def fallback(target: Target) -> None:
    """What an older client keeps under the tag `<algorithm>-<hex>` is there as it left it, and is pulled by it."""
    content, repository = Content(), target.fresh("fallback")
    subject = content.add_image()
    signature = content.add_artifact(KIND_A, subject=subject.descriptor)
    listing = content.add_manifest(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [expected_entry(signature)]}
    )
    content.tag(subject.digest.replace(":", "-"), listing)
    pushes.push_content(target.wire, repository, content)
    tag = subject.digest.replace(":", "-")
    pushes.get_manifest(target.wire, repository, tag).expect(200).expect_body(listing.payload)
    path = referrers_path(repository, subject.digest)
    _same(entries(target.wire.request("GET", path)), [expected_entry(signature)])


@check("referrers-bad-digest", digest=["latest", "sha256:xyz", "md5:" + "0" * 32])
def bad_digest(target: Target, digest: str) -> None:
    repository, _ = target.pushed(WITH_SUBJECT[0].name, WITH_SUBJECT[0].make)
    target.wire.request("GET", referrers_path(repository, digest)).expect_error(400, "DIGEST_INVALID")


@check("referrers-subject-that-is-none")
def subject_without_sense(target: Target) -> None:
    content, repository = Content(), target.fresh("senseless")
    broken = {"mediaType": OCI_MANIFEST, "digest": "sha256:short", "size": 5}
    content.add_artifact(KIND_A, subject=broken)
    pushes.push_blobs(target.wire, repository, content)
    pushes.put_manifest(target.wire, repository, "senseless", content.top).expect_error(400)
