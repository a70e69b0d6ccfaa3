"""Which blobs a repository holds, and the ways one comes into it or leaves it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from datetime import datetime

from django.db import transaction

from artifacts import limits, store
from artifacts.models import Blob, BlobCommit, BlobLink, ManifestBlob
from artifacts.upstream import registry
from db.locks import advisory_lock
from db.prepared import fetch
from oci.client import BlobInfo
from oci.digest import Digest
from oci.download import BlobStream
from oci.errors import BlobUnknown, Unavailable, Unsupported
from oci.reference import project_of

_FIND = """
SELECT b.canonical, b.size
FROM artifacts_blob b
JOIN artifacts_bloblink l ON l.blob_id = b.id
JOIN artifacts_repository r ON r.id = l.repository_id
WHERE b.digest = %s AND r.name = %s
"""


def find(repository: str, digest: Digest) -> BlobInfo | None:
    """The blob, if the repository holds it; `BlobInfo.digest` is the SHA-256 it is stored under.

    A blob that no manifest names yet has no link row: then the upstream registry's word counts.
    """
    for canonical, size in fetch(_FIND, (str(digest), repository)):
        return BlobInfo(Digest.parse(canonical), size)
    return _ask_upstream(repository, _stored_as(digest))


def read(repository: str, digest: Digest, offset: int = 0) -> Generator[bytes, None, None] | BlobStream:
    """The bytes of a blob that the repository holds, from `offset` on; BlobUnknown. Straight from a store of files."""
    info = find(repository, digest)
    if info is None:
        raise BlobUnknown(detail={"digest": str(digest)})
    return store.read(info.digest, offset) or registry().get_blob(repository, info.digest, offset)


def _ask_upstream(repository: str, digest: Digest) -> BlobInfo | None:
    """The upstream registry's word on a blob of a repository.

    It writes a link last, after the data, and not atomically: a disk that is full by then leaves the link empty, and
    the registry answers 500 for that blob ever after. nginx, which looks at no link's content, goes on serving the
    blob, so a client has no reason to upload it again. Hence such a link is written anew, or the blob said to be
    unknown where its data is gone too.
    """
    try:
        return registry().head_blob(repository, digest)
    except Unavailable:
        if not store.may_break(repository, digest):
            raise
    if store.read_link(store.link_path(repository, digest)) is None:  # else another process was quicker
        if store.blob_size(digest) is None:
            return None
        store.write_link(repository, digest, digest)
    return registry().head_blob(repository, digest)


def _stored_as(digest: Digest) -> Digest:
    """The digest the upstream registry files the content under: SHA-256, whatever it was pushed by."""
    if digest.algorithm == "sha256":
        return digest
    canonical = Blob.objects.filter(digest=str(digest)).values_list("canonical", flat=True).first()
    return Digest.parse(canonical) if canonical else digest


def remember_alias(digest: Digest, info: BlobInfo) -> None:
    """Note that content known by `digest` is stored under another one, `info.digest`."""
    if digest != info.digest:
        Blob.objects.bulk_create(
            [Blob(digest=str(digest), canonical=str(info.digest), size=info.size)], ignore_conflicts=True
        )


def linked(repository: str, digests: Iterable[Digest]) -> dict[Digest, BlobInfo]:
    """Those of `digests` that manifests of the repository name."""
    rows = BlobLink.objects.filter(
        repository__name=repository, blob__digest__in=[str(digest) for digest in digests]
    ).values_list("blob__digest", "blob__canonical", "blob__size")
    return {Digest.parse(digest): BlobInfo(Digest.parse(canonical), size) for digest, canonical, size in rows}


MISSES_LIMIT = 100  # blobs found missing before the rest isn't asked for


def locate(repository: str, digests: Iterable[Digest]) -> tuple[dict[Digest, BlobInfo], list[Digest]]:
    """Those of `digests` that the repository holds, and those it doesn't: one statement, then upstream for what has no
    row yet. A manifest can name tens of thousands: after MISSES_LIMIT of them are missing, no more are looked for.
    """
    wanted = list(digests)
    found = linked(repository, wanted)
    missing: list[Digest] = []
    for digest in wanted:
        if len(missing) == MISSES_LIMIT:
            break
        if digest in found:
            continue
        if info := _ask_upstream(repository, _stored_as(digest)):
            found[digest] = info
        else:
            missing.append(digest)
    return found, missing


def note_commit(repository: str, digest: Digest) -> None:
    """Remember that an upload's commit was let through, so that a mount finds the blob before a manifest names it."""
    BlobCommit.objects.bulk_create(
        [BlobCommit(repository=repository, digest=str(digest))],
        update_conflicts=True,
        unique_fields=["digest", "repository"],
        update_fields=["committed_at"],
    )


def forget_commits(before: datetime) -> int:
    """Drop notes of commits older than `before`: a manifest has named the blob since, or none ever will."""
    return BlobCommit.objects.filter(committed_at__lt=before).delete()[0]


_SOURCES = """
(SELECT 0 AS rank, r.name
FROM artifacts_bloblink l
JOIN artifacts_blob b ON b.id = l.blob_id
JOIN artifacts_repository r ON r.id = l.repository_id
WHERE b.digest = %s
LIMIT %s)
UNION ALL
(SELECT 1, repository FROM artifacts_blobcommit WHERE digest = %s ORDER BY committed_at DESC LIMIT %s)
ORDER BY rank
"""
SOURCES_LIMIT = 500  # repositories of either kind looked at for a mount that names no source


def sources(digest: Digest) -> list[str]:
    """Repositories that hold a blob, then those that may: whoever mounts from one asks upstream anyway."""
    rows = fetch(_SOURCES, (str(digest), SOURCES_LIMIT, str(digest), SOURCES_LIMIT))
    return list(dict.fromkeys(name for _, name in rows))


def mount(repository: str, digest: Digest, source: str, *, limited: bool = True) -> bool:
    """Link the source repository's blob into `repository`; False where the source doesn't hold it.

    The caller has made sure that the actor may pull the source. `limited`: QuotaExceeded where the project has no room.
    """
    info = find(source, digest)
    if info is None:
        return False
    if limited:
        limits.foresee_upload(project_of(repository), info.size, digest=digest)
    return take(repository, digest, info, source)


def take(repository: str, digest: Digest, info: BlobInfo, source: str) -> bool:
    """Mount a blob whose rows say that `source` holds it. False where its link there is lost for good.

    For whoever holds a lock: `find` might go on with a new connection, which wouldn't.
    """
    if not _mount(repository, info.digest, source):
        return False
    if digest != info.digest:
        remember_alias(digest, info)
        store.write_link(repository, digest, info.digest)  # Distribution links the name the mount was asked by only
    note_commit(repository, digest)
    return True


def _mount(repository: str, digest: Digest, source: str) -> bool:
    if registry().mount_blob(repository, digest, source):
        return True
    # An empty link is mended by looking at it.
    return _ask_upstream(source, digest) is not None and registry().mount_blob(repository, digest, source)


def delete(repository: str, digest: Digest) -> None:
    """Take a blob out of a repository; the data stays in the store until nothing holds it.

    Raises BlobUnknown where it isn't there and Unsupported while a manifest of the repository names it.
    """
    with advisory_lock(repository):
        # Not by `find`, which may go on with a new connection, and that wouldn't hold the lock.
        info = locate(repository, [digest])[0].get(digest)
        if info is None:
            raise BlobUnknown(detail={"digest": str(digest)})
        with transaction.atomic():
            named = ManifestBlob.objects.filter(manifest__repository__name=repository, blob__canonical=str(info.digest))
            if manifest := named.values_list("manifest__digest", flat=True).first():
                raise Unsupported(f"blob {digest} can't be deleted: manifest {manifest} needs it")
            BlobLink.objects.filter(repository__name=repository, blob__canonical=str(info.digest)).delete()
            BlobCommit.objects.filter(repository=repository, digest__in=[str(digest), str(info.digest)]).delete()
        for name in {digest, info.digest}:
            registry().delete_blob(repository, name)
