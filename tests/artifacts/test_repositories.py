"""Deleting a repository."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from artifacts import repositories, store
from artifacts.models import Blob, BlobCommit, BlobLink, Manifest, Repository, Tag
from artifacts.upstream import registry
from audit import Context
from audit.models import AuditRecord
from oci.digest import Digest
from oci.errors import NameUnknown
from projects import actions
from projects.errors import ProjectNotEmpty
from projects.models import Project
from rbac.actors import SYSTEM
from tests.door import Door, error_of, image, unique
from tests.roundtrips import counted

CONTEXT = Context(address="192.0.2.7", user_agent="pytest", request_id="t-1")


def delete(name: str) -> None:
    repositories.delete(name, actor=SYSTEM, context=CONTEXT)


def fill(door: Door) -> Door:
    content = image()
    top = content.top
    content.add_index([top])
    content.add_artifact("application/x.sbom", subject=top.descriptor)
    door.push(content)
    return door


def test_it_goes_with_all_it_holds(door, upstream):
    fill(door)
    digests = [Digest.parse(link.blob.digest) for link in BlobLink.objects.select_related("blob")]
    delete(door.repository)
    for model in (Repository, Manifest, Tag, BlobLink, BlobCommit):
        assert not model.objects.exists()
    assert error_of(door.get("tags/list")) == (404, "NAME_UNKNOWN")
    for digest in digests:
        assert error_of(door.get(f"blobs/{digest}")) == (404, "BLOB_UNKNOWN")
        assert registry().head_blob(door.repository, digest) is None
    assert list(store.manifests_of(door.repository)) == []


def test_the_blobs_data_stays(door):
    door.push(image())
    delete(door.repository)
    assert Blob.objects.exists()
    for blob in Blob.objects.all():
        assert store.blob_size(Digest.parse(blob.canonical)) == blob.size


def test_it_is_recorded(door):
    door.push(image())
    delete(door.repository)
    record = AuditRecord.objects.get(operation="delete")
    assert (record.resource_type, record.resource, record.project) == ("repository", door.repository, "library")
    assert (record.actor, record.address) == ("system", "192.0.2.7")


def test_what_is_not_there_is_unknown_and_not_recorded(door):
    with pytest.raises(NameUnknown):
        delete(door.repository)
    assert not AuditRecord.objects.exists()


def test_neighbours_and_nested_repositories_stay(door):
    others = [fill(Door(door.repository + suffix)) for suffix in ("/nested", "x", "-x")]
    fill(door)
    delete(door.repository)
    for other in others:
        assert other.get("manifests/latest").status_code == 200
        assert len(list(store.manifests_of(other.repository))) == 3


def test_it_can_be_pushed_anew(door):
    fill(door)
    delete(door.repository)
    fill(door)
    assert door.get("manifests/latest").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_its_cost_does_not_grow_with_what_it_holds(door):
    def cost() -> int:
        with counted() as trips:
            delete(door.repository)
        return trips()

    for _ in range(3):  # psycopg prepares a statement at its second use, which is a round trip more
        door.push(image())
        small = cost()
    for _ in range(5):
        door.push(image(tag=None))
    assert cost() <= small


def test_a_write_in_the_middle_of_it_does_not_break_it(door, monkeypatch):
    """An upload that ends meanwhile makes a folder not empty that was."""
    fill(door)
    remove = FileSystemStorage.delete

    def and_write(self, name):
        if name.endswith("_layers"):
            self.save(f"{name}/sha256/x/link", ContentFile(b"x"))
        remove(self, name)

    monkeypatch.setattr(FileSystemStorage, "delete", and_write)
    delete(door.repository)
    assert not Repository.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_deleted_project_leaves_nothing_for_the_next_of_its_name(door, upstream):
    """A blob that was pushed without a manifest has no row, and no repository that would protect its project."""
    project = Project.objects.create(name=unique())
    repository = f"{project.name}/app"
    payload = b"left behind"
    digest = registry().commit_upload(registry().start_upload(repository), Digest.of(payload), payload)
    registry().start_upload(repository)
    assert registry().head_blob(repository, digest) is not None

    actions.delete(project, actor=SYSTEM, context=CONTEXT)

    assert registry().head_blob(repository, digest) is None
    assert not (upstream / "repositories" / project.name).exists()
    assert registry().head_blob(door.repository, digest) is None


@pytest.mark.django_db(transaction=True)
def test_a_project_that_is_not_deleted_keeps_its_store(door, upstream):
    fill(door)
    with pytest.raises(ProjectNotEmpty):
        actions.delete(Repository.objects.get().project, actor=SYSTEM, context=CONTEXT)
    assert list((upstream / "repositories" / door.repository).iterdir())
