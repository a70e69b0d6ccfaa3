"""Labels are put on artifacts and taken off."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, transaction

import audit
from artifacts.models import ArtifactLabel, Manifest, Repository
from oci.errors import ManifestUnknown
from oci.reference import project_of
from projects import labels
from projects.errors import LabelUnknown
from projects.models import Label, Project
from rbac.actors import Actor


class AlreadyLabelled(Exception):
    """The artifact has the label."""


class NotLabelled(Exception):
    """The artifact doesn't have the label."""


@transaction.atomic
def put_on(repository: Repository, digest: str, label_id: int, *, actor: Actor, context: audit.Context) -> None:
    """Mark the manifest `digest` with a label: a global one, or one of the repository's own project.

    Raises LabelUnknown (one of another project is as good as none), AlreadyLabelled, ManifestUnknown.
    """
    rows = Manifest.objects.filter(repository=repository, digest=digest).only("id", "digest", "repository__name")
    rows = rows.select_related("repository")
    manifest = rows.select_for_update(of=("self",)).first()
    if manifest is None:
        raise ManifestUnknown(detail={"name": repository.name, "reference": digest})
    usable = labels.usable_in(repository.project_id).filter(pk=label_id)
    label = usable.select_for_update(of=("self",), no_key=True).first()
    if label is None:
        raise LabelUnknown(f"there is no label {label_id} for {repository.name}")
    try:
        with transaction.atomic():
            mark = ArtifactLabel.objects.create(manifest=manifest, label=label)
    except IntegrityError as error:
        raise AlreadyLabelled(f"{repository.name}@{digest} has the label {label.name} already") from error
    _record("create", mark, actor, context)


@transaction.atomic
def take_off(repository: Repository, digest: str, label_id: int, *, actor: Actor, context: audit.Context) -> None:
    """Take a label off the manifest `digest`. NotLabelled where it isn't on it."""
    marks = ArtifactLabel.objects.filter(manifest__repository=repository, manifest__digest=digest, label=label_id)
    mark = marks.select_related("label", "manifest__repository").defer("manifest__payload").first()
    if mark is None or not mark.delete()[0]:
        raise NotLabelled(f"{repository.name}@{digest} has no label {label_id}")
    _record("delete", mark, actor, context)


def marked_with(label: Label, most: int) -> list[int]:
    """The manifests (ids) that have a label, up to so many."""
    return list(label.marks.order_by("pk").values_list("manifest", flat=True)[:most])


@transaction.atomic
def restore(
    text: labels.Text, manifests: Sequence[int], *, project: Project | None, actor: Actor, context: audit.Context
) -> Label:
    """Make a label once more that was deleted, on the manifests (ids) that had it and are there still. LabelExists."""
    label = labels.create(text, project=project, actor=actor, context=context)
    rows = Manifest.objects.filter(pk__in=manifests).select_related("repository").defer("payload").order_by("pk")
    for row in rows.filter(repository__project=project) if project else rows:
        put_on(row.repository, row.digest, label.pk, actor=actor, context=context)
    return label


def _record(operation: str, mark: ArtifactLabel, actor: Actor, context: audit.Context) -> None:
    repository = mark.manifest.repository
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="artifact-label",
        resource=f"{repository.name}@{mark.manifest.digest}",
        project=project_of(repository.name),
        context=context,
        detail={"label": mark.label.name},
    )
