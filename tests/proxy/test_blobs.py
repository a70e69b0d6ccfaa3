"""GET, HEAD and DELETE of blobs, as Django decides them before nginx sends the bytes."""

import pytest

from artifacts.models import Blob, BlobCommit, BlobLink
from oci.digest import Digest
from tests.door import Door, error_of, image, unique
from tests.flows.content import Content

ABSENT = str(Digest.of(b"nobody pushed this"))


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("named", [False, True], ids=["before any manifest names it", "named by a manifest"])
def test_nginx_is_told_which_file_to_send(door, method, named):
    content = image()
    if named:
        door.push(content)
    digest = door.push_blob(next(iter(content.blobs.values())))
    answer = getattr(door, method)(f"blobs/{digest}")
    assert answer.status_code == 200
    assert answer["X-Accel-Redirect"] == f"/_blob/{digest[7:9]}/{digest[7:]}"
    assert answer["Docker-Content-Digest"] == digest
    assert answer["ETag"] == f'"{digest}"'
    assert answer["Content-Type"] == "application/octet-stream"
    assert "immutable" in answer["Cache-Control"]


def test_a_sha512_blob_is_sent_from_where_its_sha256_is_stored(door, upstream):
    payload = unique().encode()
    digest = door.push_blob(payload, "sha512")
    answer = door.get(f"blobs/{digest}")
    stored = Digest.of(payload)
    assert answer["Docker-Content-Digest"] == digest
    assert answer["X-Accel-Redirect"] == f"/_blob/{stored.hex[:2]}/{stored.hex}"
    assert (upstream / "blobs" / "sha256" / stored.hex[:2] / stored.hex / "data").read_bytes() == payload


def test_a_blob_is_served_only_from_a_repository_that_holds_it(door):
    content = door.push(image())
    elsewhere = Door(f"library/{unique()}")
    elsewhere.push(image())
    for digest in content.blobs:
        assert error_of(elsewhere.get(f"blobs/{digest}")) == (404, "BLOB_UNKNOWN")
        assert elsewhere.head(f"blobs/{digest}").status_code == 404


def test_a_sha512_blob_of_another_repository_stays_unknown(door):
    digest = door.push_blob(unique().encode(), "sha512")
    assert error_of(Door(f"library/{unique()}").get(f"blobs/{digest}")) == (404, "BLOB_UNKNOWN")


@pytest.mark.parametrize("digest", ["sha256:abc", "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", "latest"])
def test_a_malformed_digest_is_refused(door, digest):
    assert error_of(door.get(f"blobs/{digest}")) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("form", ['"{0}"', 'W/"{0}"', "*"])
def test_a_client_that_has_the_blob_gets_304(door, form):
    digest = door.push_blob(b"{}")
    answer = door.get(f"blobs/{digest}", If_None_Match=form.format(digest))
    assert answer.status_code == 304
    assert "X-Accel-Redirect" not in answer
    assert door.get(f"blobs/{ABSENT}", If_None_Match=form.format(ABSENT)).status_code == 404


def test_without_a_token_it_looks_the_same_whether_the_blob_is_there_or_not(door, client):
    there, absent = (client.get(door.url(f"blobs/{digest}")) for digest in (door.push_blob(b"{}"), ABSENT))
    assert error_of(there) == error_of(absent) == (401, "UNAUTHORIZED")
    assert there.content == absent.content


def test_a_blob_that_nothing_names_can_be_deleted(door):
    digest = door.push_blob(unique().encode())
    assert door.delete(f"blobs/{digest}").status_code == 202
    assert error_of(door.get(f"blobs/{digest}")) == (404, "BLOB_UNKNOWN")
    assert error_of(door.delete(f"blobs/{digest}")) == (404, "BLOB_UNKNOWN")
    assert not BlobCommit.objects.exists()


def test_a_blob_that_a_manifest_names_cannot_be_deleted(door):
    content = door.push(image())
    for digest in content.blobs:
        assert error_of(door.delete(f"blobs/{digest}")) == (405, "UNSUPPORTED")
        assert door.head(f"blobs/{digest}").status_code == 200


def test_a_blob_can_be_deleted_once_its_manifest_is_gone(door):
    content = door.push(image())
    door.delete(f"manifests/{content.top.digest}")
    for digest in content.blobs:
        assert door.delete(f"blobs/{digest}").status_code == 202
        assert door.head(f"blobs/{digest}").status_code == 404
    assert not BlobLink.objects.exists()


def test_the_sha256_name_of_a_sha512_blob_in_use_cannot_be_deleted_either(door):
    content = door.push(image(algorithm="sha512"))
    for payload in content.blobs.values():
        assert error_of(door.delete(f"blobs/{Digest.of(payload)}")) == (405, "UNSUPPORTED")


def test_deleting_a_sha512_blob_takes_both_its_names_away(door):
    payload = unique().encode()
    digest = door.push_blob(payload, "sha512")
    assert door.delete(f"blobs/{digest}").status_code == 202
    assert door.head(f"blobs/{digest}").status_code == 404
    assert door.head(f"blobs/{Digest.of(payload)}").status_code == 404


def test_deleting_a_blob_from_one_repository_leaves_it_in_another(door):
    payload = unique().encode()
    digest = door.push_blob(payload)
    elsewhere = Door(f"library/{unique()}")
    elsewhere.push_blob(payload)
    door.delete(f"blobs/{digest}")
    assert elsewhere.head(f"blobs/{digest}").status_code == 200


def test_a_deletion_needs_the_right_to_delete(door):
    digest = door.push_blob(unique().encode())
    developer = Door(door.repository, "pull", "push")
    assert error_of(developer.delete(f"blobs/{digest}")) == (401, "UNAUTHORIZED")
    assert door.head(f"blobs/{digest}").status_code == 200


def test_the_empty_blob_is_a_blob(door):
    digest = door.push_blob(b"")
    assert door.head(f"blobs/{digest}").status_code == 200
    content = Content()
    content.add_manifest(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": content.add_blob(b"{}"),
            "layers": [content.add_blob(b"")],
        }
    )
    door.push(content)
    assert Blob.objects.get(digest=digest).size == 0


def test_other_methods_are_refused(door):
    answer = door.put(f"blobs/{ABSENT}", b"x")
    assert error_of(answer) == (405, "UNSUPPORTED")
    assert answer["Allow"] == "GET, HEAD, DELETE"


def test_a_link_that_a_full_disk_left_empty_is_mended_by_the_push(door, upstream):
    content = image()
    for payload in content.blobs.values():
        door.push_blob(payload)
    digest = next(iter(content.blobs))
    link = upstream / "repositories" / door.repository / "_layers" / "sha256" / digest[7:] / "link"
    link.write_bytes(b"")
    assert door.head(f"blobs/{digest}").status_code == 200
    assert door.put_manifest(content.top, "latest").status_code == 201
    assert link.read_text() == digest


def test_a_broken_link_to_data_that_is_lost_is_not_mended(door, upstream):
    digest = door.push_blob(unique().encode())
    link = upstream / "repositories" / door.repository / "_layers" / "sha256" / digest[7:] / "link"
    link.write_bytes(b"")
    (upstream / "blobs" / "sha256" / digest[7:9] / digest[7:] / "data").unlink()
    assert error_of(door.get(f"blobs/{digest}")) == (404, "BLOB_UNKNOWN")
    assert link.read_bytes() == b""
