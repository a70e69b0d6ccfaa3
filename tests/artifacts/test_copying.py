"""Copies within the registry: whole or not at all, by mounts alone."""

import pytest

from artifacts import blobs, copying, push
from artifacts.models import BlobLink, Manifest, ManifestBlob, ManifestChild, Repository, Tag
from artifacts.upstream import registry
from audit.models import AuditRecord
from oci.client import RegistryClient
from oci.digest import Digest
from oci.errors import ManifestUnknown, NameUnknown, PreconditionFailed, Unavailable
from rbac.actors import SYSTEM
from tests.artifacts.test_concurrency import dangling
from tests.door import Door, image, unique
from tests.flows.content import OCI_INDEX, Content
from tests.people import CONTEXT, make_project
from tests.rules import make_rule

ABSENT = Digest.of(b"nobody pushed this")


@pytest.fixture
def target(project) -> str:
    """A repository that isn't there, in another project."""
    make_project("team")
    return f"team/apps/{unique()}"


def copy(door, reference, target):
    return copying.copy(door.repository, reference, target, actor=SYSTEM, context=CONTEXT)


def tags_in(name) -> dict[str, str]:
    return dict(Tag.objects.filter(repository__name=name).values_list("name", "manifest__digest"))


def digests_in(name) -> set[str]:
    return set(Manifest.objects.filter(repository__name=name).values_list("digest", flat=True))


def test_an_image_comes_with_its_blobs_and_tags_and_can_be_pulled(door, target):
    content = door.push(image(tag="v1").tag("latest"))
    assert str(copy(door, "v1", target)) == content.top.digest
    there = Door(target)
    assert there.get("manifests/v1").content == content.top.payload
    for digest, payload in content.blobs.items():
        assert there.get(f"blobs/{digest}").status_code == 200
        assert b"".join(registry().get_blob(target, Digest.parse(digest))) == payload
    assert tags_in(target) == {"v1": content.top.digest, "latest": content.top.digest}
    assert dangling() == []


def test_a_copy_by_digest_is_the_same_and_an_untagged_artifact_stays_untagged(door, target):
    content = door.push(image(tag=None))
    copy(door, Digest.parse(content.top.digest), target)
    assert digests_in(target) == {content.top.digest}
    assert tags_in(target) == {}
    record = AuditRecord.objects.get(resource=f"{target}@{content.top.digest}")
    assert record.detail["source"] == f"{door.repository}@{content.top.digest}"


def test_an_index_comes_with_its_parts_and_an_artifact_with_its_referrers(door, target):
    content = Content()
    parts = [content.add_image(), content.add_image(architecture="arm64")]
    inner = content.add_index(parts[:1])
    index = content.add_index([inner, *parts])
    signature = content.add_artifact("application/x.signature", subject=index.descriptor)
    content.add_artifact("application/x.timestamp", subject=signature.descriptor)
    content.add_artifact("application/x.sbom", subject=parts[1].descriptor)
    door.push(content.tag("multi", index).tag("part", parts[0]))
    door.push(image(tag="bystander"))
    copy(door, "multi", target)
    assert digests_in(target) == {each.digest for each in content.manifests}
    assert tags_in(target) == {"multi": index.digest}
    assert ManifestChild.objects.filter(parent__repository__name=target).count() == 4
    referrers = Door(target).get(f"referrers/{index.digest}").json()["manifests"]
    assert [each["digest"] for each in referrers] == [signature.digest]
    assert dangling() == []


def test_what_clients_sign_by_the_tag_schema_comes_along(door, target):
    content = image(tag="v1")
    signed = content.top
    name = signed.digest.replace(":", "-")
    signature = content.add_artifact("application/vnd.dev.cosign.simplesigning.v1+json")
    content.tag(f"{name}.sig", signature)
    listed = content.add_artifact("application/x.sbom")
    index = content.add_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [listed.descriptor]})
    content.tag(name, index)
    door.push(content)
    copy(door, "v1", target)
    assert tags_in(target) == {"v1": signed.digest, f"{name}.sig": signature.digest, name: index.digest}
    assert digests_in(target) == {each.digest for each in content.manifests}


def test_a_targets_own_signatures_stay(door, target):
    content = image(tag="v1")
    name = f"{content.top.digest.replace(':', '-')}.sig"
    ours = content.add_artifact("application/x.signature")
    door.push(content.tag(name, ours))
    theirs = Content()
    theirs.add_artifact("application/x.signature")
    Door(target).push(theirs.tag(name))
    copy(door, "v1", target)
    assert tags_in(target)[name] == theirs.top.digest
    assert ours.digest in digests_in(target)


def test_content_by_sha512_comes_by_all_its_names(door, target):
    content = door.push(image(tag=None, algorithm="sha512"))
    copy(door, Digest.parse(content.top.digest), target)
    there = Door(target)
    assert there.get(f"manifests/{content.top.digest}").content == content.top.payload
    for digest in content.blobs:
        assert there.head(f"blobs/{digest}").status_code == 200
    assert dangling() == []


def test_a_second_copy_changes_nothing_and_brings_what_came_since(door, target):
    content = door.push(image(tag="v1"))
    copy(door, "v1", target)
    counts = [kind.objects.count() for kind in (Manifest, ManifestBlob, BlobLink, Tag, Repository)]
    copy(door, "v1", target)
    assert [kind.objects.count() for kind in (Manifest, ManifestBlob, BlobLink, Tag, Repository)] == counts
    content.add_artifact("application/x.signature", subject=content.top.descriptor)
    door.push(content.tag("v2", content.manifests[0]))
    copy(door, "v1", target)
    assert digests_in(target) == {each.digest for each in content.manifests}
    assert set(tags_in(target)) == {"v1", "v2"}


def test_no_blobs_bytes_are_moved(door, target, monkeypatch):
    door.push(image(tag="v1", layers=3))

    def refuse(*arguments, **options):
        raise AssertionError("bytes were read or written")

    monkeypatch.setattr(RegistryClient, "get_blob", refuse)
    monkeypatch.setattr(RegistryClient, "commit_upload", refuse)
    copy(door, "v1", target)
    assert dangling() == []


def test_nothing_is_seen_of_a_copy_that_fails_in_its_middle(door, target, monkeypatch):
    content = Content()
    parts = [content.add_image(), content.add_image()]
    door.push(content.tag("multi", content.add_index(parts)))
    write, left = push.write_manifest, [2]

    def fail(*arguments):
        left[0] -= 1
        if not left[0]:
            raise Unavailable("the lights went out")
        return write(*arguments)

    monkeypatch.setattr(push, "write_manifest", fail)
    records = AuditRecord.objects.count()
    with pytest.raises(Unavailable):
        copy(door, "multi", target)
    assert not Repository.objects.filter(name=target).exists()
    assert AuditRecord.objects.count() == records
    monkeypatch.undo()
    copy(door, "multi", target)
    assert len(digests_in(target)) == 3


def test_a_lost_blob_is_said_and_nothing_comes(door, target, monkeypatch):
    content = door.push(image(tag="v1"))
    digest = next(iter(content.blobs))
    registry().delete_blob(door.repository, Digest.parse(digest))
    with pytest.raises(Unavailable):
        copy(door, "v1", target)
    assert digests_in(target) == set()


def test_a_broken_link_in_the_source_is_mended(door, target, upstream):
    content = door.push(image(tag="v1"))
    digest = next(iter(content.blobs))
    (upstream / "repositories" / door.repository / "_layers" / "sha256" / digest[7:] / "link").write_bytes(b"")
    copy(door, "v1", target)
    assert dangling() == []


@pytest.mark.parametrize("reference", ["none", ABSENT])
def test_what_is_not_there_is_unknown(door, target, reference):
    door.push(image())
    with pytest.raises(ManifestUnknown):
        copy(door, reference, target)
    assert not Repository.objects.filter(name=target).exists()


def test_a_project_that_is_not_there_gets_nothing(door):
    door.push(image())
    with pytest.raises(NameUnknown):
        copy(door, "latest", "nowhere/x")


def test_a_copy_onto_itself_changes_nothing(door):
    door.push(image(tag="v1"))
    before, records = Tag.objects.get().pushed_at, AuditRecord.objects.count()
    copy(door, "v1", door.repository)
    assert Tag.objects.get().pushed_at == before
    assert AuditRecord.objects.count() == records


def test_an_immutable_tag_of_the_target_stays(door, target):
    make_rule(make_project("ruled"), "v*")
    ruled = f"ruled/{unique()}"
    first = door.push(image(tag="v1"))
    copy(door, "v1", ruled)
    copy(door, "v1", ruled)
    door.push(image(tag="v1"))
    with pytest.raises(PreconditionFailed, match="v1 is configured as immutable, cannot be updated"):
        copy(door, "v1", ruled)
    assert tags_in(ruled) == {"v1": first.top.digest}
    assert digests_in(ruled) == {first.top.digest}


def test_more_than_so_many_manifests_are_too_many(door, target, monkeypatch):
    content = image(tag="v1")
    subject = content.top
    for _ in range(3):
        content.add_artifact("application/x.signature", subject=subject.descriptor)
    door.push(content)
    monkeypatch.setattr(copying, "MOST", 3)
    with pytest.raises(PreconditionFailed):
        copy(door, "v1", target)
    monkeypatch.setattr(copying, "MOST", 4)
    copy(door, "v1", target)
    assert len(digests_in(target)) == 4


def test_each_tag_of_a_copy_is_recorded_with_where_it_is_from(door, target):
    content = door.push(image(tag="v1").tag("latest"))
    copy(door, "v1", target)
    records = AuditRecord.objects.filter(project="team").order_by("id")
    assert [each.resource for each in records] == [f"{target}:v1", f"{target}:latest"]
    assert {(each.operation, each.resource_type, each.detail["source"]) for each in records} == {
        ("create", "artifact", f"{door.repository}@{content.top.digest}")
    }


def test_mounting_is_not_asked_for_what_the_target_holds(door, target, monkeypatch):
    content = door.push(image(tag="v1"))
    Door(target).push(Content(blobs=dict(content.blobs), manifests=list(content.manifests)))

    def refuse(*arguments):
        raise AssertionError("a blob was mounted")

    monkeypatch.setattr(blobs, "take", refuse)
    copy(door, "v1", target)
    assert tags_in(target) == {"v1": content.top.digest}
