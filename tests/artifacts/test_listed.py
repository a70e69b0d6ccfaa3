"""What lists show stays right whatever comes, moves and goes, in whatever order."""

import random
from typing import Any

import pytest

from artifacts import copying, listed, repositories, tagging
from artifacts.models import Manifest, Repository
from artifacts.reconcile import Kind, reconcile
from oci.errors import RegistryError
from rbac.actors import SYSTEM
from tests.door import Door, image, unique
from tests.flows.content import Content, PushedManifest
from tests.listed import mislisted
from tests.people import CONTEXT

BY: dict[str, Any] = {"actor": SYSTEM, "context": CONTEXT}


def shown(door) -> set[str]:
    assert mislisted() == []
    return set(Manifest.objects.filter(repository__name=door.repository, listed=True).values_list("digest", flat=True))


@pytest.fixture
def content() -> Content:
    """Two images, an index of both, and an index of that index; a signature of the first image, and one of that."""
    content = Content()
    parts = [content.add_image(), content.add_image()]
    content.add_index([content.add_index(parts)])
    signature = content.add_artifact("application/x.signature", subject=parts[0].descriptor)
    content.add_artifact("application/x.timestamp", subject=signature.descriptor)
    return content


def test_the_parts_of_an_index_are_listed_while_they_are_tagged(door):
    content = image(tag=None)
    part = content.top
    index = content.add_index([part])
    door.push(content)
    assert shown(door) == {index.digest}
    door.put_manifest(part, "v1")
    assert shown(door) == {index.digest, part.digest}
    door.put_manifest(index, "v1")
    assert shown(door) == {index.digest}
    tagging.create(door.repository, part.digest, "v2", **BY)
    assert shown(door) == {index.digest, part.digest}
    door.delete("manifests/v2")
    assert shown(door) == {index.digest}
    door.delete(f"manifests/{index.digest}")
    assert shown(door) == {part.digest}


def test_what_refers_to_a_manifest_is_listed_until_that_comes(door):
    content = image(tag=None)
    subject = content.top
    signature = content.add_artifact("application/x.signature", subject=subject.descriptor)
    for payload in content.blobs.values():
        door.push_blob(payload)
    door.put_manifest(signature, "sig")
    assert shown(door) == {signature.digest}
    door.put_manifest(subject)
    assert shown(door) == {subject.digest}


def test_a_copy_lists_what_the_source_lists(door, content):
    door.push(content.tag("v1", content.manifests[3]).tag("part", content.manifests[1]))
    target = Door(f"library/{unique()}")
    copying.copy(door.repository, "v1", target.repository, **BY)
    assert shown(target) == {content.manifests[3].digest}
    copying.copy(door.repository, "part", target.repository, **BY)
    assert shown(target) == {content.manifests[3].digest, content.manifests[1].digest}


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_done_what_is_listed_is_right(door, content, seed):
    chance = random.Random(seed)
    other = Door(f"library/{unique()}")
    for each in (door, other):
        for payload in content.blobs.values():
            each.push_blob(payload)
    manifests, tags = content.manifests, ["a", "b", "c"]

    def some() -> PushedManifest:
        found: PushedManifest = chance.choice(manifests)
        return found

    deeds = [
        lambda at: at.put_manifest(some()),
        lambda at: at.put_manifest(some(), chance.choice(tags)),
        lambda at: at.put_manifest(pushed := some(), f"{pushed.digest}?tag=a&tag=b"),
        lambda at: at.delete(f"manifests/{chance.choice(tags)}"),
        lambda at: at.delete(f"manifests/{some().digest}"),
        lambda at: tagging.create(at.repository, some().digest, chance.choice(tags), **BY),
        lambda at: copying.copy(at.repository, chance.choice(tags), other.repository, **BY),
    ]
    done = 0
    for _ in range(40):
        try:
            answer = chance.choice(deeds)(chance.choice([door, other]))
            done += getattr(answer, "status_code", 200) < 300
        except (RegistryError, tagging.TagExists):
            continue
        assert mislisted() == []
    assert done > 5
    repositories.delete(door.repository, **BY)
    assert mislisted() == []


def test_a_repository_knows_how_many_artifacts_it_lists(door, content):
    door.push(content)
    door.push(image(tag="v1"))
    assert Repository.objects.get().artifact_count == 2
    assert mislisted() == []


def test_what_went_wrong_is_found_and_mended(door, content):
    """Nothing is known to bring it about; but who restores half a backup wants a way out."""
    door.push(content)
    expected = shown(door)
    repository = Repository.objects.get()
    assert listed.recount(repository, repair=False) is False
    Manifest.objects.filter(digest__in=expected).update(listed=False)
    assert listed.recount(repository, repair=False) is True
    assert mislisted()
    assert listed.recount(repository, repair=True) is True
    assert shown(door) == expected
    Repository.objects.update(artifact_count=77)
    assert [str(each) for each in reconcile(only=door.repository, repair=True)] == [
        f"mended: {door.repository}: {Kind.MISLISTED}"
    ]
    assert shown(door) == expected


def test_a_push_that_changes_nothing_looks_at_nothing(door, monkeypatch):
    content = door.push(image(tag="v1"))

    def refuse(*arguments):
        raise AssertionError("looked at what is listed")

    monkeypatch.setattr(listed, "fetch", refuse)
    assert door.put_manifest(content.top, "v1").status_code == 201
