"""The in-memory registry, in what the client doesn't ask of it."""

import json

import pytest
import urllib3

from oci.digest import Digest
from oci.manifest import OCI_INDEX, OCI_MANIFEST

HELLO = b"hello, registry"
DIGEST = Digest.of(HELLO)


@pytest.fixture
def ask(memory):
    """Raw requests, as another client would make them."""

    def send(method, target, body=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return urllib3.request(method, memory.url + target, body=body, headers=named, retries=False, redirect=False)

    return send


def code_of(response) -> str:
    code: str = response.json()["errors"][0]["code"]
    return code


def put_index(ask, reference, **fields) -> Digest:
    payload = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], **fields}).encode()
    response = ask("PUT", f"/v2/p/r/manifests/{reference or Digest.of(payload)}", payload, Content_Type=OCI_INDEX)
    assert response.status == 201
    return Digest.of(payload)


def test_a_blob_may_come_in_one_request(ask):
    created = ask("POST", f"/v2/p/r/blobs/uploads/?digest={DIGEST}", HELLO)
    assert created.status == 201
    assert created.headers["Docker-Content-Digest"] == str(DIGEST)
    assert ask("GET", created.headers["Location"]).data == HELLO


def test_chunks_must_come_in_order(ask):
    location = ask("POST", "/v2/p/r/blobs/uploads/").headers["Location"]
    assert ask("PATCH", location, HELLO[:5], Content_Range="5-9").status == 416
    first = ask("PATCH", location, HELLO[:5], Content_Range="0-4")
    assert (first.status, first.headers["Range"]) == (202, "0-4")
    last = ask("PUT", first.headers["Location"] + f"&digest={DIGEST}", HELLO[5:], Content_Range="5-14")
    assert last.status == 201


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-4", 206, HELLO[:5]),
        ("bytes=5-", 206, HELLO[5:]),
        ("bytes=5-999", 206, HELLO[5:]),
        ("bytes=15-", 416, b""),
        ("bytes=5-4", 416, b""),
        ("nonsense", 200, HELLO),
    ],
)
def test_a_blob_is_served_in_ranges(ask, asked, status, expected):
    ask("POST", f"/v2/p/r/blobs/uploads/?digest={DIGEST}", HELLO)
    response = ask("GET", f"/v2/p/r/blobs/{DIGEST}", Range=asked)
    assert (response.status, response.data) == (status, expected)


def test_referrers_are_listed_and_filtered(ask):
    subject = put_index(ask, "image")
    descriptor = {"mediaType": OCI_INDEX, "digest": str(subject), "size": 1}
    sbom = put_index(ask, None, subject=descriptor, artifactType="x/sbom", annotations={"a": "b"})
    put_index(ask, None, subject=descriptor, artifactType="x/signature")
    everything = ask("GET", f"/v2/p/r/referrers/{subject}")
    assert everything.headers["Content-Type"] == OCI_INDEX
    assert len(everything.json()["manifests"]) == 2
    filtered = ask("GET", f"/v2/p/r/referrers/{subject}?artifactType=x/sbom")
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    (entry,) = filtered.json()["manifests"]
    assert (entry["digest"], entry["artifactType"], entry["annotations"]) == (str(sbom), "x/sbom", {"a": "b"})


def test_a_subject_is_acknowledged(ask):
    subject = {"mediaType": OCI_MANIFEST, "digest": str(DIGEST), "size": 1}
    payload = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "subject": subject}).encode()
    response = ask("PUT", "/v2/p/r/manifests/x", payload, Content_Type=OCI_INDEX)
    assert response.headers["OCI-Subject"] == str(DIGEST)


def test_lists_are_paged(ask):
    for tag in ("c", "a", "b"):
        put_index(ask, tag)
    first = ask("GET", "/v2/p/r/tags/list?n=2")
    assert first.json() == {"name": "p/r", "tags": ["a", "b"]}
    assert first.headers["Link"] == '</v2/p/r/tags/list?n=2&last=b>; rel="next"'
    second = ask("GET", "/v2/p/r/tags/list?n=2&last=b")
    assert second.json()["tags"] == ["c"]
    assert "Link" not in second.headers
    assert code_of(ask("GET", "/v2/_catalog?n=x")) == "PAGINATION_NUMBER_INVALID"


def test_a_tag_is_deleted_alone(ask, memory):
    digest = put_index(ask, "one")
    put_index(ask, "two")
    assert ask("DELETE", "/v2/p/r/manifests/one").status == 202
    assert memory.repositories["p/r"].tags == {"two": digest}
    assert digest in memory.repositories["p/r"].manifests


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/v2/p/r/tags/list", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/p/r/blobs/sha256:abc", 400, "DIGEST_INVALID"),
        ("GET", f"/v2/p/r/blobs/{DIGEST}", 404, "BLOB_UNKNOWN"),
        ("GET", "/v2/p/r/manifests/.x", 400, "TAG_INVALID"),
        ("POST", "/v2/p/r/manifests/x", 405, "UNSUPPORTED"),
        ("PUT", "/v2/p/r/manifests/x", 400, "MANIFEST_INVALID"),
    ],
)
def test_errors_are_in_the_specifications_words(ask, method, target, status, code):
    response = ask(method, target)
    assert (response.status, code_of(response)) == (status, code)


def test_it_keeps_content_and_port_over_a_restart(memory, ask):
    digest = put_index(ask, "x")
    memory.stop()
    memory.start()
    assert ask("HEAD", "/v2/p/r/manifests/x").headers["Docker-Content-Digest"] == str(digest)
