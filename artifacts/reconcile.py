"""Compares PostgreSQL with the blob store, and mends what either can tell the other.

The store knows manifests and blobs by digest, so it can rebuild a lost database (but for tags, which it never sees) and
bring in what an older registry left there, with that one's tags. The database knows every manifest's bytes, so it can
put them back into the store. Both sides are walked a batch at a time, however big they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

import audit
import projects.actions
from artifacts import blobs, listed, push, store
from artifacts.models import BlobLink, Manifest, Repository, Tag
from db.locks import advisory_lock
from oci import manifest as oci_manifest
from oci.digest import Digest
from oci.errors import (
    ManifestBlobUnknown,
    ManifestInvalid,
    NameInvalid,
    PreconditionFailed,
    RegistryError,
    TagInvalid,
    Unavailable,
)
from oci.reference import parse_repository, parse_tag, project_of
from projects.errors import InvalidProjectName
from projects.models import Project
from rbac.actors import SYSTEM

BATCH = 500  # digests compared with the database by one statement


class Kind(StrEnum):
    """What may differ."""

    NO_PROJECT = "the store's repository belongs to no project"
    UNKNOWN_MANIFEST = "manifest is in the store, not in the database"
    UNKNOWN_TAG = "tag is in the store, not in the database"
    UNSUPPORTED_MANIFEST = "manifest in the store can't be adopted"
    MANIFEST_NOT_STORED = "manifest is in the database, not in the store"
    BLOB_NOT_LINKED = "blob's link is missing in the store or broken"
    BLOB_LOST = "blob's data is missing in the store"
    MISLISTED = "what lists show of the repository isn't what it holds"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference; `mended` says that it is gone now, `note` why it isn't or what was done."""

    kind: Kind
    repository: str
    name: str
    mended: bool = False
    note: str = ""

    def __str__(self) -> str:
        state = "mended" if self.mended else "found"
        subject = f"{self.repository} {self.name}".rstrip()
        return f"{state}: {subject}: {self.kind}{f' ({self.note})' if self.note else ''}"


def reconcile(
    *, adopt: bool = False, repair: bool = False, into: str | None = None, only: str | None = None
) -> Iterator[Difference]:
    """Every difference, repository by repository.

    `adopt` brings what the store has into the database, whatever quotas say, making projects as needed; `into` names
    the project for repositories whose names have no project (`busybox` becomes `<into>/busybox`). `repair` puts back
    into the store what the database has. `only` looks at one repository. Raises Unavailable when the upstream registry
    is away.
    """
    names = [only] if only else store.repositories()
    for name in names:
        yield from _from_store(name, adopt=adopt, into=into)
    rows = Repository.objects.filter(name=only) if only else Repository.objects.all()
    for repository in rows.order_by("name").iterator():
        yield from _check_blobs(repository, repair=repair)
        yield from _check_manifests(repository, repair=repair)
        if listed.recount(repository, repair=repair):
            yield Difference(Kind.MISLISTED, repository.name, "", mended=repair)


def _from_store(name: str, *, adopt: bool, into: str | None) -> Iterator[Difference]:
    target = _target(name, into)
    if target is None:
        yield Difference(
            Kind.NO_PROJECT, name, "", note=f"no repository can be called {into}/{name}" if into else _HINT
        )
        return
    fresh = _unknown_manifests(name, target)
    if adopt:
        try:
            yield from _adopt_manifests(name, target, fresh)
        except InvalidProjectName as error:
            yield Difference(Kind.NO_PROJECT, name, project_of(target), note=str(error))
            return
    else:
        for digest in fresh:
            yield Difference(Kind.UNKNOWN_MANIFEST, name, str(digest))
    yield from _compare_tags(name, target, adopt=adopt)


_HINT = "name a project with --into"


def _target(name: str, into: str | None) -> str | None:
    """What a repository of the store is called here; None where it has no project and none was named for it."""
    for candidate in (name, f"{into}/{name}" if into else ""):
        try:
            return parse_repository(candidate)
        except NameInvalid:
            continue
    return None


def _unknown_manifests(name: str, target: str) -> Iterator[Digest]:
    """Manifests that the store has in repository `name` and the database hasn't in `target`."""
    digests = store.manifests_of(name)
    while batch := list(islice(digests, BATCH)):
        rows = Manifest.objects.filter(repository__name=target, digest__in=[str(digest) for digest in batch])
        known = set(rows.values_list("digest", flat=True))
        yield from (digest for digest in batch if str(digest) not in known)


def _adopt_manifests(name: str, target: str, digests: Iterable[Digest]) -> Iterator[Difference]:
    """Push what the store has through the same door as a client would; indexes when their manifests are in."""
    waiting, count = digests, None
    while True:
        later: list[Digest] = []
        for digest in waiting:
            try:
                _adopt_manifest(name, target, digest)
            except ManifestBlobUnknown:
                later.append(digest)
            except Unavailable:
                raise
            except RegistryError as error:
                yield Difference(Kind.UNSUPPORTED_MANIFEST, name, str(digest), note=error.message)
            else:
                yield Difference(Kind.UNKNOWN_MANIFEST, name, str(digest), mended=True, note=f"adopted as {target}")
        if not later or len(later) == count:
            break
        waiting, count = later, len(later)
    for digest in later:
        yield Difference(Kind.UNSUPPORTED_MANIFEST, name, str(digest), note="something it names is missing")


def _adopt_manifest(name: str, target: str, digest: Digest) -> None:
    payload = store.manifest_bytes(name, digest, oci_manifest.MAX_BYTES)
    if payload is None:
        raise ManifestInvalid("its bytes are missing in the store")
    if Digest.of(payload, digest.algorithm) != digest:
        raise ManifestInvalid("its bytes in the store don't match its digest")
    parsed = oci_manifest.parse(payload, _media_type(payload))
    project = project_of(target)
    if not Project.objects.filter(name=project).exists():
        projects.actions.create(project, owner=None, actor=SYSTEM, context=audit.Context())
    if name != target:
        for descriptor in (*parsed.blobs, *(child for child in parsed.children if not child.is_manifest)):
            blobs.mount(target, descriptor.digest, name, limited=False)
    push.push(target, digest, payload, parsed.media_type, limited=False, actor=SYSTEM, context=audit.Context())


def _media_type(payload: bytes) -> str:
    """The media type a manifest says of itself, or the OCI type that its fields make it."""
    try:
        document = json.loads(payload)
        return str(
            document.get("mediaType")
            or (oci_manifest.OCI_INDEX if "manifests" in document else oci_manifest.OCI_MANIFEST)
        )
    except (ValueError, AttributeError, RecursionError):
        return ""


def _compare_tags(name: str, target: str, *, adopt: bool) -> Iterator[Difference]:
    """The store's own tags come from an older registry. One that the database has too is newer there, and stays."""
    tags = store.tags_of(name)
    while batch := dict(islice(tags, BATCH)):
        rows = Tag.objects.filter(repository__name=target, name__in=list(batch))
        known = set(rows.values_list("name", flat=True))
        for tag, digest in batch.items():
            if tag not in known:
                adopted = adopt and _adopt_tag(target, tag, digest)
                note = f"adopted as {target}:{tag}" if adopted else str(digest)
                yield Difference(Kind.UNKNOWN_TAG, name, tag, mended=adopted, note=note)


def _adopt_tag(target: str, tag: str, digest: Digest) -> bool:
    """Set the tag, when its manifest is in and its name is a tag's."""
    row = Manifest.objects.filter(repository__name=target, digest=str(digest)).first()
    if row is None:
        return False
    try:
        name = parse_tag(tag)
    except TagInvalid:
        return False
    payload = bytes(row.payload)
    try:
        push.push(target, digest, payload, row.media_type, tags=[name], actor=SYSTEM, context=audit.Context())
    except PreconditionFailed:  # it came meanwhile, and is immutable
        return False
    return True


def _check_blobs(repository: Repository, *, repair: bool) -> Iterator[Difference]:
    """Each blob of the repository must have its data, and a link under every name it goes by."""
    rows = BlobLink.objects.filter(repository=repository).order_by("id")
    for name, canonical_name in rows.values_list("blob__digest", "blob__canonical").iterator(chunk_size=BATCH):
        digest, canonical = Digest.parse(name), Digest.parse(canonical_name)
        if store.blob_size(canonical) is None:
            yield Difference(Kind.BLOB_LOST, repository.name, name, note="push the image again")
            continue
        broken = [
            link for link in {digest, canonical} if store.read_link(store.link_path(repository.name, link)) != canonical
        ]
        if broken:
            if repair:
                _link(repository, canonical, broken)
            yield Difference(Kind.BLOB_NOT_LINKED, repository.name, name, mended=repair)


def _link(repository: Repository, canonical: Digest, names: list[Digest]) -> None:
    """Write links to a blob, unless it is being deleted from the repository."""
    with advisory_lock(repository.name, shared=True):
        if BlobLink.objects.filter(repository=repository, blob__canonical=str(canonical)).exists():
            for name in names:
                store.write_link(repository.name, name, canonical)


def _check_manifests(repository: Repository, *, repair: bool) -> Iterator[Difference]:
    rows = Manifest.objects.filter(repository=repository).order_by("id")
    for pk, name in rows.values_list("pk", "digest").iterator(chunk_size=BATCH):
        digest = Digest.parse(name)
        if not store.has_manifest(repository.name, digest):
            yield _mend_manifest(repository.name, pk, digest) if repair else _not_stored(repository.name, digest)


def _mend_manifest(repository: str, pk: int, digest: Digest) -> Difference:
    with advisory_lock(repository, shared=True):
        row = Manifest.objects.filter(pk=pk).first()
        if row is not None:  # it may be deleted by now
            push.store_upstream(repository, digest, row.media_type, bytes(row.payload))
    return _not_stored(repository, digest, mended=True)


def _not_stored(repository: str, digest: Digest, *, mended: bool = False) -> Difference:
    return Difference(Kind.MANIFEST_NOT_STORED, repository, str(digest), mended=mended)
