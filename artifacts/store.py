"""The blob store behind the upstream registry: where Distribution keeps what, and the ways past it.

The layout is Distribution's own (registry/storage/paths.go, "docker/registry/v2"); the store is configured by the same
REGISTRY_STORAGE_* variables that Distribution reads, and reached through django-storages.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage

from oci.digest import Digest
from oci.errors import DigestInvalid, Failed, Unavailable

ROOT = "docker/registry/v2"
PRESIGNED_LIFETIME = 1200  # seconds, as Distribution's own redirects
CONNECT_TIMEOUT, READ_TIMEOUT = 2, 20  # seconds
_PIECE = 256 * 1024
_HEX = re.compile(r"[0-9a-f]{64}|[0-9a-f]{128}")


def _environment(driver: str) -> dict[str, str]:
    """Distribution's parameters of one driver, by their lower-case names: REGISTRY_STORAGE_S3_BUCKET gives `bucket`."""
    prefix = f"{driver}_"
    return {
        name.removeprefix(prefix).lower(): value
        for name, value in settings.REGISTRY_STORAGE.items()
        if name.startswith(prefix)
    }


def driver() -> str:
    """Which of Distribution's storage drivers holds the blobs: `filesystem`, `s3`, `gcs` or `azure`."""
    for name in ("S3", "GCS", "AZURE"):
        if _environment(name):
            return name.lower()
    return "filesystem"


class Room(NamedTuple):
    """How large the file system is, and what is left of it, in bytes."""

    total: int
    free: int


def room() -> Room | None:
    """The room where the blobs are; None for an object store. Raises Unavailable when it can't be seen."""
    if driver() != "filesystem":
        return None
    root = Path(storage().path(""))
    try:
        found = os.statvfs(next(path for path in (root, *root.parents) if path.exists()))  # the first push makes it
    except OSError as error:
        raise Unavailable from error
    return Room(total=found.f_blocks * found.f_frsize, free=found.f_bavail * found.f_frsize)


@cache
def storage() -> Storage:
    """The blob store, rooted where Distribution's paths begin."""
    options = _environment(driver().upper())
    return {"filesystem": _filesystem, "s3": _s3, "gcs": _gcs, "azure": _azure}[driver()](options)


def _required(options: dict[str, str], name: str) -> str:
    try:
        return options[name]
    except KeyError:
        variable = f"REGISTRY_STORAGE_{driver().upper()}_{name.upper()}"
        raise ImproperlyConfigured(f"{variable} is not set, so the blob store can't be reached") from None


def _filesystem(options: dict[str, str]) -> Storage:
    return FileSystemStorage(location=_required(options, "rootdirectory"))


def _s3(options: dict[str, str]) -> Storage:
    from botocore.config import Config  # noqa: PLC0415  boto3 costs 40 MiB where it isn't used
    from storages.backends.s3 import S3Storage  # noqa: PLC0415

    # An endpoint of one's own rarely has a host name for each bucket.
    addressing = {"addressing_style": "path"} if options.get("regionendpoint") else {}
    backend: Storage = S3Storage(
        bucket_name=_required(options, "bucket"),
        access_key=options.get("accesskey"),
        secret_key=options.get("secretkey"),
        region_name=options.get("region"),
        endpoint_url=_endpoint(options),
        location=options.get("rootdirectory", "").strip("/"),
        verify=False if options.get("skipverify", "").lower() == "true" else None,
        client_config=Config(
            s3=addressing,
            signature_version="s3v4",
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"total_max_attempts": 2},
        ),
        querystring_auth=True,
        querystring_expire=PRESIGNED_LIFETIME,
    )
    return backend


def _endpoint(options: dict[str, str]) -> str | None:
    """Distribution takes a bare host as `regionendpoint` and the scheme from `secure`; boto3 wants one URL."""
    endpoint = options.get("regionendpoint")
    if endpoint and "://" not in endpoint:
        scheme = "http" if options.get("secure", "true").lower() == "false" else "https"
        return f"{scheme}://{endpoint}"
    return endpoint


def _gcs(options: dict[str, str]) -> Storage:
    from google.oauth2 import service_account  # noqa: PLC0415
    from storages.backends.gcloud import GoogleCloudStorage  # noqa: PLC0415

    keyfile = options.get("keyfile")
    backend: Storage = GoogleCloudStorage(
        bucket_name=_required(options, "bucket"),
        location=options.get("rootdirectory", "").strip("/"),
        credentials=service_account.Credentials.from_service_account_file(keyfile) if keyfile else None,  # type: ignore[no-untyped-call]
        iam_sign_blob=not keyfile,  # the machine's own account has no key to sign with: Google signs for it
        querystring_auth=True,
        expiration=PRESIGNED_LIFETIME,
    )
    return backend


def _azure(options: dict[str, str]) -> Storage:
    from storages.backends.azure_storage import AzureStorage  # noqa: PLC0415

    backend: Storage = AzureStorage(
        account_name=_required(options, "accountname"),
        account_key=_required(options, "accountkey"),
        azure_container=_required(options, "container"),
        endpoint_suffix=options.get("realm", "core.windows.net"),
        timeout=READ_TIMEOUT,
        location=options.get("rootdirectory", "").strip("/"),
        expiration_secs=PRESIGNED_LIFETIME,
        overwrite_files=True,
    )
    return backend


def blob_path(digest: Digest) -> str:
    return f"{ROOT}/blobs/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/data"


def repository_path(repository: str) -> str:
    return f"{ROOT}/repositories/{repository}"


def link_path(repository: str, digest: Digest) -> str:
    return f"{repository_path(repository)}/_layers/{digest.algorithm}/{digest.hex}/link"


def revision_path(repository: str, digest: Digest) -> str:
    return f"{repository_path(repository)}/_manifests/revisions/{digest.algorithm}/{digest.hex}/link"


def presigned_url(digest: Digest) -> str:
    """A URL that serves the blob's bytes from the object store for PRESIGNED_LIFETIME seconds."""
    return storage().url(blob_path(digest))


def blob_size(digest: Digest) -> int | None:
    """Bytes of a blob in the store, None where it isn't."""
    path = blob_path(digest)
    try:
        return storage().size(path) if storage().exists(path) else None
    except FileNotFoundError:
        return None


def read_link(path: str) -> Digest | None:
    """The digest a link file names; None where it is missing, or empty after a disk ran full."""
    try:
        if driver() == "azure" and not storage().exists(path):  # its library has an error of its own for that
            return None
        with storage().open(path) as file:
            return Digest.parse(file.read(200).decode("ascii", "replace").strip())
    except (FileNotFoundError, DigestInvalid):
        return None


def repositories() -> Iterator[str]:
    """Names of every repository in the store, in the store's order, found by walking its folders."""
    yield from _walk("")


def _walk(parent: str) -> Iterator[str]:
    folders, _ = _listdir(repository_path(parent) if parent else f"{ROOT}/repositories")
    if parent and any(folder in {"_manifests", "_layers"} for folder in folders):
        yield parent
    for folder in sorted(folders):
        if not folder.startswith("_"):
            yield from _walk(f"{parent}/{folder}" if parent else folder)


def _listdir(path: str) -> tuple[list[str], list[str]]:
    try:
        return storage().listdir(path)
    except FileNotFoundError:
        return [], []


def _digests(folder: str) -> Iterator[Digest]:
    """The digests under `folder`, which Distribution lays out as `<algorithm>/<hex>/link`."""
    for algorithm in ("sha256", "sha512"):
        for name in sorted(_listdir(f"{folder}/{algorithm}")[0]):
            if _HEX.fullmatch(name) and read_link(f"{folder}/{algorithm}/{name}/link") is not None:
                yield Digest.parse(f"{algorithm}:{name}")


def manifests_of(repository: str) -> Iterator[Digest]:
    """Digests of the manifests the store has in a repository."""
    return _digests(f"{repository_path(repository)}/_manifests/revisions")


def blobs_of(repository: str) -> Iterator[Digest]:
    """Digests of the blobs the store has linked into a repository."""
    return _digests(f"{repository_path(repository)}/_layers")


def tags_of(repository: str) -> Iterator[tuple[str, Digest]]:
    """Tags the store itself knows, as an older registry left them: (name, digest)."""
    folder = f"{repository_path(repository)}/_manifests/tags"
    for name in sorted(_listdir(folder)[0]):
        digest = read_link(f"{folder}/{name}/current/link")
        if digest is not None:
            yield name, digest


def may_break(repository: str, digest: Digest) -> bool:
    """Whether the repository has a link to the blob, in a store that can leave one half-written: a file system."""
    return driver() == "filesystem" and storage().exists(link_path(repository, digest))


def write_link(repository: str, digest: Digest, target: Digest) -> None:
    """Link a blob into a repository as Distribution does, over a link that is missing or broken."""
    _write(link_path(repository, digest), target)


def write_revision(repository: str, digest: Digest, target: Digest) -> None:
    """Say that a repository has a manifest known by `digest`, whose bytes are the blob `target`."""
    _write(revision_path(repository, digest), target)


def forget_revision(repository: str, digest: Digest) -> None:
    with _in_reach():
        storage().delete(revision_path(repository, digest))


def _write(path: str, target: Digest) -> None:
    """Write a link file, whole or not at all."""
    content = str(target).encode("ascii")
    with _in_reach():
        if driver() == "filesystem":
            _replace(Path(storage().path(path)), content)
        else:
            storage().save(path, ContentFile(content))


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def _in_reach() -> Iterator[None]:
    """What the store fails with is Unavailable: Failed where it is a disk (full, broken), no connection."""
    try:
        yield
    except OSError as error:
        kind = Failed if driver() == "filesystem" else Unavailable
        raise kind(f"the blob store failed: {error.strerror or error}") from error
    except Exception as error:
        if driver() == "filesystem":
            raise
        raise Unavailable(f"the blob store failed: {type(error).__name__}") from error


def manifest_bytes(repository: str, digest: Digest, limit: int) -> bytes | None:
    """The bytes of a manifest that the store has in a repository; None where they are missing or beyond `limit`."""
    target = read_link(revision_path(repository, digest))
    return read_blob(target, limit) if target else None


def has_manifest(repository: str, digest: Digest) -> bool:
    """Whether the store has a manifest in a repository, link and bytes."""
    target = read_link(revision_path(repository, digest))
    return target is not None and blob_size(target) is not None


def read_blob(digest: Digest, limit: int, *, size: int | None = None) -> bytes | None:
    """The bytes of a small blob; None where it isn't in the store or is larger than `limit`.

    Whoever knows its `size` saves asking for that: to an object store it is a request.
    """
    with _in_reach():
        length = blob_size(digest) if size is None else size
        if length is None or length > limit:
            return None
        try:
            if driver() == "azure" and size is not None and blob_size(digest) is None:
                return None  # its library has an error of its own for that
            with storage().open(blob_path(digest)) as file:
                payload: bytes = file.read(limit + 1)
        except FileNotFoundError:
            return None
    return payload if len(payload) <= limit else None


def read(digest: Digest, offset: int) -> Generator[bytes, None, None] | None:
    """The bytes of a blob from `offset` on, out of a store of files; None where it isn't one, or isn't there."""
    if driver() != "filesystem":
        return None
    try:
        file = Path(storage().path(blob_path(digest))).open("rb")  # noqa: SIM115 - `_pieces` closes it
    except OSError:
        return None
    file.seek(offset)
    return _pieces(file)


def _pieces(file: BinaryIO) -> Generator[bytes, None, None]:
    with file, _in_reach():
        while piece := file.read(_PIECE):
            yield piece


def forget_repository(repository: str) -> None:
    """Remove every link of a repository from the store, so that nothing can be had from there by its digest."""
    with _in_reach():
        for folder in ("_manifests", "_layers"):
            _remove(f"{repository_path(repository)}/{folder}")


def forget_project(project: str) -> None:
    """Remove every link and upload of a project's repositories from the store."""
    with _in_reach():
        _remove(repository_path(project))


def unfinished_upload(repository: str, upload: str) -> tuple[int, str] | None:
    """How many bytes of an upload are in a file-system store, and when it began; None where it can't be told."""
    folder = f"{repository_path(repository)}/_uploads/{upload}"
    try:
        with storage().open(f"{folder}/startedat") as file:
            started = file.read(64).decode("ascii", "replace").strip()
        return storage().size(f"{folder}/data"), started
    except OSError:
        return None


def forget_upload(repository: str, upload: str) -> None:
    """Remove what the upstream registry leaves of an upload that it cancelled or found to be of another digest."""
    with _in_reach():
        _remove(f"{repository_path(repository)}/_uploads/{upload}")


def _remove(folder: str) -> None:
    folders, files = _listdir(folder)
    for name in folders:
        _remove(f"{folder}/{name}")
    for name in files:
        storage().delete(f"{folder}/{name}")
    if driver() == "filesystem":
        with suppress(OSError):  # somebody is writing there again
            storage().delete(folder)
