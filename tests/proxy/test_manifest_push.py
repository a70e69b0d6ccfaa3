"""PUT of manifests: what is checked, what is stored, what is answered."""

import json

import pytest
from django.db import connection

from artifacts import push
from artifacts.models import Manifest, Tag
from audit.models import AuditRecord
from oci.digest import Digest
from oci.manifest import DOCKER_MANIFEST, DOCKER_SCHEMA1_SIGNED, MAX_BYTES, OCI_INDEX, OCI_MANIFEST
from projects.models import Project
from tests.door import Door, error_of, image, unique
from tests.flows.content import Content

ABSENT = str(Digest.of(b"nobody pushed this"))


def test_it_answers_201_with_the_digest_and_the_location(door):
    content = door.push(image(tag=None))
    answer = door.put_manifest(content.top, "v1")
    assert answer.status_code == 201
    assert answer["Docker-Content-Digest"] == content.top.digest
    assert answer["Location"] == f"/v2/{door.repository}/manifests/{content.top.digest}"
    assert "OCI-Subject" not in answer
    assert "OCI-Tag" not in answer


def test_it_returns_the_bytes_exactly_as_pushed(door):
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/x", "digest": door.push_blob(b"{}"), "size": 2, "data": "e30="},
        "layers": [],
        "x-unknown": {"ü": [1.0, "\u2028"]},
    }
    payload = ("  " + json.dumps(document, indent=3, ensure_ascii=False) + "\r\n\n").encode()
    assert door.put("manifests/odd", payload, OCI_MANIFEST).status_code == 201
    assert door.get("manifests/odd").content == payload


def test_a_second_push_of_the_same_manifest_changes_nothing(door):
    content = door.push(image())
    assert door.put_manifest(content.top).status_code == 201
    assert door.put_manifest(content.top, "latest").status_code == 201
    assert Manifest.objects.count() == 1
    assert Tag.objects.count() == 1


def test_a_tag_moves_to_the_manifest_pushed_last(door):
    door.push(image(tag="v1"))
    second = door.push(image(tag="v1"))
    assert door.head("manifests/v1")["Docker-Content-Digest"] == second.top.digest
    assert Manifest.objects.count() == 2


def test_it_keeps_the_bytes_upstream_by_digest_and_no_tag(door, upstream):
    content = door.push(image())
    folder = upstream / "repositories" / door.repository / "_manifests"
    assert (folder / "revisions" / "sha256" / content.top.digest[7:] / "link").read_text() == content.top.digest
    assert not (folder / "tags").exists()


@pytest.mark.parametrize("part", ["config", "layers"])
def test_it_refuses_a_manifest_whose_blob_is_not_in_the_repository(door, part):
    content = image(tag=None)
    document = json.loads(content.top.payload)
    missing = document["config"] if part == "config" else document["layers"][0]
    for digest, payload in content.blobs.items():
        if digest != missing["digest"]:
            door.push_blob(payload)
    answer = door.put_manifest(content.top, "v1")
    assert error_of(answer) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert answer.json()["errors"][0]["detail"] == {"digests": [missing["digest"]]}
    assert door.head("manifests/v1").status_code == 404
    assert not Manifest.objects.exists()


def test_a_blob_in_another_repository_does_not_count(door):
    elsewhere = Door(f"library/{unique()}")
    content = elsewhere.push(image())
    assert error_of(door.put_manifest(content.top)) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_it_refuses_an_index_whose_manifest_is_not_in_the_repository(door):
    content = image(tag=None)
    index = content.add_index([content.top])
    assert error_of(door.put_manifest(index, "v1")) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_it_takes_nested_and_empty_indexes_and_one_child_under_two_platforms(door):
    content = image(tag=None)
    child = content.top
    inner = content.add_index([child, child])
    content.add_index([inner])
    content.add_index([])
    door.push(content)
    assert Manifest.objects.count() == 4
    assert Manifest.objects.get(digest=inner.digest).children.count() == 1


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ],
)
@pytest.mark.parametrize("urls", [None, [], ["https://example.org/layer"], ["ftp://example.org/layer#x"]])
@pytest.mark.parametrize("kind", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_a_foreign_layer_need_not_be_there(door, media_type, urls, kind):
    foreign = {"mediaType": media_type, "digest": ABSENT, "size": 5} | ({} if urls is None else {"urls": urls})
    content = Content()
    content.add_manifest(
        {"schemaVersion": 2, "mediaType": kind, "config": content.add_blob(b"{}"), "layers": [foreign]}
    )
    door.push(content.tag("windows"))
    assert door.get("manifests/windows").content == content.top.payload


def test_urls_alone_do_not_make_a_layer_foreign(door):
    content = Content()
    layer = {"mediaType": "application/x", "digest": ABSENT, "size": 5, "urls": ["https://example.org/layer"]}
    content.add_manifest(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": content.add_blob(b"{}"), "layers": [layer]}
    )
    door.push_blob(b"{}")
    assert error_of(door.put_manifest(content.top)) == (400, "MANIFEST_BLOB_UNKNOWN")


@pytest.mark.parametrize("kind", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_a_layer_that_is_there_may_have_urls(door, kind):
    content = Content()
    layer = content.add_blob(b"layer", "application/vnd.docker.image.rootfs.diff.tar.gzip") | {"urls": ["https://x/y"]}
    content.add_manifest({"schemaVersion": 2, "mediaType": kind, "config": content.add_blob(b"{}"), "layers": [layer]})
    door.push(content)


def test_it_takes_buildkits_cache_index_that_lists_blobs(door):
    content = Content()
    entries = [content.add_blob(b"layer", "application/vnd.docker.image.rootfs.diff.tar.gzip")]
    entries += [content.add_blob(b"{}", "application/vnd.buildkit.cacheconfig.v0")]
    content.add_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    door.push(content.tag("cache"))
    assert Manifest.objects.get().blobs.count() == 2


def test_it_refuses_buildkits_cache_index_whose_blob_is_missing(door):
    content = Content()
    entry = content.add_blob(b"layer", "application/vnd.docker.image.rootfs.diff.tar.gzip")
    content.add_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]})
    assert error_of(door.put_manifest(content.top)) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_a_subject_need_not_be_there_and_is_named_in_the_answer(door):
    content = Content()
    content.add_artifact("application/x.sbom", subject={"mediaType": OCI_MANIFEST, "digest": ABSENT, "size": 3})
    door.push(content)
    assert door.put_manifest(content.top)["OCI-Subject"] == ABSENT


def test_it_takes_a_manifest_of_4_mib_and_answers_413_to_a_byte_more(door):
    head = b'{"schemaVersion":2,"mediaType":"%s","manifests":[]' % OCI_INDEX.encode()
    exact = head + b" " * (MAX_BYTES - len(head) - 1) + b"}"
    assert door.put("manifests/big", exact, OCI_INDEX).status_code == 201
    assert door.get("manifests/big").content == exact
    assert error_of(door.put("manifests/bigger", exact + b" ", OCI_INDEX)) == (413, "SIZE_INVALID")


def test_it_answers_413_to_a_body_beyond_what_django_reads(door):
    assert error_of(door.put("manifests/big", b" " * (MAX_BYTES + 2**21), OCI_INDEX)) == (413, "SIZE_INVALID")


@pytest.mark.parametrize(
    "content_type", [DOCKER_SCHEMA1_SIGNED, "application/vnd.docker.distribution.manifest.v1+json"]
)
def test_it_refuses_schema_1_with_advice(door, content_type):
    payload = json.dumps({"schemaVersion": 1, "name": "x", "tag": "y", "fsLayers": [], "history": []}).encode()
    answer = door.put("manifests/old", payload, content_type)
    assert error_of(answer) == (400, "MANIFEST_INVALID")
    assert "schema 1" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b"\xff", b'{"schemaVersion":2}', b"[" * 100_000])
def test_it_refuses_what_is_no_manifest(door, payload):
    assert error_of(door.put("manifests/x", payload, OCI_MANIFEST)) == (400, "MANIFEST_INVALID")


def test_it_refuses_a_digest_that_is_not_the_manifests(door):
    content = door.push(image(tag=None))
    wrong = door.put(f"manifests/{ABSENT}", content.top.payload, content.top.media_type)
    assert error_of(wrong) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("reference", ["sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:" + "A" * 64])
def test_it_refuses_a_malformed_digest(door, reference):
    assert error_of(door.put(f"manifests/{reference}", b"{}", OCI_MANIFEST)) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("reference", [".x", "-x", "x" * 129, "ü", "a b", "a%0db"])
def test_it_refuses_a_malformed_tag(door, reference):
    assert error_of(door.put(f"manifests/{reference}", b"{}", OCI_MANIFEST)) == (400, "TAG_INVALID")


def test_tag_parameters_set_several_tags_in_one_push(door):
    content = door.push(image(tag=None))
    answer = door.put_manifest(content.top, f"{content.top.digest}?tag=a&tag=b&tag=a")
    assert (answer.status_code, answer["OCI-Tag"]) == (201, "a, b")
    assert door.get("tags/list").json()["tags"] == ["a", "b"]


@pytest.mark.parametrize("query", ["?tag=-x", "?tag=", "?" + "&".join(f"tag=t{n}" for n in range(101))])
def test_bad_tag_parameters_set_no_tag(door, query):
    content = door.push(image(tag=None))
    assert error_of(door.put_manifest(content.top, content.top.digest + query)) == (400, "TAG_INVALID")
    assert not Tag.objects.exists()


def test_tag_parameters_go_with_a_digest_only(door):
    content = door.push(image(tag=None))
    assert error_of(door.put_manifest(content.top, "a?tag=b")) == (400, "TAG_INVALID")


def test_a_sha512_image_is_found_under_its_own_digests(door):
    content = door.push(image(algorithm="sha512"))
    assert content.top.digest.startswith("sha512:")
    assert door.head("manifests/latest").status_code == 200
    assert door.get(f"manifests/{content.top.digest}").content == content.top.payload
    for digest in content.blobs:
        assert door.head(f"blobs/{digest}")["Docker-Content-Digest"] == digest


def test_an_index_may_name_a_child_by_sha512(door):
    content = image(algorithm="sha512", tag=None)
    content.add_index([content.top])
    door.push(content)
    assert door.get(f"manifests/{content.top.digest}").status_code == 200


def test_a_push_needs_the_right_to_push(door):
    content = door.push(image(tag=None))
    guest = Door(door.repository, "pull")
    answer = guest.put_manifest(content.top, "v1")
    assert error_of(answer) == (401, "UNAUTHORIZED")
    assert f'scope="repository:{door.repository}:pull,push"' in answer["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in answer["WWW-Authenticate"]
    assert not Tag.objects.exists()


def test_a_token_for_a_project_that_is_gone_pushes_nothing(upstream, db):
    stranger = Door("nowhere/x")
    content = image()
    assert error_of(stranger.put_manifest(content.top)) == (404, "NAME_UNKNOWN")
    assert error_of(stranger.post("blobs/uploads/")) == (404, "NAME_UNKNOWN")


def test_each_push_leaves_an_audit_record_for_its_tag_or_digest(door):
    content = door.push(image(tag=None))
    door.put_manifest(content.top, "v1")
    door.put_manifest(content.top, f"{content.top.digest}?tag=a&tag=b")
    records = AuditRecord.objects.order_by("id")
    name = door.repository
    assert [record.resource for record in records] == [
        f"{name}@{content.top.digest}",
        f"{name}:v1",
        f"{name}:a",
        f"{name}:b",
    ]
    assert {(r.actor, r.operation, r.resource_type, r.project, r.result) for r in records} == {
        ("alice", "create", "artifact", "library", "success")
    }
    assert records[1].detail == {"digest": content.top.digest, "media_type": OCI_MANIFEST}


def test_a_refused_push_leaves_no_audit_record(door):
    door.put_manifest(image().top, "v1")
    assert not AuditRecord.objects.exists()


@pytest.fixture
def no_records(db):
    """The audit trail takes nothing."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_record RENAME TO audit_record_elsewhere")


def test_a_push_that_cannot_be_recorded_fails(door, no_records):
    content = image()
    for payload in content.blobs.values():
        door.push_blob(payload)
    assert error_of(door.put_manifest(content.top, "latest")) == (500, "UNKNOWN")
    assert not Manifest.objects.exists()
    assert not Tag.objects.exists()


def test_a_manifest_that_names_thousands_of_missing_blobs_is_refused_soon(door):
    content = Content()
    layers = [
        {"mediaType": "application/x", "digest": str(Digest.of(str(number).encode())), "size": 1}
        for number in range(20_000)
    ]
    content.add_manifest(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": content.add_blob(b"{}"), "layers": layers}
    )
    answer = door.put_manifest(content.top)
    assert error_of(answer) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert len(answer.json()["errors"][0]["detail"]["digests"]) == 100


def test_a_project_deleted_in_the_middle_of_a_push_is_503_and_nothing_is_left(door, monkeypatch):
    content = image()
    for payload in content.blobs.values():
        door.push_blob(payload)

    def store_and_delete(*arguments):
        Project.objects.all().delete()

    monkeypatch.setattr(push, "store_upstream", store_and_delete)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert error_of(door.put_manifest(content.top, "latest")) == (503, "UNAVAILABLE")
    assert not Manifest.objects.exists()
    assert error_of(door.put_manifest(content.top, "latest")) == (404, "NAME_UNKNOWN")


def test_a_manifest_whose_bytes_nginx_kept_back_is_asked_for_again(door):
    """The gate was away, then this view is there: the client must not hear that its manifest is none."""
    url = door.url("manifests/latest")
    answer = door.client.put(url, b"", content_type=OCI_MANIFEST, headers={"X-Upload-Failed": "gate"})
    assert error_of(answer) == (503, "UNAVAILABLE")
    assert answer["Retry-After"]
