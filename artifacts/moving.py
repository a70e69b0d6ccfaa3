"""An artifact moves to another repository: copied with all that hangs on it, and gone where it was, at once.

Rows appear in the one repository and vanish from the other in the same transaction: nobody finds the artifact in both,
or in neither. What is held by something that stays, stays too: a part or a referrer that has a tag of its own, that
another index names, or whose subject doesn't leave. It is at the target all the same, as after a copy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from django.db import transaction

import audit
from artifacts import copying, manifests, push, tagging, turns
from artifacts.models import ArtifactLabel, Manifest, ManifestChild, Tag
from db.locks import advisory_lock, transaction_lock
from oci.digest import Digest
from oci.errors import Denied, ManifestUnknown, PreconditionFailed
from oci.referrers import tags_of
from projects import labels
from rbac.actors import Actor

_ALONE = "artifacts move"  # a move has the turns of two repositories, so that two of them might wait for each other
_NOTHING = 0  # the id of no manifest


def move(source: str, digest: Digest, target: str, *, actor: Actor, context: audit.Context) -> None:
    """Move an artifact of the repository `source` to `target`, with its tags, its parts, what refers to it, and the
    labels that the target's project has too.

    The caller has made sure that the actor may pull and delete there and push here. Pushes to the source wait for it.
    Raises what a copy does, PreconditionFailed for an immutable tag on either side, Denied while an index names it.
    """
    if source == target:
        raise PreconditionFailed(f"the artifact is in {target} already")
    project = push.project_for(target)
    with _held(source, target):
        root = copying.find(source, digest)
        _check_may_leave(root)
        carried = copying.carry(project, root, target)
        with transaction.atomic():
            transaction_lock(_ALONE)
            gone = _write(carried, actor=actor, context=context)
        manifests.erase(source, gone)


@contextmanager
def _held(source: str, target: str) -> Iterator[None]:
    """Keep pushes and deletions out of the source, and deletions out of the target."""
    with ExitStack() as locks:
        for name in sorted((source, target)):  # so that moves in opposite directions can't deadlock
            locks.enter_context(advisory_lock(name, shared=name == target))
        yield


@transaction.atomic
def _check_may_leave(root: Manifest) -> None:
    """Say no before anything is carried. It is asked again when the rows are deleted."""
    if root.parents.exists():
        raise Denied("the manifest can't be moved: an index names it")
    tagging.check_may_go(root.repository, Tag.objects.filter(manifest=root))


def _write(carried: copying.Carried, *, actor: Actor, context: audit.Context) -> list[Manifest]:
    """The rows at the target, and no more at the source; what left."""
    root = carried.root
    held = turns.take(carried.source)  # before its tags are read
    if held is None:
        raise ManifestUnknown(detail={"name": carried.source, "reference": root.digest})
    copying.write(carried, Digest.parse(root.digest), actor=actor, context=context)
    gone = _leaving(carried)
    _carry_labels(carried, gone)
    moved = {"target": f"{carried.target}@{root.digest}"}
    manifests.remove(held, gone, actor=actor, context=context, detail=moved)
    return gone


def _leaving(carried: copying.Carried) -> list[Manifest]:
    """Of what was copied, the manifests that nothing holds which stays: the artifact itself first."""
    rows = Manifest.objects.filter(pk__in=carried.graph.parts).only("digest", "subject", "listed", "repository")
    found = {row.pk: row for row in rows.select_for_update().order_by("pk")}
    holders = _holders(carried, found)
    leaving = set(found)
    while staying := {pk for pk in leaving if holders[pk] - leaving}:
        leaving -= staying
    return [found[pk] for pk in sorted(leaving, key=lambda pk: (pk != carried.root.pk, pk))]


def _holders(carried: copying.Carried, found: Mapping[int, Manifest]) -> dict[int, set[int]]:
    """What keeps each of these manifests in the source, by its id: indexes, a subject, tags."""
    holders: dict[int, set[int]] = defaultdict(set)
    for parent, child in ManifestChild.objects.filter(child__in=found).values_list("parent", "child"):
        holders[child].add(parent)
    at_source = Manifest.objects.filter(repository=carried.root.repository_id)
    subjects = dict(at_source.filter(digest__in={row.subject for row in found.values()}).values_list("digest", "pk"))
    for pk, row in found.items():
        if row.subject in subjects:
            holders[pk].add(subjects[row.subject])
    came = dict(
        Tag.objects.filter(repository__name=carried.target, name__in=carried.graph.belongings)
        .values_list("name", "manifest__digest")
    )  # fmt: skip
    owners = {tag: pk for pk, row in found.items() for tag in tags_of(Digest.parse(row.digest))}
    for name, pk in Tag.objects.filter(manifest__in=found).values_list("name", "manifest"):
        holders[pk].add(owners.get(name, _NOTHING) if came.get(name) == found[pk].digest else _NOTHING)
    holders[carried.root.pk].clear()  # it was asked to go
    return holders


def _carry_labels(carried: copying.Carried, gone: list[Manifest]) -> None:
    """The labels that can be had there: those of all projects, and within a project its own."""
    usable = labels.usable_in(carried.project.pk)
    marks = ArtifactLabel.objects.filter(manifest__in=[row.pk for row in gone], label__in=usable)
    marked = list(marks.values_list("manifest__digest", "label"))
    there = Manifest.objects.filter(repository__name=carried.target, digest__in={digest for digest, _ in marked})
    rows = dict(there.values_list("digest", "pk"))
    wanted = [ArtifactLabel(manifest_id=rows[digest], label_id=label) for digest, label in marked]
    ArtifactLabel.objects.bulk_create(wanted, ignore_conflicts=True)
