"""Many at once: whatever races, a manifest that is visible has everything it names."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

import audit
from artifacts import copying, repositories, store
from artifacts.models import BlobLink, Manifest, ManifestBlob, ManifestChild, Repository, Tag
from artifacts.upstream import registry
from audit import Context
from audit.models import AuditRecord
from oci.digest import Digest
from oci.errors import ManifestUnknown, NameUnknown
from projects import immutability
from rbac.actors import SYSTEM
from tests.door import Door, image, unique
from tests.flows.content import Content
from tests.listed import mislisted
from tests.rules import make_rule

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """Run all deeds in threads that start together, each on a connection of its own; their results in order."""
    barrier = threading.Barrier(len(deeds), timeout=30)

    def run(deed: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait()
            return deed()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return [future.result() for future in [pool.submit(run, deed) for deed in deeds]]


def dangling() -> list[str]:
    """What visible manifests name and the repository doesn't hold, by our rows or by the store; and wrong counts."""
    lost = []
    for manifest in Manifest.objects.select_related("repository"):
        name = manifest.repository.name
        document = json.loads(bytes(manifest.payload))
        for entry in [document["config"], *document["layers"]] if "layers" in document else []:
            digest = Digest.parse(entry["digest"])
            if not BlobLink.objects.filter(repository=manifest.repository, blob__digest=str(digest)).exists():
                lost.append(f"{name}: no link row to {digest}")
            if registry().head_blob(name, digest) is None:
                lost.append(f"{name}: upstream has no {digest}")
        for entry in document.get("manifests", []):
            if not Manifest.objects.filter(repository=manifest.repository, digest=entry["digest"]).exists():
                lost.append(f"{name}: no manifest {entry['digest']}")
        if not store.has_manifest(name, Digest.parse(manifest.digest)):
            lost.append(f"{name}: the store has no manifest {manifest.digest}")
    return lost + mislisted()


def test_the_same_manifest_and_tag_pushed_at_once_are_there_once(door):
    content = image(layers=3)
    for payload in content.blobs.values():
        door.push_blob(payload)
    answers = at_once(*[lambda: door.put_manifest(content.top, "latest").status_code] * 6)
    assert answers == [201] * 6
    assert (Repository.objects.count(), Manifest.objects.count(), Tag.objects.count()) == (1, 1, 1)
    assert ManifestBlob.objects.count() == len(content.blobs)
    assert AuditRecord.objects.count() == 6
    assert dangling() == []


def test_different_manifests_pushed_to_one_tag_at_once_leave_one_of_them(door):
    contents = [image(tag=None) for _ in range(5)]
    for content in contents:
        for payload in content.blobs.values():
            door.push_blob(payload)
    answers = at_once(*[lambda c=content: door.put_manifest(c.top, "latest").status_code for content in contents])
    assert answers == [201] * 5
    assert Manifest.objects.count() == 5
    assert Tag.objects.get().manifest.digest in {content.top.digest for content in contents}


def test_manifests_that_share_blobs_pushed_at_once_do_not_deadlock(door):
    shared = Content()
    layers = [shared.add_blob(unique().encode()) for _ in range(8)]
    manifests = [
        shared.add_manifest(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": shared.add_blob(b"{}"),
                "layers": layers[turn:] + layers[:turn],
            }
        )
        for turn in range(6)
    ]
    for payload in shared.blobs.values():
        door.push_blob(payload)
    answers = at_once(*[lambda m=manifest: door.put_manifest(m).status_code for manifest in manifests])
    assert answers == [201] * 6
    assert dangling() == []


@pytest.mark.parametrize("attempt", range(8))
def test_a_push_racing_the_deletion_of_its_blob_leaves_no_dangling_manifest(door, attempt):
    content = image(tag=None)
    for payload in content.blobs.values():
        door.push_blob(payload)
    digest = next(iter(content.blobs))
    pushed, deleted = at_once(
        lambda: door.put_manifest(content.top, "latest").status_code,
        lambda: door.delete(f"blobs/{digest}").status_code,
    )
    assert (pushed, deleted) in {(201, 405), (400, 202)}
    assert Manifest.objects.count() == (pushed == 201)
    assert dangling() == []


@pytest.mark.parametrize("attempt", range(8))
def test_an_index_racing_the_deletion_of_its_child_leaves_no_dangling_index(door, attempt):
    content = image(tag=None)
    child = content.top
    door.push(content)
    index = content.add_index([child])
    pushed, deleted = at_once(
        lambda: door.put_manifest(index, "multi").status_code,
        lambda: door.delete(f"manifests/{child.digest}").status_code,
    )
    assert (pushed, deleted) in {(201, 403), (400, 202)}
    assert ManifestChild.objects.count() == (pushed == 201)
    assert dangling() == []


@pytest.mark.parametrize("attempt", range(6))
def test_a_push_racing_the_deletion_of_the_same_manifest_leaves_all_or_nothing(door, attempt):
    content = door.push(image())
    pushed, deleted = at_once(
        lambda: door.put_manifest(content.top, "again").status_code,
        lambda: door.delete(f"manifests/{content.top.digest}").status_code,
    )
    assert (pushed, deleted) == (201, 202)
    there = Manifest.objects.filter(digest=content.top.digest).exists()
    assert there == Tag.objects.filter(name="again").exists()
    assert (registry().get_manifest(door.repository, Digest.parse(content.top.digest)) is not None) == there
    assert dangling() == []


def test_a_manifest_deleted_twice_at_once_is_deleted_once(door):
    content = door.push(image())
    answers = at_once(*[lambda: door.delete(f"manifests/{content.top.digest}").status_code] * 3)
    assert sorted(answers) == [202, 404, 404]
    assert AuditRecord.objects.filter(operation="delete").count() == 1


def test_a_tag_deleted_twice_at_once_is_deleted_once(door):
    door.push(image())
    answers = at_once(*[lambda: door.delete("manifests/latest").status_code] * 3)
    assert sorted(answers) == [202, 404, 404]
    assert AuditRecord.objects.filter(operation="delete").count() == 1


@pytest.mark.parametrize("attempt", range(4))
def test_a_push_racing_the_deletion_of_its_repository_leaves_no_dangling_manifest(door, attempt):
    content = door.push(image())

    def delete() -> None:
        repositories.delete(door.repository, actor=SYSTEM, context=Context())

    pushed, _ = at_once(lambda: door.put_manifest(content.top, "again").status_code, delete)
    assert pushed in {201, 400}
    assert dangling() == []
    assert Manifest.objects.count() <= 1


def test_a_repository_is_deleted_once(door):
    door.push(image())

    def delete() -> bool:
        try:
            repositories.delete(door.repository, actor=SYSTEM, context=Context())
        except NameUnknown:
            return False
        return True

    assert sorted(at_once(delete, delete)) == [False, True]


def test_the_same_broken_link_is_mended_by_many_at_once(door, upstream):
    content = image(tag=None)
    for payload in content.blobs.values():
        door.push_blob(payload)
    digest = next(iter(content.blobs))
    folder = upstream / "repositories" / door.repository / "_layers" / "sha256" / digest[7:]
    (folder / "link").write_bytes(b"")
    answers = at_once(*[lambda: door.put_manifest(content.top, "latest").status_code] * 4)
    assert answers == [201] * 4
    assert [path.name for path in folder.iterdir()] == ["link"]
    assert dangling() == []


@pytest.mark.parametrize("attempt", range(4))
def test_of_two_manifests_pushed_to_one_new_immutable_tag_at_once_one_wins(door, project, attempt):
    make_rule(project, "v*")
    contents = [image(tag=None) for _ in range(4)]
    for content in contents:
        door.push(content)
    answers = at_once(*[lambda c=content: door.put_manifest(c.top, "v1").status_code for content in contents])
    assert sorted(answers) == [201, 412, 412, 412]
    assert Tag.objects.get().manifest.digest == contents[answers.index(201)].top.digest


@pytest.mark.parametrize("attempt", range(4))
def test_an_immutable_tag_pushed_first_to_a_new_repository_by_many_is_pushed_once(door, project, attempt):
    """None of them finds the repository there."""
    make_rule(project, "v*")
    contents = [image(tag=None) for _ in range(4)]
    for content in contents:
        for payload in content.blobs.values():
            door.push_blob(payload)
    answers = at_once(*[lambda c=content: door.put_manifest(c.top, "v1").status_code for content in contents])
    assert sorted(answers) == [201, 412, 412, 412]
    assert dangling() == []


def seen_by_the_maker_of_a_rule(project) -> str | None:
    """The digest behind `v1` at the moment that a rule for it is made and answered; None where it is gone."""
    make_rule(project, "v*")
    return digest_of_v1()


def digest_of_v1() -> str | None:
    return Tag.objects.filter(name="v1").values_list("manifest__digest", flat=True).first()


@pytest.mark.parametrize("deed", ["push", "delete tag", "delete manifest", "delete repository"])
def test_once_a_rule_is_made_nothing_that_was_under_way_moves_a_tag(door, project, deed, monkeypatch):
    """The deed is held up between its decision and its end, so the rule's maker has to wait for it."""
    first, second = door.push(image(tag="v1")), door.push(image(tag=None))
    decided, go_on = threading.Event(), threading.Event()
    record = audit.record

    def slow_record(**fields) -> None:
        record(**fields)
        if fields["resource_type"] != "immutable-tag-rule":
            decided.set()
            go_on.wait(30)

    def make() -> str | None:
        assert decided.wait(30)
        threading.Timer(0.3, go_on.set).start()
        return seen_by_the_maker_of_a_rule(project)

    monkeypatch.setattr(audit, "record", slow_record)
    deeds = {
        "push": lambda: door.put_manifest(second.top, "v1"),
        "delete tag": lambda: door.delete("manifests/v1"),
        "delete manifest": lambda: door.delete(f"manifests/{first.top.digest}"),
        "delete repository": lambda: repositories.delete(door.repository, actor=SYSTEM, context=Context()),
    }
    _, seen = at_once(deeds[deed], make)
    assert seen == digest_of_v1() == (second.top.digest if deed == "push" else None)


@pytest.mark.parametrize("attempt", range(4))
def test_a_tag_moves_before_the_rule_or_not_at_all(door, project, attempt):
    first, second = door.push(image(tag="v1")), door.push(image(tag=None))
    status, seen = at_once(
        lambda: door.put_manifest(second.top, "v1").status_code, lambda: seen_by_the_maker_of_a_rule(project)
    )
    assert seen == digest_of_v1()
    assert (status, seen) in {(201, second.top.digest), (412, first.top.digest)}


def copied(door, target: str) -> str:
    return str(copying.copy(door.repository, "v1", target, actor=SYSTEM, context=Context()))


@pytest.mark.parametrize("attempt", range(3))
def test_the_same_artifact_copied_by_many_at_once_is_there_once(door, attempt):
    content = image(tag=None)
    parts = [content.add_image() for _ in range(3)]
    door.push(content.tag("v1", content.add_index(parts)))
    target = f"library/{unique()}"
    assert at_once(*[lambda: copied(door, target)] * 4) == [content.top.digest] * 4
    assert Manifest.objects.filter(repository__name=target).count() == 4
    assert Tag.objects.filter(repository__name=target).count() == 1
    assert dangling() == []


@pytest.mark.parametrize("attempt", range(3))
def test_copies_in_opposite_directions_and_deletions_leave_all_or_nothing(door, attempt):
    other = Door(f"library/{unique()}")
    ours = door.push(image(tag="v1"))
    other.push(image(tag="v1"))

    def attempt_to(deed: Callable[[], Any]) -> int:
        try:
            deed()
        except (ManifestUnknown, NameUnknown) as error:
            return error.status
        return 200

    answers = at_once(
        lambda: attempt_to(lambda: copied(door, other.repository)),
        lambda: attempt_to(lambda: copied(other, door.repository)),
        lambda: door.delete(f"manifests/{ours.top.digest}").status_code,
        lambda: attempt_to(lambda: repositories.delete(other.repository, actor=SYSTEM, context=Context())),
    )
    assert set(answers) <= {200, 202, 404}
    assert {each.status_code for each in (door.get("manifests/v1"), other.get("manifests/v1"))} <= {200, 404}
    assert dangling() == []


def test_who_makes_a_rule_does_not_wait_for_long(project):
    """Behind him all pushes of the project would wait too."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            immutability.hold(project.pk)
            held.set()
            done.wait(30)

    def make() -> str:
        assert held.wait(30)
        try:
            make_rule(project, "v*")
        except OperationalError:
            return "refused"
        finally:
            done.set()
        return "made"

    assert at_once(hold, make)[1] == "refused"
    make_rule(project, "v*")
