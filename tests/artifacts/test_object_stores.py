"""Blobs in an object store: S3 as moto serves it, with Distribution's own driver; Google's and Azure's offline."""

import base64
import io
import json
import os
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from artifacts import repositories, store
from artifacts.upstream import registry
from audit import Context
from oci.digest import Digest
from projects.models import Project
from rbac.actors import SYSTEM
from tests.buckets import bucket, s3_distribution, s3_server  # noqa: F401
from tests.door import Door, error_of, image, unique

ABSENT = str(Digest.of(b"nobody pushed this"))


@pytest.fixture
def door(connect, s3_distribution, db) -> Door:  # noqa: F811
    connect(s3_distribution, **s3_distribution.storage)
    Project.objects.create(name="library", public=True)
    return Door(f"library/{unique()}")


PREFIXES = pytest.mark.parametrize("s3_distribution", ["", "/some/where"], indirect=True)


def report(*arguments: str) -> list[dict[str, Any]]:
    output = io.StringIO()
    call_command("reconcile", "--json", *arguments, stdout=output)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def keys(made) -> list[str]:
    return [entry.key for entry in made.objects.all()]


@PREFIXES
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_blob_is_fetched_from_a_presigned_url(door, algorithm):
    content = door.push(image(algorithm=algorithm))
    for digest, payload in content.blobs.items():
        answer = door.get(f"blobs/{digest}")
        assert answer.status_code == 307
        assert answer["Docker-Content-Digest"] == digest
        assert answer["Cache-Control"] == "no-store"
        fetched = urllib3.request("GET", answer["Location"], retries=False)
        assert (fetched.status, fetched.data) == (200, payload)


def test_a_part_of_a_blob_is_fetched_from_a_presigned_url(door):
    digest = door.push_blob(b"0123456789")
    location = door.get(f"blobs/{digest}", Range="bytes=2-4")["Location"]
    fetched = urllib3.request("GET", location, headers={"Range": "bytes=2-4"}, retries=False)
    assert (fetched.status, fetched.data) == (206, b"234")
    assert fetched.headers["Content-Range"] == "bytes 2-4/10"


def test_a_head_is_answered_without_a_redirect(door):
    digest = door.push_blob(b"0123456789")
    answer = door.head(f"blobs/{digest}")
    assert answer.status_code == 200
    assert answer["Content-Length"] == "10"
    assert answer["Docker-Content-Digest"] == digest
    assert "Location" not in answer


def test_what_is_not_there_is_unknown(door):
    assert error_of(door.get(f"blobs/{ABSENT}")) == (404, "BLOB_UNKNOWN")


def test_a_presigned_url_names_the_bucket_in_its_path_and_opens_nothing_else(door, settings):
    digest, other = door.push_blob(b"mine"), door.push_blob(b"other")
    location = door.get(f"blobs/{digest}")["Location"]
    parts = urlsplit(location)
    endpoint = settings.REGISTRY_STORAGE["S3_REGIONENDPOINT"]
    assert f"{parts.scheme}://{parts.netloc}" == endpoint
    assert parts.path.startswith(f"/{settings.REGISTRY_STORAGE['S3_BUCKET']}/")
    assert parts.path.endswith(f"/docker/registry/v2/blobs/sha256/{digest[7:9]}/{digest[7:]}/data")
    query = parse_qs(parts.query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == [str(store.PRESIGNED_LIFETIME)]
    assert "secret" not in location
    assert other[7:] not in location


def test_an_endpoint_may_be_a_bare_host(connect, s3_distribution):  # noqa: F811
    host = urlsplit(s3_distribution.storage["S3_REGIONENDPOINT"]).netloc
    connect(s3_distribution, **s3_distribution.storage | {"S3_REGIONENDPOINT": host})
    assert store.presigned_url(Digest.parse(ABSENT)).startswith(f"http://{host}/")
    connect(s3_distribution, **s3_distribution.storage | {"S3_REGIONENDPOINT": host, "S3_SECURE": "true"})
    assert store.presigned_url(Digest.parse(ABSENT)).startswith(f"https://{host}/")


def test_amazon_itself_is_addressed_by_region(connect, distribution):
    connect(distribution, S3_BUCKET="registry", S3_REGION="eu-central-1", S3_ACCESSKEY="a", S3_SECRETKEY="b")
    parts = urlsplit(store.presigned_url(Digest.parse(ABSENT)))
    assert parts.netloc in {"registry.s3.eu-central-1.amazonaws.com", "registry.s3.amazonaws.com"}
    assert parts.scheme == "https"


def test_blobs_are_mounted_and_deleted(door):
    digest = door.push_blob(unique().encode())
    other = Door(f"library/{unique()}")
    assert other.post(f"blobs/uploads/?mount={digest}&from={door.repository}").status_code == 201
    assert door.delete(f"blobs/{digest}").status_code == 202
    assert error_of(door.get(f"blobs/{digest}")) == (404, "BLOB_UNKNOWN")
    assert other.get(f"blobs/{digest}").status_code == 307


@PREFIXES
def test_reconcile_agrees_then_adopts_what_the_database_lost(door):
    content = image()
    content.add_index([content.top])
    door.push(content)
    door.push(image(algorithm="sha512", tag=None))
    assert report() == []
    repository = Door(door.repository)
    for manifest in reversed(content.manifests):
        assert repository.delete(f"manifests/{manifest.digest}").status_code == 202
    for payload in content.blobs.values():
        location = registry().start_upload("team/old")
        registry().commit_upload(location, Digest.of(payload), payload, len(payload))
    for manifest in content.manifests:
        registry().put_manifest("team/old", Digest.parse(manifest.digest), manifest.media_type, manifest.payload)
    registry().put_manifest("team/old", "v1", content.top.media_type, content.top.payload)
    found = report("--adopt")
    assert sorted(difference["kind"] for difference in found) == ["UNKNOWN_MANIFEST", "UNKNOWN_MANIFEST", "UNKNOWN_TAG"]
    assert all(difference["mended"] for difference in found)
    assert report() == []
    assert Door("team/old").get("manifests/v1").content == content.top.payload


def test_reconcile_repairs_links(door, bucket):  # noqa: F811
    content = door.push(image())
    made, _ = bucket
    links = [key for key in keys(made) if f"/{door.repository}/" in key and key.endswith("/link")]
    assert len(links) == len(content.blobs) + 1
    for key in links:
        made.Object(key).delete()
    assert {difference["kind"] for difference in report("--repair")} == {"BLOB_NOT_LINKED", "MANIFEST_NOT_STORED"}
    assert report() == []
    assert set(links) <= set(keys(made))


def test_a_repository_is_deleted_from_the_store(door, bucket):  # noqa: F811
    made, _ = bucket
    door.push(image())
    other = Door(f"{door.repository}/nested")
    kept = other.push(image())
    repositories.delete(door.repository, actor=SYSTEM, context=Context())
    mine = [key for key in keys(made) if f"/{door.repository}/" in key and "/nested/" not in key]
    assert [key for key in mine if "/_manifests/" in key or "/_layers/" in key] == []
    assert other.get("manifests/latest").content == kept.top.payload
    assert report() == []


def test_a_refused_commit_leaves_nothing_in_the_bucket(door, bucket):  # noqa: F811
    made, _ = bucket
    wrong = Digest.of(b"another")
    assert error_of(door.post(f"blobs/uploads/?digest={wrong}", b"payload")) == (400, "DIGEST_INVALID")
    assert [key for key in keys(made) if "_uploads" in key] == []


def test_a_store_that_is_away_is_unavailable(door, settings, connect, s3_distribution):  # noqa: F811
    content = door.push(image())
    connect(s3_distribution, **s3_distribution.storage | {"S3_REGIONENDPOINT": "http://127.0.0.1:1"})
    answer = door.get(f"blobs/{next(iter(content.blobs))}")
    assert answer.status_code == 307  # a signature needs no network
    payload = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
    strong = door.put(f"manifests/{Digest.of(payload, 'sha512')}", payload, "application/vnd.oci.image.index.v1+json")
    assert error_of(strong) == (503, "UNAVAILABLE")


# Google and Azure


@pytest.fixture
def google_key(tmp_path) -> str:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    account = {
        "type": "service_account",
        "project_id": "example",
        "private_key_id": "1",
        "private_key": private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "client_email": "registry@example.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    path = tmp_path / "key.json"
    path.write_text(json.dumps(account))
    return str(path)


def test_google_signs_offline(connect, distribution, google_key):
    connect(distribution, GCS_BUCKET="registry", GCS_KEYFILE=google_key, GCS_ROOTDIRECTORY="/some/where")
    parts = urlsplit(store.presigned_url(Digest.parse(ABSENT)))
    assert parts.netloc == "storage.googleapis.com"
    expected = f"/registry/some/where/docker/registry/v2/blobs/sha256/{ABSENT[7:9]}/{ABSENT[7:]}/data"
    assert parts.path == expected
    query = parse_qs(parts.query)
    assert query["X-Goog-Expires"] == [str(store.PRESIGNED_LIFETIME)]
    assert len(query["X-Goog-Signature"][0]) == 512


def test_azure_signs_offline(connect, distribution):
    key = base64.b64encode(os.urandom(64)).decode()
    connect(distribution, AZURE_ACCOUNTNAME="example", AZURE_ACCOUNTKEY=key, AZURE_CONTAINER="registry")
    location = store.presigned_url(Digest.parse(ABSENT))
    parts = urlsplit(location)
    assert parts.netloc == "example.blob.core.windows.net"
    assert parts.path == f"/registry/docker/registry/v2/blobs/sha256/{ABSENT[7:9]}/{ABSENT[7:]}/data"
    query = parse_qs(parts.query)
    assert query["sp"] == ["r"]
    assert time.strptime(query["se"][0], "%Y-%m-%dT%H:%M:%SZ") > time.gmtime()
    assert key not in location


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"S3_REGION": "x"}, "REGISTRY_STORAGE_S3_BUCKET"),
        ({"GCS_ROOTDIRECTORY": "/x"}, "REGISTRY_STORAGE_GCS_BUCKET"),
        ({"AZURE_ACCOUNTNAME": "x"}, "REGISTRY_STORAGE_AZURE_ACCOUNTKEY"),
        ({"FILESYSTEM_MAXTHREADS": "100"}, "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"),
    ],
)
def test_what_is_missing_is_named(connect, distribution, given, missing):
    connect(distribution, **given)
    with pytest.raises(ImproperlyConfigured, match=missing):
        store.storage()
