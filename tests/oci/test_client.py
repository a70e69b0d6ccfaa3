"""The client, held against the in-memory registry and against Distribution: one suite for both."""

import hashlib
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oci.bodies import PIECE
from oci.client import PAGE, BlobInfo
from oci.digest import Digest
from oci.errors import (
    BlobUnknown,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    RangeInvalid,
    RegistryError,
    SizeInvalid,
    Unavailable,
)
from oci.listener import Reply
from oci.manifest import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from oci.transport import Lasting

HELLO = b"hello, registry"
LARGE = bytes(range(256)) * (3 * PIECE // 256) + b"and a bit"
ABSENT = Digest.of(b"nobody pushed this")


def push(client, repository, payload=HELLO, algorithm="sha256"):
    return client.commit_upload(client.start_upload(repository), Digest.of(payload, algorithm), payload)


def image_of(config: Digest, size: int, media_type=OCI_MANIFEST, **fields) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": str(config), "size": size},
        "layers": [],
        **fields,
    }
    return json.dumps(document, indent=3).encode()


def pieces(payload, size=100_000):
    return (payload[start : start + size] for start in range(0, len(payload), size))


def test_it_pings(client):
    client.ping()


def test_a_web_page_is_no_registry(memory, memory_client):
    memory.faults.append(Reply(200, {"Content-Type": "text/html"}, b"\n<!doctype html><title>Sign in</title>"))
    with pytest.raises(Lasting, match="a web page, not as a registry: check the address"):
        memory_client.ping()


# Blobs


@pytest.mark.parametrize("payload", [b"", b"1", HELLO, LARGE])
def test_a_pushed_blob_comes_back(client, repository, payload):
    digest = push(client, repository, payload)
    assert digest == Digest.of(payload)
    assert client.head_blob(repository, digest) == BlobInfo(digest, len(payload))
    stream = client.get_blob(repository, digest)
    assert stream.length == len(payload)
    assert b"".join(stream) == payload


def test_a_blob_that_is_not_there_is_missing(client, repository):
    assert client.head_blob(repository, ABSENT) is None
    assert client.delete_blob(repository, ABSENT) is False
    with pytest.raises(BlobUnknown):
        client.get_blob(repository, ABSENT)


def test_a_sha512_blob_is_verified_and_stored_by_its_sha256(client, repository):
    canonical = push(client, repository, HELLO, "sha512")
    assert canonical == Digest.of(HELLO)
    assert client.head_blob(repository, canonical) == BlobInfo(canonical, len(HELLO))
    with pytest.raises(DigestInvalid):
        client.commit_upload(client.start_upload(repository), Digest.of(b"other", "sha512"), HELLO)


@pytest.mark.parametrize("offset", [0, 1, PIECE, PIECE + 1, len(LARGE) - 1, len(LARGE)])
def test_a_blob_is_read_from_an_offset(client, repository, offset):
    digest = push(client, repository, LARGE)
    stream = client.get_blob(repository, digest, offset)
    assert stream.length == len(LARGE) - offset
    assert b"".join(stream) == LARGE[offset:]


def test_an_offset_beyond_the_end_is_refused_and_the_next_call_works(client, repository):
    digest = push(client, repository)
    with pytest.raises(RangeInvalid):
        client.get_blob(repository, digest, len(HELLO) + 1)
    assert b"".join(client.get_blob(repository, digest)) == HELLO


def test_a_blob_left_half_read_does_not_spoil_the_next_call(client, repository):
    digest = push(client, repository, LARGE)
    with client.get_blob(repository, digest) as stream:
        assert next(stream) == LARGE[:PIECE]
    assert client.head_blob(repository, digest) == BlobInfo(digest, len(LARGE))


def test_a_blob_is_read_in_pieces(client, repository):
    digest = push(client, repository, LARGE)
    assert max(len(piece) for piece in client.get_blob(repository, digest)) <= PIECE


def test_a_deleted_blob_is_gone(client, repository):
    digest = push(client, repository)
    assert client.delete_blob(repository, digest) is True
    assert client.head_blob(repository, digest) is None


def test_a_blob_is_mounted_from_where_it_is(client, repository):
    digest = push(client, repository)
    assert client.mount_blob(f"{repository}/other", digest, repository) is True
    assert client.head_blob(f"{repository}/other", digest) == BlobInfo(digest, len(HELLO))


def test_a_mount_from_where_it_is_not_fails_and_leaves_nothing(client, repository):
    digest = push(client, repository)
    assert client.mount_blob(f"{repository}/other", digest, f"{repository}/third") is False
    assert client.mount_blob(f"{repository}/other", ABSENT, repository) is False
    assert client.head_blob(f"{repository}/other", digest) is None


# Uploads


def test_an_upload_counts_what_it_has(client, repository):
    location = client.start_upload(repository)
    assert client.upload_status(location)[1] == 0
    for part, count in ((b"h", 1), (b"e", 2), (HELLO[2:], len(HELLO))):
        location = client.patch_upload(location, part)
        location, offset = client.upload_status(location)
        assert offset == count
    assert client.commit_upload(location, Digest.of(HELLO)) == Digest.of(HELLO)


@pytest.mark.parametrize(
    ("make", "length"),
    [
        (lambda: LARGE, None),
        (lambda: io.BytesIO(LARGE), None),
        (lambda: io.BytesIO(LARGE), len(LARGE)),
        (lambda: io.BytesIO(LARGE + b"not to be read"), len(LARGE)),
        (lambda: pieces(LARGE), None),
        (lambda: pieces(LARGE), len(LARGE)),
        (lambda: iter([b"", LARGE, b""]), None),
    ],
    ids=["bytes", "file", "file with length", "longer file", "iterator", "iterator with length", "empty pieces"],
)
def test_content_streams_up_from_anything(client, repository, make, length):
    location = client.patch_upload(client.start_upload(repository), make(), length)
    assert client.upload_status(location)[1] == len(LARGE)
    assert client.commit_upload(location, Digest.of(LARGE)) == Digest.of(LARGE)
    once = client.commit_upload(client.start_upload(repository), Digest.of(LARGE), make(), length)
    assert client.head_blob(repository, once) == BlobInfo(Digest.of(LARGE), len(LARGE))


def test_a_real_file_streams_up_whole(client, repository, tmp_path):
    (tmp_path / "layer").write_bytes(LARGE)
    with (tmp_path / "layer").open("rb") as layer:
        location = client.patch_upload(client.start_upload(repository), layer, len(LARGE))
    assert client.commit_upload(location, Digest.of(LARGE)) == Digest.of(LARGE)


@pytest.mark.parametrize("length", [len(LARGE) - 1, len(LARGE) + 1])
def test_content_of_another_length_than_announced_is_not_stored(client, repository, length):
    with pytest.raises(SizeInvalid):
        client.commit_upload(client.start_upload(repository), Digest.of(LARGE), pieces(LARGE), length)
    assert client.head_blob(repository, Digest.of(LARGE)) is None
    client.ping()


def test_a_source_that_fails_fails_the_upload_by_its_own_error(client, repository):
    def broken():
        yield HELLO
        raise Unavailable("the source went away")

    with pytest.raises(Unavailable, match="the source went away"):
        client.commit_upload(client.start_upload(repository), Digest.of(HELLO), broken(), len(HELLO) + 1)
    assert client.head_blob(repository, Digest.of(HELLO)) is None


def test_a_wrong_digest_is_refused_and_the_upload_can_be_cancelled(client, repository):
    location = client.patch_upload(client.start_upload(repository), HELLO)
    with pytest.raises(DigestInvalid, match="did not match"):
        client.commit_upload(location, ABSENT)
    assert client.head_blob(repository, ABSENT) is None
    assert client.cancel_upload(location) is True
    assert client.upload_status(location) is None


def test_an_upload_that_is_gone_is_unknown(client, repository):
    location = client.start_upload(repository)
    assert client.cancel_upload(location) is True
    assert client.cancel_upload(location) is False
    assert client.upload_status(location) is None
    for call in (lambda: client.patch_upload(location, HELLO), lambda: client.commit_upload(location, ABSENT)):
        with pytest.raises(BlobUploadUnknown):
            call()


def test_an_outdated_location_is_unknown(client, repository):
    begun = client.start_upload(repository)
    client.patch_upload(begun, HELLO)
    assert client.upload_status(begun) is None
    with pytest.raises(BlobUploadUnknown):
        client.patch_upload(begun, HELLO)


# Manifests


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_a_manifest_comes_back_byte_for_byte(client, repository, media_type):
    payload = image_of(push(client, repository), len(HELLO), media_type)
    digest = Digest.of(payload)
    client.put_manifest(repository, digest, media_type, payload)
    client.put_manifest(repository, "latest", media_type, payload)
    assert client.get_manifest(repository, digest) == (media_type, payload, digest)
    assert client.get_manifest(repository, "latest") == (media_type, payload, digest)


def test_an_index_of_manifests_and_an_empty_one_are_stored(client, repository):
    child = image_of(push(client, repository), len(HELLO))
    client.put_manifest(repository, Digest.of(child), OCI_MANIFEST, child)
    entry = {"mediaType": OCI_MANIFEST, "digest": str(Digest.of(child)), "size": len(child)}
    for manifests in ([entry], []):
        payload = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).encode()
        client.put_manifest(repository, Digest.of(payload), OCI_INDEX, payload)
        assert client.get_manifest(repository, Digest.of(payload)) == (OCI_INDEX, payload, Digest.of(payload))


def test_a_manifest_that_is_not_there_is_missing(client, repository):
    assert client.get_manifest(repository, ABSENT) is None
    assert client.get_manifest(repository, "latest") is None
    assert client.delete_manifest(repository, ABSENT) is False


def test_a_manifest_of_absent_content_is_refused(client, repository):
    payload = image_of(ABSENT, 1)
    with pytest.raises(ManifestBlobUnknown):
        client.put_manifest(repository, Digest.of(payload), OCI_MANIFEST, payload)
    assert client.get_manifest(repository, Digest.of(payload)) is None


def test_a_subject_may_be_absent(client, repository):
    subject = {"mediaType": OCI_MANIFEST, "digest": str(ABSENT), "size": 1}
    payload = image_of(push(client, repository), len(HELLO), subject=subject)
    client.put_manifest(repository, Digest.of(payload), OCI_MANIFEST, payload)
    assert client.get_manifest(repository, Digest.of(payload)).payload == payload


def test_a_manifest_under_a_wrong_digest_is_refused(client, repository):
    payload = image_of(push(client, repository), len(HELLO))
    with pytest.raises(DigestInvalid):
        client.put_manifest(repository, ABSENT, OCI_MANIFEST, payload)


def test_what_is_no_manifest_is_refused(client, repository):
    with pytest.raises(ManifestInvalid):
        client.put_manifest(repository, Digest.of(b"[]"), OCI_MANIFEST, b"[]")


def test_a_manifest_is_deleted_with_its_tags(client, repository):
    payload = image_of(push(client, repository), len(HELLO))
    client.put_manifest(repository, "one", OCI_MANIFEST, payload)
    assert list(client.tags(repository)) == ["one"]
    assert client.delete_manifest(repository, Digest.of(payload)) is True
    assert client.get_manifest(repository, "one") is None
    assert list(client.tags(repository)) == []


# Lists


def test_tags_are_listed(client, repository):
    payload = image_of(push(client, repository), len(HELLO))
    tags = sorted({"latest", "v1.0", "V1", "_x"})
    for tag in tags:
        client.put_manifest(repository, tag, OCI_MANIFEST, payload)
    assert sorted(client.tags(repository)) == tags


def test_a_repository_that_is_not_there_has_no_tags(client, repository):
    assert list(client.tags(f"{repository}/nothing")) == []


def test_the_catalog_is_listed_over_many_pages(client, repository, monkeypatch):
    monkeypatch.setattr("oci.client.PAGE", 2)
    names = {f"{repository}/r{number}" for number in range(7)}
    for name in names:
        push(client, name)
    listed = [name for name in client.catalog() if name.startswith(f"{repository}/")]
    assert len(listed) == len(set(listed))
    assert set(listed) == names
    assert PAGE > 2


# When it goes away


def test_a_registry_that_is_down_is_unavailable_and_comes_back(client, upstream, repository):
    digest = push(client, repository)
    upstream.stop()
    for call in (
        client.ping,
        lambda: client.head_blob(repository, digest),
        lambda: client.get_blob(repository, digest),
        lambda: client.start_upload(repository),
        lambda: client.delete_blob(repository, digest),
        lambda: list(client.catalog()),
    ):
        with pytest.raises(Unavailable):
            call()
    upstream.start()
    assert b"".join(client.get_blob(repository, digest)) == HELLO


def test_connections_kept_from_before_a_restart_do_no_harm(client, upstream, repository):
    payload = image_of(push(client, repository), len(HELLO))
    client.put_manifest(repository, Digest.of(payload), OCI_MANIFEST, payload)
    for call in (
        lambda: client.head_blob(repository, Digest.of(HELLO)),
        lambda: client.put_manifest(repository, Digest.of(payload), OCI_MANIFEST, payload),
        lambda: client.get_manifest(repository, Digest.of(payload)),
        lambda: client.start_upload(repository),
        lambda: client.delete_manifest(repository, Digest.of(payload)),
    ):
        upstream.stop()
        upstream.start()
        call()
    assert client.get_manifest(repository, Digest.of(payload)) is None


# Properties


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.binary(max_size=2000), max_size=4), last=st.none() | st.binary(max_size=2000))
def test_any_content_in_any_parts_comes_back(client, repository, parts, last):
    payload = b"".join(parts) + (last or b"")
    location = client.start_upload(repository)
    for part in parts:
        location = client.patch_upload(location, part)
    assert client.commit_upload(location, Digest.of(payload), last) == Digest(
        "sha256", hashlib.sha256(payload).hexdigest()
    )
    assert b"".join(client.get_blob(repository, Digest.of(payload))) == payload


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=st.binary(max_size=200), name=st.text(max_size=20), tag=st.text(min_size=1, max_size=20))
def test_whatever_is_sent_the_answer_is_typed(client, payload, name, tag):
    for call in (
        lambda: client.put_manifest(name, tag, OCI_MANIFEST, payload),
        lambda: client.get_manifest(name, tag),
        lambda: list(client.tags(name)),
        lambda: client.mount_blob(name, ABSENT, tag),
    ):
        try:
            call()
        except RegistryError as error:
            assert error.message  # noqa: PT017  # either way is right
