"""DELETE of manifests and tags."""

import pytest

from artifacts import store
from artifacts.models import BlobLink, Manifest, Tag
from artifacts.upstream import registry
from audit.models import AuditRecord
from oci.digest import Digest
from oci.manifest import OCI_MANIFEST
from tests.door import Door, error_of, image
from tests.flows.content import Content

ABSENT = str(Digest.of(b"nobody pushed this"))


def deletions() -> list[tuple[str, str]]:
    return list(AuditRecord.objects.filter(operation="delete").order_by("id").values_list("resource_type", "resource"))


def test_a_tag_goes_and_its_manifest_stays(door):
    content = door.push(image().tag("other"))
    assert door.delete("manifests/latest").status_code == 202
    assert door.head("manifests/latest").status_code == 404
    assert door.head("manifests/other").status_code == 200
    assert door.head(f"manifests/{content.top.digest}").status_code == 200
    assert deletions() == [("tag", f"{door.repository}:latest")]


def test_a_manifest_goes_with_its_tags(door, upstream):
    content = door.push(image().tag("other"))
    assert door.delete(f"manifests/{content.top.digest}").status_code == 202
    for reference in ("latest", "other", content.top.digest):
        assert door.head(f"manifests/{reference}").status_code == 404
    assert not Tag.objects.exists()
    assert deletions() == [("artifact", f"{door.repository}@{content.top.digest}")]
    assert registry().get_manifest(door.repository, Digest.parse(content.top.digest)) is None


@pytest.mark.parametrize("reference", ["nothing", ABSENT])
def test_what_is_not_there_is_unknown(door, reference):
    assert error_of(door.delete(f"manifests/{reference}")) == (404, "MANIFEST_UNKNOWN")
    assert deletions() == []


def test_a_manifest_that_an_index_names_stays(door):
    content = image()
    child = content.top
    index = content.add_index([child])
    door.push(content)
    assert error_of(door.delete(f"manifests/{child.digest}")) == (403, "DENIED")
    assert door.head("manifests/latest").status_code == 200
    assert deletions() == []
    assert door.delete(f"manifests/{index.digest}").status_code == 202
    assert door.delete(f"manifests/{child.digest}").status_code == 202
    assert not Manifest.objects.exists()


def test_referrers_go_with_their_subject_however_deep(door):
    content = image()
    top = content.top
    signature = content.add_artifact("application/x.signature", subject=top.descriptor)
    content.add_artifact("application/x.timestamp", subject=signature.descriptor)
    door.push(content)
    door.push(image(tag="bystander"))
    assert door.delete(f"manifests/{top.digest}").status_code == 202
    assert Manifest.objects.count() == 1
    assert len(deletions()) == 3
    for manifest in content.manifests:
        assert registry().get_manifest(door.repository, Digest.parse(manifest.digest)) is None


def test_a_referrer_that_an_index_names_keeps_its_subject(door):
    content = image()
    top = content.top
    signature = content.add_artifact("application/x.signature", subject=top.descriptor)
    content.add_index([signature])
    door.push(content)
    assert error_of(door.delete(f"manifests/{top.digest}")) == (403, "DENIED")
    assert Manifest.objects.count() == 3


def test_two_that_refer_to_each_other_go_together(door):
    """Digests can't make a ring, but a manifest may name a subject by a digest of the other algorithm of itself."""
    content = Content()
    made = content.add_artifact("application/x.a", subject={"mediaType": OCI_MANIFEST, "digest": ABSENT, "size": 1})
    door.push(content)
    Manifest.objects.update(subject=made.digest)
    assert door.delete(f"manifests/{made.digest}").status_code == 202
    assert not Manifest.objects.exists()


def test_blobs_stay_linked_until_they_are_deleted_themselves(door):
    content = door.push(image())
    door.delete(f"manifests/{content.top.digest}")
    assert BlobLink.objects.count() == len(content.blobs)


def test_it_can_be_pushed_again(door):
    content = door.push(image())
    door.delete(f"manifests/{content.top.digest}")
    door.push(content)
    assert door.get("manifests/latest").content == content.top.payload
    assert registry().get_manifest(door.repository, Digest.parse(content.top.digest)) is not None


def test_the_same_bytes_under_two_digests_are_two_manifests(door):
    """Deleting the one leaves the other, and its bytes upstream."""
    content = door.push(image())
    payload = content.top.payload
    other = str(Digest.of(payload, "sha512"))
    assert door.put(f"manifests/{other}?tag=strong", payload, OCI_MANIFEST).status_code == 201
    assert door.delete(f"manifests/{content.top.digest}").status_code == 202
    assert door.get("manifests/strong").content == payload
    assert [str(digest) for digest in store.manifests_of(door.repository)] == [other]
    assert store.manifest_bytes(door.repository, Digest.parse(other), len(payload)) == payload
    assert door.delete(f"manifests/{other}").status_code == 202
    assert list(store.manifests_of(door.repository)) == []


def test_a_blob_that_has_the_bytes_of_a_deleted_manifest_stays(door, upstream):
    content = image()
    payload = content.top.payload
    door.push(content)
    backup = Content()
    backup.add_manifest(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": backup.add_blob(b"{}"),
            "layers": [backup.add_blob(payload)],
        }
    )
    door.push(backup.tag("backup"))
    door.delete(f"manifests/{content.top.digest}")
    link = upstream / "repositories" / door.repository / "_layers" / "sha256" / content.top.digest[7:] / "link"
    assert link.read_text() == content.top.digest
    assert door.head(f"blobs/{content.top.digest}").status_code == 200


def test_a_deletion_needs_the_right_to_delete(door):
    content = door.push(image())
    developer = Door(door.repository, "pull", "push")
    for reference in ("latest", content.top.digest):
        assert error_of(developer.delete(f"manifests/{reference}")) == (401, "UNAUTHORIZED")
    assert door.head("manifests/latest").status_code == 200
