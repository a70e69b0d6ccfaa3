"""Ping, and what a repository answers that nothing was pushed to; names and references that mean nothing."""

import os

from tests.flows.conformance import pushes
from tests.flows.conformance.suite import Target, check
from tests.flows.content import OCI_INDEX, image
from tests.flows.wire import Refused, digest_of


@check("ping")
def ping(target: Target) -> None:
    target.wire.request("GET", "/v2/").expect(200).expect_header("Docker-Distribution-Api-Version", "registry/2.0")


@check("nothing-yet: an empty or unknown tag list")
def empty_tag_list(target: Target) -> None:
    answer = target.wire.request("GET", f"/v2/{target.fresh()}/tags/list").expect(200, 404)
    if answer.status == 404:
        answer.expect_error(404, "NAME_UNKNOWN")
    elif answer.json().get("tags") not in ([], None):
        raise Refused(f"{answer}: tags in a repository nobody pushed to")


@check("nothing-yet: an empty referrers list")
def empty_referrers(target: Target) -> None:
    answer = target.wire.request("GET", f"/v2/{target.fresh()}/referrers/{digest_of(os.urandom(9))}").expect(200)
    answer.expect_header("Content-Type", OCI_INDEX)
    listing = answer.json()
    if (listing["schemaVersion"], listing["mediaType"], listing["manifests"]) != (2, OCI_INDEX, []):
        raise Refused(f"{answer}: not an empty index")


@check("nothing-yet: a blob is unknown")
def unknown_blob(target: Target) -> None:
    path = pushes.blob_path(target.fresh(), digest_of(os.urandom(9)))
    target.wire.request("GET", path).expect_error(404, "BLOB_UNKNOWN", "NAME_UNKNOWN")
    target.wire.request("HEAD", path).expect(404)


@check("missing-manifest: unknown by", by=["digest", "tag"])
def missing_manifest(target: Target, by: str) -> None:
    repository, _ = target.pushed("known", image)
    reference = digest_of(os.urandom(9)) if by == "digest" else f"missing-{os.urandom(4).hex()}"
    pushes.get_manifest(target.wire, repository, reference).expect_error(404, "MANIFEST_UNKNOWN")
    pushes.get_manifest(target.wire, repository, reference, "HEAD").expect(404)


@check("bad-reference: PUT by sha256:baddigeststring")
def put_bad_reference(target: Target) -> None:
    repository, content = target.pushed("known", image)
    answer = pushes.put_manifest(target.wire, repository, "sha256:baddigeststring", content.top)
    answer.expect_error(400, "DIGEST_INVALID", "MANIFEST_INVALID", "TAG_INVALID")


@check("bad-reference: GET and HEAD by sha256:baddigeststring")
def get_bad_reference(target: Target) -> None:
    repository, _ = target.pushed("known", image)
    pushes.get_manifest(target.wire, repository, "sha256:baddigeststring").expect(400, 404)
    pushes.get_manifest(target.wire, repository, "sha256:baddigeststring", "HEAD").expect(400, 404)


@check("bad-reference: a tag longer than 128 characters")
def long_tag(target: Target) -> None:
    repository, content = target.pushed("known", image)
    pushes.put_manifest(target.wire, repository, "t" * 128, content.top).expect(201)
    pushes.put_manifest(target.wire, repository, "t" * 129, content.top).expect(400, 404)
    target.wire.request("DELETE", pushes.manifest_path(repository, "t" * 128)).expect(202)


@check("bad-reference: an upload nobody began")
def unknown_upload(target: Target) -> None:
    repository, _ = target.pushed("known", image)
    path = pushes.uploads(repository) + "3fbd1b6c-3a3f-4f5e-a0f9-9a2dd0f5d001"
    codes = ("BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID")
    target.wire.request("GET", path).expect_error(404, *codes)
    pushes.patch(target.wire, target.wire.base + path, b"x" * 10, 0).expect_error(404, *codes)
    pushes.put(target.wire, target.wire.base + path, digest_of(b"")).expect_error(404, *codes)
    target.wire.request("DELETE", path).expect_error(404, *codes)
