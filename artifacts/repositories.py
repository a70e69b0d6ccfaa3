"""Deeds on a repository as a whole."""

from __future__ import annotations

from django.db import transaction

import audit
from artifacts import store, tagging, usage
from artifacts.changes import DELETE, Change, tell
from artifacts.models import (
    ArtifactLabel,
    BlobCommit,
    BlobLink,
    Manifest,
    ManifestBlob,
    ManifestChild,
    Repository,
    Tag,
)
from db.locks import advisory_lock
from oci.errors import NameUnknown
from oci.reference import project_of
from projects.actions import on_delete
from rbac.actors import Actor


@transaction.atomic
def describe(repository: Repository, description: str, *, actor: Actor, context: audit.Context) -> None:
    """Replace the text that people read about the repository."""
    repository.description = description
    repository.save(update_fields=["description"])
    audit.record(
        actor=actor.name,
        operation="update",
        resource_type="repository",
        resource=repository.name,
        project=project_of(repository.name),
        context=context,
        detail={"changed": ["description"]},
    )


def delete(name: str, *, actor: Actor, context: audit.Context) -> None:
    """Delete a repository with its tags and manifests, and its links in the store.

    The blobs' data stays until nothing links to it any more. Raises NameUnknown, and PreconditionFailed while it has
    an immutable tag.
    """
    with advisory_lock(name):
        with transaction.atomic():
            repository = Repository.objects.select_for_update().filter(name=name).first()
            if repository is None:
                raise NameUnknown(detail={"name": name})
            tagging.check_may_go(repository, Tag.objects.filter(repository=repository))
            tell(Change(DELETE, name))
            _delete_rows(repository)
            audit.record(
                actor=actor.name,
                operation="delete",
                resource_type="repository",
                resource=name,
                project=project_of(name),
                context=context,
            )
        store.forget_repository(name)


@on_delete
def forget_project(name: str) -> None:
    """Remove what a deleted project left in the store, blobs that no manifest ever named above all: whoever makes a
    project of the same name must not find them."""
    BlobCommit.objects.filter(repository__startswith=f"{name}/").delete()
    store.forget_project(name)


def _delete_rows(repository: Repository) -> None:
    """One statement a table, so that none of a big repository's rows has to be read, as Django's cascade would."""
    Tag.objects.filter(repository=repository).delete()
    ArtifactLabel.objects.filter(manifest__repository=repository).delete()
    ManifestChild.objects.filter(parent__repository=repository).delete()
    ManifestBlob.objects.filter(manifest__repository=repository).delete()
    usage.release_repository(repository.project_id, repository.pk)
    manifests = Manifest.objects.filter(repository=repository)
    manifests._raw_delete(manifests.db)
    BlobLink.objects.filter(repository=repository).delete()
    BlobCommit.objects.filter(repository=repository.name).delete()
    repository.delete()
