"""A blob comes in from another registry, through this process: into the upstream registry, resumably."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from artifacts import blobs, limits, store, uploads
from artifacts.upstream import registry
from oci.client import BlobInfo
from oci.digest import Digest
from oci.errors import BlobUploadUnknown, DigestInvalid, SizeInvalid
from oci.reference import project_of
from oci.upload import Upload


def receive(
    repository: str,
    digest: Digest,
    size: int,
    source: Callable[[int], Iterator[bytes]],
    *,
    at: Upload | None = None,
    progress: Callable[[Upload], None],
) -> None:
    """Store `size` bytes under `digest` in the repository; `source` opens them at an offset.

    `progress` gets the upload's place as soon as there is one; given back as `at`, it is gone on with. Raises what the
    source does, QuotaExceeded, DigestInvalid (the content is another), SizeInvalid, Unavailable.
    """
    limits.foresee_upload(project_of(repository), size, digest=digest, is_whole=True)
    place = (at and _taken_up(repository, at.location, size)) or Upload(registry().start_upload(repository), 0)
    progress(place)
    try:
        canonical = registry().commit_upload(place.location, digest, source(place.offset), size - place.offset)
    except (DigestInvalid, SizeInvalid, BlobUploadUnknown):
        store.forget_upload(repository, _upload_of(place.location))
        raise
    blobs.remember_alias(digest, BlobInfo(canonical, size))
    blobs.note_commit(repository, digest)


def _taken_up(repository: str, location: str, size: int) -> Upload | None:
    found = uploads.status(repository, _upload_of(location), location)
    return Upload(*found) if found is not None and found[1] <= size else None


def _upload_of(location: str) -> str:
    return location.partition("?")[0].rpartition("/")[2]
