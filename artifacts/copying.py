"""An artifact is copied within the registry, with all that it is made of and all that refers to it.

No blob's bytes move: the upstream registry mounts them. Then all rows are written in one transaction, by the same code
as a push, so that nobody sees half a copy and the project's rules hold. A copy that was broken off leaves links in
the store only, and the next one takes them up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import islice

import audit
from artifacts import blobs, limits, push, tagging, usage
from artifacts.models import Blob, Manifest, ManifestChild, Repository, Tag
from db.locks import advisory_lock
from oci import manifest as oci_manifest
from oci.client import BlobInfo
from oci.digest import Digest
from oci.errors import ManifestUnknown, PreconditionFailed, Unavailable
from oci.referrers import tags_of
from projects.models import Project
from rbac.actors import Actor

MOST = 2000  # manifests in one copy: the client waits some milliseconds for each, and for each of its blobs
_MOST_MENTIONS = 20 * MOST  # of manifests by indexes
_BATCH = 500  # tags set at once


def copy(source: str, reference: Digest | str, target: str, *, actor: Actor, context: audit.Context) -> Digest:
    """Copy an artifact of the repository `source` to `target`, with all its tags; its digest.

    The caller has made sure that the actor may pull the one and push to the other. What the target has already stays
    as it is. Raises ManifestUnknown, NameUnknown (no such project), QuotaExceeded, PreconditionFailed (an immutable tag
    would move, or too much hangs on the artifact), Unavailable.
    """
    project = push.project_for(target)
    with _held(source, target):
        root = find(source, reference)
        if source != target:
            write(carry(project, root, target), reference, actor=actor, context=context)
    return Digest.parse(root.digest)


@contextmanager
def _held(*names: str) -> Iterator[None]:
    """Keep deletions out of these repositories; pushes go on."""
    with ExitStack() as locks:
        for name in sorted(set(names)):  # so that copies in opposite directions can't deadlock
            locks.enter_context(advisory_lock(name, shared=True))
        yield


def find(source: str, reference: Digest | str) -> Manifest:
    """The artifact to be copied; ManifestUnknown."""
    rows = Manifest.objects.filter(repository__name=source).select_related("repository").defer("payload")
    by = {"digest": str(reference)} if isinstance(reference, Digest) else {"tags__name": reference}
    found = rows.filter(**by).first()
    if found is None:
        raise ManifestUnknown(detail={"name": source, "reference": str(reference)})
    return found


@dataclass(slots=True)
class Graph:
    """What is copied, by the ids of the source's rows."""

    parts: dict[int, list[int]] = field(default_factory=dict)  # what each names, if it is an index
    belongings: dict[str, str] = field(default_factory=dict)  # tags of the tag schema, and the digests they are on

    def bottom_up(self) -> list[int]:
        """What an index names comes before it."""
        return list(TopologicalSorter(self.parts).static_order())


@dataclass(frozen=True, slots=True)
class Carried:
    """An artifact whose bytes, and those of all that hangs on it, are in the target's part of the store."""

    project: Project
    target: str
    root: Manifest
    source: str
    graph: Graph


def carry(project: Project, root: Manifest, target: str) -> Carried:
    """Bring the bytes. The caller keeps deletions out of both repositories until the rows are written."""
    carried = Carried(project, target, root, root.repository.name, _collect(root))
    order = carried.graph.bottom_up()
    limits.foresee(project, usage.contents_of(order))
    for manifest_id in order:
        _carry(carried.source, target, manifest_id)
    return carried


def write(carried: Carried, reference: Digest | str, *, actor: Actor, context: audit.Context) -> None:
    """Write all rows of what was carried, and its tags: one transaction."""
    root, graph, source = carried.root, carried.graph, f"{carried.source}@{carried.root.digest}"
    with push.arrival(carried.project, carried.target) as coming:
        for manifest_id in graph.bottom_up():
            _write(coming, manifest_id)
        copied = _in(coming.repository, root.digest)
        _tag(coming, copied, _tags(root, reference), actor, context, source=source)
        _tag_belongings(coming, graph.belongings)


def _collect(root: Manifest) -> Graph:
    """All that hangs on a manifest, wave by wave: parts of indexes, referrers, and what a tag says belongs to it."""
    graph, wave = Graph(), {root.pk: root.digest}
    while wave:
        graph.parts |= {manifest_id: [] for manifest_id in wave}
        fresh = _mentioned(graph, wave) | _referring(root.repository_id, wave.values())
        belongings = Tag.objects.filter(repository=root.repository_id, name__in=_schema_names(wave.values()))
        for name, manifest_id, digest in belongings.values_list("name", "manifest", "manifest__digest"):
            graph.belongings[name] = fresh[manifest_id] = digest
        wave = {manifest_id: digest for manifest_id, digest in fresh.items() if manifest_id not in graph.parts}
        if len(graph.parts) + len(wave) > MOST:
            raise PreconditionFailed(f"more than {MOST} manifests hang on it: too many for one copy")
    return graph


def _mentioned(graph: Graph, wave: Collection[int]) -> dict[int, str]:
    """The parts of the indexes in a wave, noted in the graph."""
    found: dict[int, str] = {}
    children = ManifestChild.objects.filter(parent__in=wave).values_list("parent", "child", "child__digest")
    mentions = list(children[: _MOST_MENTIONS + 1])
    if len(mentions) > _MOST_MENTIONS:
        raise PreconditionFailed(f"its indexes name manifests more than {_MOST_MENTIONS} times: too many for one copy")
    for parent, child, digest in mentions:
        graph.parts[parent].append(child)
        found[child] = digest
    return found


def _referring(repository_id: int, digests: Collection[str]) -> dict[int, str]:
    rows = Manifest.objects.filter(repository=repository_id, subject__in=digests)
    return dict(rows.values_list("pk", "digest")[: MOST + 1])


def _schema_names(digests: Collection[str]) -> list[str]:
    parsed = [Digest.parse(digest) for digest in digests]
    return [tag for digest in parsed for tag in tags_of(digest)]


def _carry(source: str, target: str, manifest_id: int) -> None:
    """Have a manifest and its blobs in the target's part of the store, where its rows don't say that they are."""
    row = Manifest.objects.get(pk=manifest_id)
    if Manifest.objects.filter(repository__name=target, digest=row.digest).exists():
        return
    lacking = Blob.objects.filter(manifest_blobs__manifest=row).exclude(links__repository__name=target)
    for digest, canonical, size in lacking.values_list("digest", "canonical", "size"):
        info = BlobInfo(Digest.parse(canonical), size)
        if not blobs.take(target, Digest.parse(digest), info, source):
            raise Unavailable(f"the store has lost {canonical} of {source}")
    push.store_upstream(target, Digest.parse(row.digest), row.media_type, bytes(row.payload))


def _write(coming: push.Arrival, manifest_id: int) -> None:
    """The rows of a manifest in the target. One at a time is in memory."""
    repository = coming.repository
    row = Manifest.objects.get(pk=manifest_id)
    if Manifest.objects.filter(repository=repository, digest=row.digest).exists():
        return
    named = Blob.objects.filter(manifest_blobs__manifest=row).values_list("digest", "canonical", "size")
    located = {Digest.parse(digest): BlobInfo(Digest.parse(canonical), size) for digest, canonical, size in named}
    parts = ManifestChild.objects.filter(parent=row).values("child__digest")
    children = dict(Manifest.objects.filter(repository=repository, digest__in=parts).values_list("digest", "pk"))
    payload = bytes(row.payload)
    parsed = oci_manifest.parse(payload, row.media_type)
    contents = push.Contents(located, children, row.attributes)
    push.write_manifest(coming, Digest.parse(row.digest), parsed, payload, contents)


def _in(repository: Repository, digest: str) -> Manifest:
    row = Manifest.objects.defer("payload").get(repository=repository, digest=digest)
    row.repository = repository
    return row


def _tags(root: Manifest, reference: Digest | str) -> Iterator[list[str]]:
    """The artifact's tags, some at a time; the one it was asked for by among them, wherever that is now."""
    if isinstance(reference, str):
        yield [reference]
    names = Tag.objects.filter(manifest=root).exclude(name=str(reference)).order_by("name")
    found = names.values_list("name", flat=True).iterator(chunk_size=_BATCH)
    while batch := list(islice(found, _BATCH)):
        yield batch


def _tag(
    coming: push.Arrival,
    copied: Manifest,
    batches: Iterator[list[str]],
    actor: Actor,
    context: audit.Context,
    *,
    source: str,
) -> None:
    tagged = False
    for names in batches:
        coming.touched.update(tagging.move(coming.repository, copied.pk, names))
        push.record(coming, copied, names, actor, context, source=source)
        tagged = True
    if not tagged:
        push.record(coming, copied, (), actor, context, source=source)


def _tag_belongings(coming: push.Arrival, belongings: dict[str, str]) -> None:
    """Set what the tag schema names, where the target has no such tag: it may list more there."""
    at = coming.repository
    there = set(Tag.objects.filter(repository=at, name__in=belongings).values_list("name", flat=True))
    for name, digest in belongings.items():
        if name not in there:
            coming.touched.update(tagging.move(at, _in(at, digest).pk, [name]))
