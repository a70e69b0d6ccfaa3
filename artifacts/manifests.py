"""Manifests: read, by tag or by digest, and deleted. Pushing one is `artifacts.push`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from django.db import OperationalError, transaction

import audit
from artifacts import listed, store, tagging, turns, usage
from artifacts.changes import DELETE, Change, tell
from artifacts.models import BlobLink, Manifest, ManifestChild, Repository, Tag
from artifacts.upstream import registry
from db.locks import advisory_lock
from db.prepared import fetch
from oci import manifest as oci_manifest
from oci.digest import Digest
from oci.errors import Denied, ManifestUnknown, Unavailable
from oci.reference import project_of
from rbac.actors import Actor


@dataclass(frozen=True, slots=True)
class Stored:
    """A manifest as it was pushed, found by a reference; `tag_id` is None when that was a digest."""

    id: int
    repository_id: int
    tag_id: int | None
    digest: str
    media_type: str
    payload: bytes


_BY_TAG = """
SELECT m.id, r.id, t.id, m.digest, m.media_type, m.payload
FROM artifacts_repository r
JOIN artifacts_tag t ON t.repository_id = r.id
JOIN artifacts_manifest m ON m.id = t.manifest_id
WHERE r.name = %s AND t.name = %s
"""
_BY_DIGEST = """
SELECT m.id, r.id, NULL::bigint, m.digest, m.media_type, m.payload
FROM artifacts_repository r
JOIN artifacts_manifest m ON m.repository_id = r.id
WHERE r.name = %s AND m.digest = %s
"""


def find(repository: str, reference: Digest | str) -> Stored:
    """The manifest behind a tag or a digest; ManifestUnknown where there is none. One round trip."""
    rows = fetch(_BY_DIGEST if isinstance(reference, Digest) else _BY_TAG, (repository, str(reference)))
    if not rows:
        raise ManifestUnknown(detail={"name": repository, "reference": str(reference)})
    return Stored(*rows[0])


def platform_child(repository: str, stored: Stored, accepts: Iterable[str]) -> Stored | None:
    """The linux/amd64 image of an index, for a client that accepts images but no index (Docker before 1.10 lists)."""
    parsed = oci_manifest.parse(bytes(stored.payload), stored.media_type)
    wanted = set(accepts)
    for child in parsed.children:
        platform = child.platform or {}
        if child.media_type in wanted and (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
            return find(repository, child.digest)
    return None


def delete(repository: str, digest: Digest, *, actor: Actor, context: audit.Context) -> None:
    """Delete a manifest with its tags and everything that refers to it as its subject.

    ManifestUnknown where it isn't there; Denied while an index names it; PreconditionFailed while one of the tags that
    would go is immutable.
    """
    with advisory_lock(repository):
        with transaction.atomic():
            held = turns.take(repository)
            rows = Manifest.objects.filter(repository=held, digest=str(digest)).only("digest", "listed", "repository")
            row = rows.select_for_update().first()
            if held is None or row is None:
                raise ManifestUnknown(detail={"name": repository, "reference": str(digest)})
            gone = _with_referrers(row)
            remove(held, gone, actor=actor, context=context)
        erase(repository, gone)


def remove(
    held: Repository,
    gone: list[Manifest],
    *,
    actor: Actor,
    context: audit.Context,
    detail: Mapping[str, str] | None = None,
) -> None:
    """Delete the rows of manifests, with their tags; `detail` joins the records. Denied while an index that stays names
    one, PreconditionFailed while a tag is immutable.

    The caller has the repository's turn, and keeps pushes out of it by its lock until `erase` is done.
    """
    ids = [manifest.pk for manifest in gone]
    tagging.check_may_go(held, Tag.objects.filter(manifest__in=ids))
    with usage.released(held.project_id, ids):
        _delete_rows(held.name, gone, actor=actor, context=context, detail=detail or {})


def erase(repository: str, gone: list[Manifest]) -> None:
    """Take what was removed out of the store."""
    for manifest in gone:
        _delete_upstream(repository, Digest.parse(manifest.digest))


def take_back(repository: str, digest: Digest) -> None:
    """Take out of the store what a push left there that was refused in the end, as far as that can be done now."""
    with suppress(Unavailable, OperationalError), advisory_lock(repository):  # keeps out whoever pushes the same
        if not Manifest.objects.filter(repository__name=repository, digest=str(digest)).exists():
            _delete_upstream(repository, digest)


def _with_referrers(manifest: Manifest) -> list[Manifest]:
    """The manifest and all that hangs on it by `subject`, directly or through another referrer, referrers last.

    Locked in the order of their ids, and without their bytes, of which there may be many.
    """
    found = {manifest.digest: manifest}
    wave = [manifest.digest]
    while wave:
        rows = Manifest.objects.filter(repository_id=manifest.repository_id, subject__in=wave)
        rows = rows.only("digest", "listed")
        fresh = {row.digest: row for row in rows.select_for_update().order_by("pk") if row.digest not in found}
        found.update(fresh)
        wave = list(fresh)
    return list(found.values())


def _delete_rows(
    repository: str, gone: list[Manifest], *, actor: Actor, context: audit.Context, detail: Mapping[str, str]
) -> None:
    ids = [manifest.pk for manifest in gone]
    parent = ManifestChild.objects.filter(child_id__in=ids).exclude(parent_id__in=ids).select_related("parent").first()
    if parent is not None:
        raise Denied(f"the manifest can't be deleted: index {parent.parent.digest} names it")
    for manifest in gone:
        tell(Change(DELETE, repository, manifest.digest))
    children = ManifestChild.objects.filter(parent_id__in=ids)
    digests = [manifest.digest for manifest in gone]
    referring = Manifest.objects.filter(repository=gone[0].repository_id, subject__in=digests)
    freed = {*children.values_list("child_id", flat=True), *referring.values_list("pk", flat=True)}.difference(ids)
    children.delete()
    Manifest.objects.filter(pk__in=ids).delete()
    listed.settle(gone[0].repository_id, freed, gone=sum(manifest.listed for manifest in gone))
    for manifest in gone:
        audit.record(
            actor=actor.name,
            operation="delete",
            resource_type="artifact",
            resource=f"{repository}@{manifest.digest}",
            project=project_of(repository),
            context=context,
            detail=dict(detail),
        )


def _delete_upstream(repository: str, digest: Digest) -> None:
    """Take the copy in the store away.

    Distribution then unlinks the blob of the same digest too, be it our copy of a manifest it refused or a blob that
    happens to have a manifest's bytes; where a manifest names that, its link is put back.
    """
    if digest.algorithm != "sha256":
        store.forget_revision(repository, digest)
        return
    registry().delete_manifest(repository, digest)
    if BlobLink.objects.filter(repository__name=repository, blob__canonical=str(digest)).exists():
        store.write_link(repository, digest, digest)
