"""What a project uses follows from what its manifests name, at every push and deletion."""

import importlib
import json
from types import SimpleNamespace

import pytest
from django.db import connection

from artifacts import copying, repositories, usage
from artifacts.models import Manifest, ProjectBlob
from projects import actions, quotas
from projects.models import Quota, UsageChange
from rbac.actors import SYSTEM
from tests.artifacts.counting import assert_right, needed, used
from tests.door import Door, image, unique
from tests.flows.content import OCI_LAYER_FOREIGN, Content
from tests.people import CONTEXT, make_project
from tests.roundtrips import counted


@pytest.fixture
def other(door) -> Door:
    """Another repository of the same project."""
    return Door(f"library/{unique()}")


def size_of(content: Content) -> int:
    return sum(map(len, content.blobs.values())) + sum(len(each.payload) for each in content.manifests)


def test_an_empty_project_uses_nothing(project):
    assert used(project) == 0


def test_an_image_counts_with_its_manifest(door, project):
    content = door.push(image(layers=3))
    assert used(project) == size_of(content) == needed(project)


def test_a_blob_that_no_manifest_names_does_not_count(door, project):
    door.push_blob(b"x" * 1000)
    assert used(project) == 0


def test_what_is_pushed_again_or_under_another_tag_counts_once(door, project):
    content = door.push(image())
    door.push(content)
    door.put_manifest(content.top, "again")
    assert used(project) == size_of(content)


def test_the_same_image_in_another_repository_of_the_project_counts_once(door, other, project):
    content = door.push(image())
    other.push(content)
    assert used(project) == size_of(content)


def test_a_shared_layer_counts_once_and_the_rest_of_both(door, other, project):
    first, second = Content(), Content()
    layer = first.add_blob(b"base" * 500)
    second.add_blob(b"base" * 500)
    for content in (first, second):
        config = content.add_blob(unique().encode())
        content.add_manifest(
            {"schemaVersion": 2, "mediaType": image().top.media_type, "config": config, "layers": [layer]}
        )
    door.push(first)
    other.push(second)
    assert used(project) == size_of(first) + size_of(second) - 2000 == needed(project)


def test_each_project_counts_for_itself(door, project):
    content, elsewhere = image(), make_project(unique())
    door.push(content)
    Door(f"{elsewhere.name}/app").push(content)
    assert used(project) == used(elsewhere) == size_of(content)


def test_an_index_counts_with_its_children_once(door, project):
    content = Content()
    children = [content.add_image(architecture=name) for name in ("amd64", "arm64")]
    content.add_index([*children, children[0]])
    door.push(content)
    assert used(project) == size_of(content) == needed(project)


def test_a_blob_by_two_digests_counts_once(door, project):
    content = door.push(image(algorithm="sha512", tag=None))
    before = used(project)
    assert before == size_of(content) == needed(project)
    same = Content()
    for payload in content.blobs.values():
        same.add_blob(payload)
    named = [
        {"mediaType": "application/octet-stream", "digest": digest, "size": len(payload)}
        for digest, payload in same.blobs.items()
    ]
    top = same.add_manifest(
        {"schemaVersion": 2, "mediaType": image().top.media_type, "config": named[0], "layers": named[1:]}
    )
    door.push(same)
    assert used(project) == before + len(top.payload) == needed(project)


def test_a_manifest_by_two_digests_counts_by_each(door, project):
    content = door.push(image(algorithm="sha512"))  # the tag is put on it by its SHA-256
    assert used(project) == size_of(content) + len(content.top.payload) == needed(project)
    door.delete(f"manifests/{content.top.digest}")
    assert used(project) == size_of(content)


def test_a_foreign_layer_does_not_count_even_if_it_is_there(door, project):
    content = Content()
    config = content.add_blob(b"{}")
    layer = content.add_blob(b"y" * 3000, OCI_LAYER_FOREIGN)
    top = content.add_manifest(
        {"schemaVersion": 2, "mediaType": image().top.media_type, "config": config, "layers": [layer]}
    )
    door.push(content)
    assert used(project) == 2 + len(top.payload)


def test_a_layer_that_is_a_manifests_bytes_counts_once(door, project):
    content = image()
    inner = content.top
    layer = content.add_blob(inner.payload)
    config = content.add_blob(b"{}")
    outer = content.add_manifest(
        {"schemaVersion": 2, "mediaType": inner.media_type, "config": config, "layers": [layer]}
    )
    door.push(content)
    total = used(project)
    assert total == size_of(content) - len(inner.payload) == needed(project)
    assert door.delete(f"manifests/{inner.digest}").status_code == 202
    assert_right(project)  # the layer is needed still
    assert door.delete(f"manifests/{outer.digest}").status_code == 202
    assert used(project) == 0


def test_a_deleted_manifest_gives_back_what_nothing_else_needs(door, other, project):
    content, shared = image(), image()
    door.push(content)
    door.push(shared)
    other.push(shared)
    assert door.delete(f"manifests/{content.top.digest}").status_code == 202
    assert used(project) == size_of(shared)
    assert door.delete(f"manifests/{shared.top.digest}").status_code == 202
    assert used(project) == size_of(shared)
    assert other.delete(f"manifests/{shared.top.digest}").status_code == 202
    assert used(project) == 0
    assert not ProjectBlob.objects.exists()


def test_an_untagged_manifest_counts_as_before(door, project):
    content = door.push(image())
    door.delete("manifests/latest")
    assert used(project) == size_of(content)


def test_referrers_go_and_give_back_with_their_subject(door, project):
    content = image()
    subject = content.top
    signature = content.add_artifact("application/x.sig", subject=subject.descriptor)
    content.add_artifact("application/x.sig.sig", subject=signature.descriptor)
    door.push(content)
    assert used(project) == needed(project) > 0
    assert door.delete(f"manifests/{subject.digest}").status_code == 202
    assert used(project) == 0


def test_a_deleted_blob_changes_nothing_for_no_manifest_of_its_repository_names_it(door, other, project):
    content = door.push(image())
    other.push(content)
    door.delete(f"manifests/{content.top.digest}")
    for digest in content.blobs:
        assert door.delete(f"blobs/{digest}").status_code == 202
    assert used(project) == size_of(content) == needed(project)


def test_what_was_given_back_counts_again_when_it_is_pushed_again(door, project):
    """Its blobs are in the repository still, so that the client uploads none."""
    content = door.push(image())
    door.delete(f"manifests/{content.top.digest}")
    assert door.put_manifest(content.top, "again").status_code == 201
    assert used(project) == size_of(content)


def test_a_deleted_repository_gives_back_what_no_other_needs(door, other, project):
    shared = image()
    top = shared.top
    shared.add_index([top])
    shared.add_artifact("application/x.sbom", subject=top.descriptor)
    door.push(shared)
    other.push(shared)
    door.push(image())
    repositories.delete(door.repository, actor=SYSTEM, context=CONTEXT)
    assert used(project) == size_of(shared) == needed(project)
    repositories.delete(other.repository, actor=SYSTEM, context=CONTEXT)
    assert used(project) == 0
    assert not ProjectBlob.objects.exists()


def test_what_takes_several_batches_is_given_back_as_a_whole(door, other, project, monkeypatch):
    monkeypatch.setattr(usage, "BATCH", 2)
    content, shared = image(layers=5), image(layers=3)
    door.push(content)
    door.push(shared)
    other.push(shared)
    door.delete(f"manifests/{content.top.digest}")
    assert used(project) == size_of(shared)
    door.push(content)
    repositories.delete(door.repository, actor=SYSTEM, context=CONTEXT)
    assert used(project) == size_of(shared) == needed(project)
    repositories.delete(other.repository, actor=SYSTEM, context=CONTEXT)
    assert used(project) == 0


def test_a_copy_counts_once_in_a_project_and_anew_in_another(door, other, project):
    content = image()
    content.add_artifact("application/x.sbom", subject=content.top.descriptor)
    content.add_index([content.manifests[0]])
    door.push(content.tag("multi"))
    elsewhere = make_project(unique())
    copying.copy(door.repository, "multi", other.repository, actor=SYSTEM, context=CONTEXT)
    assert used(project) == size_of(content) == needed(project)
    copying.copy(door.repository, "multi", f"{elsewhere.name}/app", actor=SYSTEM, context=CONTEXT)
    assert used(elsewhere) == used(project) == needed(elsewhere)


def test_a_refused_push_counts_nothing(door, project):
    content = image(tag=None)
    assert door.put_manifest(content.top).status_code == 400
    assert used(project) == 0


def test_folding_changes_no_figure(door, project):
    for _ in range(3):
        door.push(image())
    total = used(project)
    assert quotas.fold() == 3
    assert Quota.objects.get().used == total == used(project)
    assert not UsageChange.objects.exists()
    door.delete("manifests/" + Manifest.objects.latest("pk").digest)
    assert used(project) == needed(project) < total
    assert quotas.fold() == 1
    assert quotas.fold() == 0
    assert_right(project)


def test_changes_of_a_project_without_a_quota_wait_for_one(door, project):
    Quota.objects.all().delete()
    content = door.push(image())
    assert quotas.fold() == 0
    assert used(project) == size_of(content)
    Quota.objects.create(project=project)
    assert quotas.fold() == 1
    assert used(project) == size_of(content)


@pytest.mark.django_db(transaction=True)
def test_a_deleted_project_leaves_nothing_counted(door):
    made = make_project(unique())
    Door(f"{made.name}/app").push(image())
    repositories.delete(f"{made.name}/app", actor=SYSTEM, context=CONTEXT)
    quotas.fold()
    assert used(made) == 0
    Door(f"{made.name}/app").push(image())
    repositories.delete(f"{made.name}/app", actor=SYSTEM, context=CONTEXT)
    actions.delete(made, actor=SYSTEM, context=CONTEXT)
    assert not UsageChange.objects.exists()
    assert not ProjectBlob.objects.exists()
    assert not Quota.objects.filter(project=made.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_reading_what_is_used_costs_one_round_trip_whatever_that_is(door, project):
    quotas.figures("library")
    with counted() as trips:
        quotas.figures("library")
    assert trips() == 1
    for _ in range(5):
        door.push(image())
    with counted() as trips:
        quotas.figures("library")
    assert trips() == 1


def test_what_an_older_release_left_is_counted_by_the_migration(door, other, project):
    shared = image(algorithm="sha512")
    other.push(shared)
    door.push(shared)
    content = door.push(image())
    content.add_index([content.top])
    door.push(content)
    total = used(project)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE artifacts_manifestblob SET project_id = 0")
        cursor.execute("DELETE FROM artifacts_projectblob")
        cursor.execute("DELETE FROM projects_usagechange")
        cursor.execute("UPDATE projects_quota SET used = 0")
    migration = importlib.import_module("artifacts.migrations.0004_count_project_blobs")
    for _ in range(2):  # it may be broken off, and begun again
        migration.count(None, SimpleNamespace(connection=connection))
        assert used(project) == total == needed(project)
    door.delete(f"manifests/{json.loads(content.top.payload)['manifests'][0]['digest']}")
    door.delete(f"manifests/{content.top.digest}")
    assert_right(project)
