"""A manifest comes in: checked, stored upstream, then made visible in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

import audit
from artifacts import blobs, configs, limits, listed, manifests, store, tagging, turns, usage
from artifacts.changes import PUSH, Change, tell
from artifacts.models import Blob, BlobLink, Manifest, ManifestBlob, ManifestChild, Repository
from artifacts.upstream import registry
from db.locks import advisory_lock
from oci import manifest as oci_manifest
from oci.client import BlobInfo
from oci.digest import Digest
from oci.errors import (
    BlobUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestTooLarge,
    ManifestUnknown,
    NameUnknown,
    PreconditionFailed,
    Unavailable,
)
from oci.reference import project_of
from projects.models import Project
from rbac.actors import Actor


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push of a manifest came to."""

    digest: Digest
    subject: Digest | None
    tags: tuple[str, ...]


def push(
    repository: str,
    reference: Digest | str,
    payload: bytes,
    content_type: str,
    *,
    tags: Sequence[str] = (),
    tagged_at: datetime | None = None,
    limited: bool = True,
    actor: Actor,
    context: audit.Context,
    detail: Mapping[str, str] | None = None,
) -> Pushed:
    """Store a manifest under its digest and move `tags` (and `reference`, when it is a tag) to it.

    Everything it names must be in the repository already, but for foreign layers and its subject. The bytes go
    upstream by digest first, then the rows, the tags and the audit record are written in one transaction: nobody
    sees half a push. `tagged_at`: when the tags were put there at the site that this comes from. `limited`: the
    project's quota counts. `detail` joins the record's. Raises ManifestInvalid, ManifestTooLarge, ManifestBlobUnknown,
    DigestInvalid, NameUnknown, QuotaExceeded, PreconditionFailed (an immutable tag would move, or one that was put
    elsewhere later), Unavailable.
    """
    digest = _digest_of(payload, reference)
    parsed = oci_manifest.parse(payload, content_type)
    project = project_for(repository)
    names = tuple(dict.fromkeys([*([reference] if isinstance(reference, str) else []), *tags]))
    with _storing(repository) as stored, advisory_lock(repository, shared=True):
        # The lock is shared with other pushes, and keeps out a deletion of what is named here until the rows say so.
        contents = _locate(repository, parsed)
        if not Manifest.objects.filter(repository__name=repository, digest=str(digest)).exists():
            if limited:
                limits.foresee(project, _sizes(digest, payload, contents))
            store_upstream(repository, digest, parsed.media_type, payload)
            stored.append(digest)
            contents = replace(contents, attributes=configs.told_by(parsed, contents.blobs))
        with arrival(project, repository, limited=limited) as coming:
            row = write_manifest(coming, digest, parsed, payload, contents)
            coming.touched.update(tagging.move(coming.repository, row.pk, names, at=tagged_at))
            record(coming, row, names, actor, context, **(detail or {}))
    return Pushed(digest, parsed.subject.digest if parsed.subject else None, names)


@contextmanager
def _storing(repository: str) -> Iterator[list[Digest]]:
    """The block stores manifests upstream and notes which: they are taken back if a rule refuses them in the end."""
    stored: list[Digest] = []
    try:
        yield stored
    except (limits.QuotaExceeded, PreconditionFailed):
        for digest in stored:
            manifests.take_back(repository, digest)
        raise


@dataclass(frozen=True, slots=True)
class Arrival:
    """What comes to a repository at once: its row, what new manifests take of the store (bytes by digest), those (ids),
    and the manifests whose tags are others now. `followed`: somebody may want to be told (`artifacts.changes`)."""

    repository: Repository
    followed: bool = True
    contents: dict[str, int] = field(default_factory=dict)
    made: list[int] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)


@contextmanager
def arrival(project: Project, repository: str, *, limited: bool = True) -> Iterator[Arrival]:
    """The transaction in which all that comes to a repository at once is written, counted and judged by the project's
    quota. The repository's row is made when it isn't there. Raises QuotaExceeded, and Unavailable where that or the
    project goes meanwhile."""
    try:
        with transaction.atomic():
            coming = Arrival(*turns.enter(project, repository))
            yield coming
            listed.settle(coming.repository.pk, coming.touched, made=coming.made)
            if coming.contents:
                added, before = usage.count(project.pk, coming.contents)
                if limited:
                    limits.admit(project, added, before)
    except IntegrityError as error:
        raise Unavailable("the project or the repository was deleted meanwhile") from error


def record(
    coming: Arrival, row: Manifest, tags: Sequence[str], actor: Actor, context: audit.Context, **more: str
) -> None:
    """Tell what came: one audit record for each tag that was moved, or one for the digest; `more` joins its detail."""
    if coming.followed:
        tell(Change(PUSH, row.repository.name, row.digest, tags))
    repository = row.repository.name
    for resource in [f"{repository}:{tag}" for tag in tags] or [f"{repository}@{row.digest}"]:
        audit.record(
            actor=actor.name,
            operation="create",
            resource_type="artifact",
            resource=resource,
            project=project_of(repository),
            context=context,
            detail={"digest": row.digest, "media_type": row.media_type, **more},
        )


def _digest_of(payload: bytes, reference: Digest | str) -> Digest:
    if len(payload) > settings.MANIFEST_LIMIT:
        raise ManifestTooLarge(f"manifest is {len(payload)} bytes, more than {settings.MANIFEST_LIMIT}")
    if isinstance(reference, str):
        return Digest.of(payload)
    digest = Digest.of(payload, reference.algorithm)
    if digest != reference:
        raise DigestInvalid(f"the manifest's digest is {digest}, not {reference}")
    return digest


def project_for(repository: str) -> Project:
    """The project that a repository of this name belongs to, be it there or not; NameUnknown."""
    project = Project.objects.select_related("quota").filter(name=project_of(repository)).first()
    if project is None:
        raise NameUnknown(f"there is no project {project_of(repository)}", detail={"name": repository})
    return project


@dataclass(frozen=True, slots=True)
class Contents:
    """What a manifest names and the repository holds: blobs as stored, rows of child manifests by digest; and what the
    config among the blobs tells, None where it wasn't read."""

    blobs: dict[Digest, BlobInfo]
    children: dict[str, int]
    attributes: dict[str, Any] | None = None


def _locate(repository: str, parsed: oci_manifest.Manifest) -> Contents:
    """Everything the manifest names, found in the repository; ManifestBlobUnknown lists what isn't there."""
    # BuildKit's cache export lists blobs in an index.
    wanted = {descriptor.digest for descriptor in parsed.blobs}
    wanted |= {child.digest for child in parsed.children if not child.is_manifest}
    children = {str(child.digest) for child in parsed.children if child.is_manifest}
    located, lacking = blobs.locate(repository, sorted(wanted))
    rows = Manifest.objects.filter(repository__name=repository, digest__in=children).values_list("digest", "id")
    found = dict(rows) if children else {}
    missing = [str(digest) for digest in lacking] + sorted(children - found.keys())
    if missing:
        detail = {"digests": missing[: blobs.MISSES_LIMIT]}
        raise ManifestBlobUnknown(f"{missing[0]} is not in repository {repository}", detail=detail)
    return Contents(located, found)


def store_upstream(repository: str, digest: Digest, media_type: str, payload: bytes) -> None:
    """Leave the bytes with the upstream registry, so that the store alone can rebuild the database.

    Distribution takes no manifest by sha512, refuses some that the specification allows (one that names content by
    sha512, one of a type it doesn't know) and breaks down on others (500 to a foreign layer without URLs, or with one
    that isn't HTTP). Their bytes are kept as a blob of the repository, and the link that makes it a manifest is
    written past Distribution. One that is really away refuses the blob too.
    """
    canonical = Digest.of(payload)
    if digest == canonical:
        try:
            registry().put_manifest(repository, digest, media_type, payload)
        except (ManifestInvalid, ManifestBlobUnknown, ManifestUnknown, BlobUnknown, DigestInvalid, Unavailable):
            pass
        else:
            return
    location = registry().start_upload(repository)
    registry().commit_upload(location, canonical, payload, len(payload))
    store.write_revision(repository, digest, canonical)


def write_manifest(
    coming: Arrival, digest: Digest, parsed: oci_manifest.Manifest, payload: bytes, contents: Contents
) -> Manifest:
    """The manifest's row with its links to blobs and children; what is there already stays as it is."""
    repository = coming.repository
    blob_ids = _link_blobs(repository, contents.blobs)
    row, created = Manifest.objects.get_or_create(
        repository=repository,
        digest=str(digest),
        defaults={
            "media_type": parsed.media_type,
            "artifact_type": parsed.artifact_type,
            "payload": payload,
            "size": len(payload) + sum(info.size for info in contents.blobs.values()),
            "subject": str(parsed.subject.digest) if parsed.subject else "",
            "annotations": dict(parsed.annotations),
            "attributes": contents.attributes,
            "project_id": repository.project_id,
            "listed": False,  # until the end of the arrival says
        },
    )
    if created:
        ManifestBlob.objects.bulk_create(
            [ManifestBlob(manifest=row, blob_id=blob_id, project_id=repository.project_id) for blob_id in blob_ids]
        )
        children = contents.children.values()
        ManifestChild.objects.bulk_create([ManifestChild(parent=row, child_id=child_id) for child_id in children])
        coming.made.append(row.pk)
        coming.contents.update(_sizes(digest, payload, contents))
    return row


def _sizes(digest: Digest, payload: bytes, contents: Contents) -> dict[str, int]:
    """What the manifest takes of the store, itself included: bytes by digest. Content by two names counts once."""
    return {str(info.digest): info.size for info in contents.blobs.values()} | {str(digest): len(payload)}


def _link_blobs(repository: Repository, located: dict[Digest, BlobInfo]) -> list[int]:
    """Rows for the blobs and their links to the repository, in the order of digests so that pushes can't deadlock."""
    if not located:
        return []
    names = sorted(str(digest) for digest in located)
    known = dict(Blob.objects.filter(digest__in=names).values_list("digest", "id"))
    if len(known) < len(names):
        Blob.objects.bulk_create(
            [
                Blob(digest=str(digest), canonical=str(info.digest), size=info.size)
                for digest, info in sorted(located.items())
                if str(digest) not in known
            ],
            ignore_conflicts=True,
        )
        known = dict(Blob.objects.filter(digest__in=names).values_list("digest", "id"))
    ids = [known[name] for name in names]
    BlobLink.objects.bulk_create(
        [BlobLink(repository=repository, blob_id=blob_id) for blob_id in ids], ignore_conflicts=True
    )
    return ids
