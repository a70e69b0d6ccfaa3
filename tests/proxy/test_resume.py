"""Taking up an upload whose connection broke: the client's Location is outdated, the bytes are there."""

import hashlib

import pytest

from artifacts.upstream import registry
from oci.digest import Digest
from tests.door import bearer, error_of
from tests.proxy.test_uploads import begin, upload_of


@pytest.fixture
def secret(settings, upstream):
    settings.REGISTRY_HTTP_SECRET = "for tests"  # as tests/oci/distribution.py has it
    return settings.REGISTRY_HTTP_SECRET


def test_an_outdated_location_leads_on_to_where_the_bytes_end(door, secret):
    outdated = begin(door)
    registry().patch_upload(outdated, b"hello ")
    status = door.client.get(outdated)
    assert (status.status_code, status["Range"]) == (204, "0-5")
    location = registry().patch_upload(status["Location"], b"world")
    digest = Digest.of(b"hello world")
    assert registry().commit_upload(location, digest) == digest
    assert door.head(f"blobs/{digest}").status_code == 200


def test_without_the_registrys_secret_it_is_unknown_as_upstream_says(door, settings):
    settings.REGISTRY_HTTP_SECRET = ""
    outdated = begin(door)
    registry().patch_upload(outdated, b"hello")
    assert error_of(door.client.get(outdated)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_another_secret_opens_nothing(door, settings):
    settings.REGISTRY_HTTP_SECRET = hashlib.sha256(b"guess").hexdigest()
    outdated = begin(door)
    registry().patch_upload(outdated, b"hello")
    assert error_of(door.client.get(outdated)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_an_upload_is_taken_up_in_its_own_repository_only(door, secret):
    outdated = begin(door)
    registry().patch_upload(outdated, b"hello")
    other = f"{door.repository}x"
    stolen = f"/v2/{other}/blobs/uploads/{upload_of(outdated)}"
    thief = bearer((other, ["pull", "push"]))
    assert error_of(thief.get(stolen)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_an_upload_that_never_was_is_unknown(door, secret):
    assert error_of(door.get("blobs/uploads/00000000-0000-4000-8000-000000000000")) == (404, "BLOB_UPLOAD_UNKNOWN")
