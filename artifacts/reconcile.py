"""Compares PostgreSQL with the blob store, and mends what either can tell the other.

The store knows manifests and blobs by digest, so it can rebuild a lost database (but for tags, which it never sees) and
bring in what an older registry left there, with that one's tags. The database knows every manifest's bytes, so it can
put them back into the store.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import audit
from artifacts import push, store
from artifacts.models import BlobLink, Manifest, Repository, Tag
from artifacts.upstream import registry
from oci import manifest as oci_manifest
from oci.digest import Digest
from oci.errors import ManifestBlobUnknown, ManifestInvalid, NameInvalid, RegistryError
from oci.reference import parse_repository, parse_tag, project_of
from projects.models import Project
from rbac.actors import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterable


class Kind(StrEnum):
    """What may differ."""

    NO_PROJECT = "the store's repository belongs to no project"
    UNKNOWN_MANIFEST = "manifest is in the store, not in the database"
    UNKNOWN_TAG = "tag is in the store, not in the database"
    UNSUPPORTED_MANIFEST = "manifest in the store can't be adopted"
    MANIFEST_NOT_STORED = "manifest is in the database, not in the store"
    BLOB_NOT_LINKED = "blob's link is missing in the store or broken"
    BLOB_LOST = "blob's data is missing in the store"


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
        return f"{state}: {self.repository} {self.name}: {self.kind}{f' ({self.note})' if self.note else ''}"


def reconcile(
    *, adopt: bool = False, repair: bool = False, into: str | None = None, only: str | None = None
) -> Iterator[Difference]:
    """Every difference, repository by repository.

    `adopt` brings what the store has into the database, making projects as needed; `into` names the project for
    repositories whose names have no project (`busybox` becomes `<into>/busybox`). `repair` puts back into the
    store what the database has. `only` looks at one repository.
    """
    names = [only] if only else store.repositories()
    for name in names:
        yield from _from_store(name, adopt=adopt, into=into)
    rows = Repository.objects.filter(name=only) if only else Repository.objects.all()
    for repository in rows.order_by("name").iterator():
        yield from _from_database(repository, repair=repair)


def _from_store(name: str, *, adopt: bool, into: str | None) -> Iterator[Difference]:
    target = _target(name, into)
    if target is None:
        yield Difference(Kind.NO_PROJECT, name, "", note="name a project with --into")
        return
    known = set(Manifest.objects.filter(repository__name=target).values_list("digest", flat=True))
    fresh = [digest for digest in store.manifests_of(name) if str(digest) not in known]
    fresh += [digest for digest in _kept_as_blobs(name) if str(digest) not in known]
    if adopt and fresh:
        Project.objects.get_or_create(name=project_of(target))
        yield from _adopt_manifests(name, target, fresh)
    else:
        for digest in fresh:
            yield Difference(Kind.UNKNOWN_MANIFEST, name, str(digest))
    yield from _compare_tags(name, target, adopt=adopt)


def _target(name: str, into: str | None) -> str | None:
    """What a repository of the store is called here; None where it has no project and none was named for it."""
    for candidate in (name, f"{into}/{name}" if into else ""):
        try:
            return parse_repository(candidate)
        except NameInvalid:
            continue
    return None


def _kept_as_blobs(name: str) -> Iterator[Digest]:
    """Manifests that the upstream registry refused and `artifacts.push` left with it as blobs."""
    named = set(
        BlobLink.objects.filter(repository__name=name, blob__manifest_blobs__isnull=False).values_list(
            "blob__canonical", flat=True
        )
    )
    for digest in store.blobs_of(name):
        if digest.algorithm == "sha256" and str(digest) not in named and _is_manifest(digest):
            yield digest


def _is_manifest(digest: Digest) -> bool:
    payload = store.read_blob(digest, oci_manifest.MAX_BYTES)
    if payload is None or not payload.lstrip().startswith(b"{") or b'"schemaVersion"' not in payload:
        return False
    try:
        oci_manifest.parse(payload, _media_type(payload))
    except ManifestInvalid:
        return False
    return True


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


def _adopt_manifests(name: str, target: str, digests: list[Digest]) -> Iterator[Difference]:
    """Push what the store has through the same door as a client would; indexes when their manifests are in."""
    waiting = digests
    while waiting:
        later: list[Digest] = []
        for digest in waiting:
            try:
                _adopt_manifest(name, target, digest)
            except ManifestBlobUnknown:
                later.append(digest)
            except RegistryError as error:
                yield Difference(Kind.UNSUPPORTED_MANIFEST, name, str(digest), note=error.message)
            else:
                yield Difference(Kind.UNKNOWN_MANIFEST, name, str(digest), mended=True, note=f"adopted as {target}")
        if len(later) == len(waiting):
            for digest in later:
                yield Difference(Kind.UNSUPPORTED_MANIFEST, name, str(digest), note="something it names is missing")
            return
        waiting = later


def _adopt_manifest(name: str, target: str, digest: Digest) -> None:
    payload = store.read_blob(digest, oci_manifest.MAX_BYTES)
    if payload is None:
        raise ManifestInvalid("its bytes are missing in the store")
    if Digest.of(payload, digest.algorithm) != digest:
        raise ManifestInvalid("its bytes in the store don't match its digest")
    parsed = oci_manifest.parse(payload, _media_type(payload))
    if name != target:
        for descriptor in parsed.blobs:
            registry().mount_blob(target, descriptor.digest, name)
    push.push(target, digest, payload, parsed.media_type, actor=SYSTEM, context=audit.Context())


def _compare_tags(name: str, target: str, *, adopt: bool) -> Iterator[Difference]:
    """The store's own tags come from an older registry. One that the database has too is newer there, and stays."""
    known = set(Tag.objects.filter(repository__name=target).values_list("name", flat=True))
    for tag, digest in store.tags_of(name):
        if tag in known:
            continue
        row = Manifest.objects.filter(repository__name=target, digest=str(digest)).first()
        if not adopt or row is None:
            yield Difference(Kind.UNKNOWN_TAG, name, tag, note=str(digest))
            continue
        push.push(
            target,
            parse_tag(tag),
            bytes(row.payload),
            row.media_type,
            actor=SYSTEM,
            context=audit.Context(),
        )
        yield Difference(Kind.UNKNOWN_TAG, name, tag, mended=True, note=f"adopted as {target}:{tag}")


def _from_database(repository: Repository, *, repair: bool) -> Iterator[Difference]:
    stored = {str(digest) for digest in store.manifests_of(repository.name)}
    stored |= {str(digest) for digest in store.blobs_of(repository.name)}
    for blob_digest, canonical in _linked_blobs(repository):
        difference = _check_blob(repository.name, blob_digest, canonical, stored, repair=repair)
        if difference is not None:
            yield difference
    for manifest in Manifest.objects.filter(repository=repository).order_by("id").iterator(chunk_size=100):
        if str(Digest.of(bytes(manifest.payload))) in stored:
            continue
        if repair:
            push.store_upstream(repository.name, manifest.media_type, bytes(manifest.payload))
        yield Difference(Kind.MANIFEST_NOT_STORED, repository.name, manifest.digest, mended=repair)


def _linked_blobs(repository: Repository) -> Iterable[tuple[str, str]]:
    rows = BlobLink.objects.filter(repository=repository).order_by("id")
    return rows.values_list("blob__digest", "blob__canonical").iterator(chunk_size=1000)


def _check_blob(
    repository: str, name: str, canonical_name: str, stored: set[str], *, repair: bool
) -> Difference | None:
    canonical = Digest.parse(canonical_name)
    if store.blob_size(canonical) is None:
        return Difference(Kind.BLOB_LOST, repository, name, note="push the image again")
    if canonical_name in stored:
        return None
    if repair:
        store.write_link(repository, canonical, canonical)
    return Difference(Kind.BLOB_NOT_LINKED, repository, name, mended=repair)
