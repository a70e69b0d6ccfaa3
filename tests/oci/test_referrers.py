"""What refers to a manifest: by the API, by the tag where there is none, over pages."""

import json

import pytest

from oci.client import ManifestInfo, RegistryClient
from oci.digest import Digest
from oci.errors import Denied, Unavailable, Unsupported
from oci.listener import Listener, Reply
from oci.manifest import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST
from oci.referrers import tag_of, tags_of

EMPTY = b"{}"
SUBJECT = Digest.of(b"the subject")


def referrer(artifact_type: str, number: int = 0) -> bytes:
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(Digest.of(EMPTY)), "size": 2}
    subject = {"mediaType": OCI_MANIFEST, "digest": str(SUBJECT), "size": 11}
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": artifact_type, "config": config}
    return json.dumps(document | {"layers": [], "subject": subject, "annotations": {"n": str(number)}}).encode()


def index_of(*payloads: bytes) -> bytes:
    entries = [
        {
            "mediaType": OCI_MANIFEST,
            "digest": str(Digest.of(payload)),
            "size": len(payload),
            "artifactType": json.loads(payload)["artifactType"],
        }
        for payload in payloads
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


def fill(client, repository, *payloads, tagged):
    client.upload_blob(repository, Digest.of(EMPTY), len(EMPTY), lambda offset: iter([EMPTY[offset:]]))
    for payload in payloads:
        client.put_manifest(repository, Digest.of(payload), OCI_MANIFEST, payload)
    if tagged:
        client.put_manifest(repository, tag_of(SUBJECT), OCI_INDEX, index_of(*payloads))


def test_referrers_are_listed_by_whatever_the_registry_has(client, upstream, repository):
    payloads = [referrer("a/b"), referrer("a/b", 1), referrer("c/d")]
    fill(client, repository, *payloads, tagged=True)
    listed = {found.digest: found for found in client.referrers(repository, SUBJECT)}
    assert set(listed) == {Digest.of(payload) for payload in payloads}
    assert listed[Digest.of(payloads[2])].artifact_type == "c/d"
    assert listed[Digest.of(payloads[2])].size == len(payloads[2])
    some = {found.digest for found in client.referrers(repository, SUBJECT, "a/b")}
    assert some == {Digest.of(payload) for payload in payloads[:2]}


def test_what_nothing_refers_to_has_no_referrers(client, repository):
    assert list(client.referrers(repository, SUBJECT)) == []
    fill(client, repository, tagged=False)
    assert list(client.referrers(repository, SUBJECT)) == []


def test_a_registry_without_the_api_is_asked_for_it_once(memory, memory_client):
    memory.has_referrers = False
    fill(memory_client, "p/r", referrer("a/b"), tagged=True)
    for _ in range(3):
        assert len(list(memory_client.referrers("p/r", SUBJECT))) == 1
    assert len([path for _, path in memory.calls if "/referrers/" in path]) == 1


def test_a_repository_that_is_not_there_tells_nothing_of_the_api(memory, memory_client):
    error = b'{"errors":[{"code":"NAME_UNKNOWN"}]}'
    memory.faults = [Reply(404, {}, error)]
    assert list(memory_client.referrers("p/nothing", SUBJECT)) == []
    fill(memory_client, "p/r", referrer("a/b"), tagged=False)
    assert len(list(memory_client.referrers("p/r", SUBJECT))) == 1


def test_a_refusal_is_not_taken_for_a_registry_without_the_api(memory, memory_client):
    memory.faults = [Reply(403)]
    with pytest.raises(Denied):
        list(memory_client.referrers("p/r", SUBJECT))


def test_a_page_for_people_is_not_taken_for_a_list(memory, memory_client):
    fill(memory_client, "p/r", referrer("a/b"), tagged=True)
    memory.faults = [Reply(200, {"Content-Type": "text/html"}, b"<html>")]
    assert len(list(memory_client.referrers("p/r", SUBJECT))) == 1


def test_referrers_come_page_by_page():
    asked = []

    def pages(method, target, headers, body):
        asked.append(target)
        number = len(asked)
        onward = {"Link": f'<{target.partition("?")[0]}?page={number}>; rel="next"'} if number < 4 else {}
        return Reply(
            200, {"Content-Type": OCI_INDEX} | onward, index_of(referrer("a/b", number), referrer("c/d", number))
        )

    listener = Listener(pages)
    found = RegistryClient(f"http://127.0.0.1:{listener.port}").referrers("p/r", SUBJECT, "a/b")
    next(found)
    assert len(asked) == 1
    assert len(list(found)) == 3
    listener.stop()


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b'{"schemaVersion":2,"manifests":[{}]}', b"[" * 10_000])
def test_a_list_that_cannot_be_read_is_an_error(payload):
    listener = Listener(lambda *_: Reply(200, {"Content-Type": OCI_INDEX}, payload))
    with pytest.raises(Unavailable, match="referrers"):
        list(RegistryClient(f"http://127.0.0.1:{listener.port}").referrers("p/r", SUBJECT))
    listener.stop()


def test_tags_that_belong_to_a_digest():
    assert tags_of(SUBJECT) == [f"sha256-{SUBJECT.hex}{end}" for end in ("", ".sig", ".att", ".sbom")]
    long = Digest.of(b"x", "sha512")
    assert tag_of(long) == f"sha512-{long.hex[:64]}"


# What a registry says of a manifest


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_a_manifest_is_described(client, repository, media_type):
    payload = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": []}).encode()
    expected = ManifestInfo(media_type, Digest.of(payload), len(payload))
    assert client.head_manifest(repository, "v1") is None
    client.put_manifest(repository, "v1", media_type, payload)
    assert client.head_manifest(repository, "v1") == expected
    assert client.head_manifest(repository, Digest.of(payload)) == expected
    assert client.head_manifest(repository, SUBJECT) is None


@pytest.mark.parametrize("reply", [Reply(200), Reply(405), Reply(200, {"Docker-Content-Digest": str(SUBJECT)})])
def test_a_manifest_is_fetched_where_asking_tells_too_little(memory, memory_client, reply):
    payload = index_of()
    memory_client.put_manifest("p/r", "v1", OCI_INDEX, payload)
    memory.faults = [reply]
    assert memory_client.head_manifest("p/r", "v1") == ManifestInfo(OCI_INDEX, Digest.of(payload), len(payload))


def test_a_tag_alone_is_deleted_where_the_registry_can(memory, memory_client):
    payload = index_of()
    memory_client.put_manifest("p/r", "v1", OCI_INDEX, payload)
    memory_client.put_manifest("p/r", "v2", OCI_INDEX, payload)
    assert memory_client.delete_tag("p/r", "v1") is True
    assert memory_client.delete_tag("p/r", "v1") is False
    assert list(memory_client.tags("p/r")) == ["v2"]


def test_a_registry_that_deletes_no_tags_says_so(started_distribution):
    client = RegistryClient(started_distribution.url)
    client.put_manifest("test/tags", "v1", OCI_INDEX, index_of())
    with pytest.raises(Unsupported, match="deletes no tag"):
        client.delete_tag("test/tags", "v1")
    assert list(client.tags("test/tags")) == ["v1"]
