"""Calls to a registry: what distribution-spec 1.1 and Docker's HTTP API V2 offer, with registries' quirks met.

Names of repositories and references go in as they were parsed. Locations of uploads are path and query.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple
from urllib.parse import quote, urlencode

from oci import listing, manifest
from oci.bodies import Body
from oci.challenge import Scope
from oci.connections import Reach
from oci.credential import AnyCredential
from oci.digest import Digest
from oci.download import BlobStream, Corrupt
from oci.errors import (
    BlobUnknown,
    Denied,
    DigestInvalid,
    NameUnknown,
    RegistryError,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from oci.manifest import Descriptor
from oci.pipeline import Head, Pipeline, tags_on, unless_on
from oci.referrers import Referrers, tag_of
from oci.scope import CATALOG, delete, pull, push, push_at
from oci.session import Session
from oci.transport import Answer, Request, Transport, number
from oci.upload import Source, Upload, offset_of, upload

PAGE = 1000

_ACCEPT = {"Accept": ", ".join(sorted(manifest.MANIFEST_TYPES | manifest.SCHEMA1_TYPES))}
_OCTETS = {"Content-Type": "application/octet-stream"}

_OK, _CREATED, _ACCEPTED, _NO_CONTENT = 200, 201, 202, 204
_BAD_REQUEST, _MISSING, _NOT_ALLOWED, _NOT_IMPLEMENTED = 400, 404, 405, 501


class BlobInfo(NamedTuple):
    """`digest` is the canonical one, which the registry stores the blob under; `size` in bytes."""

    digest: Digest
    size: int


class ManifestInfo(NamedTuple):
    """What a registry says of a manifest; `size` in bytes."""

    media_type: str
    digest: Digest
    size: int


class FetchedManifest(NamedTuple):
    """`digest` is computed from `payload`, by the algorithm that was asked for."""

    media_type: str
    payload: bytes
    digest: Digest


class RegistryClient:
    """One registry. Thread-safe; keeps up to `pool_size` connections alive. Timeouts are in seconds of silence.

    `base_url` may have a path, below which /v2/ is. `insecure` verifies no certificate, `ca` (PEM) replaces the
    system's authorities; without `private` nothing on this machine or its link is connected to, wherever a name, a
    redirect or a realm leads; `proxied` takes the environment's proxies. ValueError: an address or a CA that is none.

    A call that may be repeated is made up to `tries` times. After a timeout that ran out the registry is left alone for
    `rest` seconds: calls answer Unavailable without waiting. `called` is for our own registry: what errors call it, for
    those who may not learn its host. All failures are of `oci.errors`; Lasting and Corrupt are Unavailable to stay.
    """

    def __init__(
        self,
        base_url: str,
        *,
        credential: AnyCredential | None = None,
        insecure: bool = False,
        ca: str = "",
        private: bool = True,
        proxied: bool = False,
        tries: int = 1,
        user_agent: str = "roadstead",
        timeout: float = 30.0,
        connect_timeout: float = 10.0,
        commit_timeout: float = 300.0,
        pool_size: int = 8,
        rest: float = 0.0,
        called: str = "",
    ) -> None:
        self._transport = Transport(
            base_url,
            timeout=timeout,
            pool_size=pool_size,
            reach=Reach(
                insecure=insecure, ca=ca, private=private, proxied=proxied, hurry=connect_timeout, watched=not called
            ),
            rest=rest,
            called=called,
            user_agent=user_agent,
        )
        self._session = Session(self._transport, credential, tries)
        self._root = self._transport.prefix + "/v2"
        self._commit_timeout = commit_timeout
        self._pipeline = Pipeline(self._transport, pool_size)
        self._referrers = Referrers(self._transport, self._session)
        self._is_known = False  # how the registry wants to be asked for manifests

    @property
    def tries(self) -> int:
        return self._session.tries

    def close(self) -> None:
        """Drop the connections that are kept."""
        self._transport.close()
        self._pipeline.close()

    def abort(self) -> None:
        """End all that goes on with the registry, from another thread: calls in progress raise Ended (Unavailable) at
        once, in the middle of whatever they send or read, and so does every later call."""
        self._transport.end()

    def wait(self, seconds: float) -> None:
        """Sleep, unless it is aborted: then Ended at once."""
        self._transport.wait(seconds)

    def ping(self) -> None:
        """Raises Unavailable when the registry doesn't answer, Unauthorized when it wants another credential."""
        self._session.ping(f"{self._root}/")

    # Blobs

    def head_blob(self, name: str, digest: Digest) -> BlobInfo | None:
        request = Request(method="HEAD", target=self._blob(name, digest), scope=pull(name))
        answer = self._session.call(request, {_OK, _MISSING})
        if answer.status == _MISSING:
            return None
        size = number(answer.headers.get("Content-Length"))
        if size is None:
            raise Unavailable(f"{self._transport.who} gave a blob without a size")
        return BlobInfo(self._digest_in(answer) or digest, size)

    def blobs_there(self, name: str, digests: Sequence[Digest]) -> dict[Digest, bool]:
        """Whether the repository has them, quickly for many; what isn't answered plainly is left out."""
        requests = [Request(method="HEAD", target=self._blob(name, digest), scope=pull(name)) for digest in digests]
        heads = self._pipeline.ask(requests, self._session.authorization(pull(name)))
        statuses = zip(digests, (head.status for head in heads), strict=False)
        return {digest: status == _OK for digest, status in statuses if status in {_OK, _MISSING}}

    def get_blob(self, name: str, digest: Digest, offset: int = 0, *, verify: bool = True) -> BlobStream:
        """The blob from `offset` on; BlobUnknown at once when it isn't there, RangeInvalid beyond its end.

        What is read from its beginning is held against the digest, unless `verify` is off.
        """
        request = Request(method="GET", target=self._blob(name, digest), scope=pull(name))
        return BlobStream(self._session, request, digest, offset, verify=verify)

    def mount_blob(self, name: str, digest: Digest, source: str) -> bool:
        """Take the blob over from the repository `source`; False where that doesn't hold it, or may not be pulled."""
        query = urlencode({"mount": str(digest), "from": source})
        request = Request(
            method="POST",
            target=f"{self._uploads(name)}?{query}",
            idempotent=self.tries > 1,
            scope=(*push(name), *pull(source)),
        )
        try:
            answer = self._session.call(request, {_CREATED, _ACCEPTED})
        except (Unauthorized, Denied, NameUnknown, BlobUnknown, Unsupported):
            return False  # pushing to `name` may be what is refused: then an upload says so
        if answer.status == _CREATED:
            return True
        # What a registry begins when it can't mount. Some let nobody end an upload: it ends there in time.
        with suppress(RegistryError):
            self.cancel_upload(self._transport.location_in(answer), name)
        return False

    def delete_blob(self, name: str, digest: Digest) -> bool:
        return self._delete(self._blob(name, digest), name)

    # Uploads

    def upload_blob(
        self,
        name: str,
        digest: Digest,
        size: int,
        source: Source,
        *,
        chunk: int | None = None,
        at: Upload | None = None,
        progress: Callable[[Upload], None] | None = None,
    ) -> Digest:
        """Bring a blob of `size` bytes up; the digest that the registry stored it under. See `oci.upload`."""
        return upload(self, name, digest, size, source, chunk=chunk, at=at, progress=progress)

    def start_upload(self, name: str) -> str:
        return self.begin_upload(name)[0]

    def begin_upload(self, name: str) -> tuple[str, int]:
        """Where to send the content, and how long the registry wants each chunk at least, in bytes."""
        answer = self._session.call(Request(method="POST", target=self._uploads(name), scope=push(name)), {_ACCEPTED})
        return self._transport.location_in(answer), number(answer.headers.get("OCI-Chunk-Min-Length")) or 0

    def upload_status(self, location: str, name: str = "") -> tuple[str, int] | None:
        """Where to go on and how many bytes are there; None when the upload is gone (or the location outdated)."""
        request = Request(method="GET", target=location, scope=push_at(location, self._root, name))
        answer = self._session.call(request, {_OK, _NO_CONTENT, _ACCEPTED, _MISSING})
        if answer.status == _MISSING:
            return None
        onward = self._transport.location_in(answer)
        count = offset_of(answer.headers.get("Range", ""), onward)
        if count is None:
            raise Unavailable(f"{self._transport.who} gave no Range for an upload")
        return onward, count

    def patch_upload(
        self, location: str, body: Body, length: int | None = None, *, name: str = "", start: int | None = None
    ) -> str:
        """Append to an upload, from its end. Distribution judges no Content-Range, so none is sent without `start`,
        the offset of the `length` bytes."""
        ranged = {"Content-Range": f"{start}-{start + length - 1}"} if start is not None and length else {}
        request = Request(
            method="PATCH",
            target=location,
            headers=_OCTETS | ranged,
            body=body,
            length=length,
            scope=push_at(location, self._root, name),
        )
        return self._transport.location_in(self._session.call(request, {_ACCEPTED, _CREATED, _NO_CONTENT}))

    def commit_upload(
        self, location: str, digest: Digest, body: Body | None = None, length: int | None = None, *, name: str = ""
    ) -> Digest:
        """End an upload, with a last piece of content perhaps; the digest that the registry stored it under.

        DigestInvalid leaves the upload in place, to be cancelled.
        """
        request = Request(
            method="PUT",
            target=f"{location}{'&' if '?' in location else '?'}{urlencode({'digest': str(digest)})}",
            headers=_OCTETS,
            body=body,
            length=length,
            timeout=self._commit_timeout,
            scope=push_at(location, self._root, name),
        )
        answer = self._session.call(request, {_CREATED, _NO_CONTENT})
        return self._digest_in(answer) or digest

    def cancel_upload(self, location: str, name: str = "") -> bool:
        request = Request(method="DELETE", target=location, scope=push_at(location, self._root, name))
        return self._session.call(request, {_OK, _ACCEPTED, _NO_CONTENT, _MISSING}).status != _MISSING

    # Manifests

    def put_manifest(self, name: str, reference: Digest | str, media_type: str, payload: bytes, **headers: str) -> None:
        """DigestInvalid where the registry says that it has stored something else."""
        request = Request(
            method="PUT",
            target=self._manifest(name, reference),
            headers={"Content-Type": media_type, **headers},
            body=payload,
            idempotent=isinstance(reference, Digest),
            timeout=self._commit_timeout if self.tries > 1 else None,
            scope=push(name),
        )
        stored = self._digest_in(self._session.call(request, {_CREATED}))
        sent = reference if isinstance(reference, Digest) else Digest.of(payload)
        # By another algorithm it is the registry's own name for the same.
        if stored is not None and stored != sent and stored.algorithm == sent.algorithm:
            raise DigestInvalid(f"{self._transport.who} says that it has stored {sent} as {stored}")

    def head_manifest(self, name: str, reference: Digest | str) -> ManifestInfo | None:
        """What the registry says of a manifest; it is fetched where that tells too little."""
        request = Request(method="HEAD", target=self._manifest(name, reference), headers=_ACCEPT, scope=pull(name))
        answer = self._session.call(request, {_OK, _MISSING, _NOT_ALLOWED})
        if answer.status == _MISSING:
            return None
        digest, size = self._digest_in(answer), number(answer.headers.get("Content-Length"))
        if answer.status == _OK and digest is not None and size:
            return ManifestInfo(answer.media_type, digest, size)
        fetched = self.get_manifest(name, reference)
        return None if fetched is None else ManifestInfo(fetched.media_type, fetched.digest, len(fetched.payload))

    def tags_on(self, name: str, expected: Mapping[str, Digest]) -> dict[str, Digest | None]:
        """What these tags are on, None where there is none: most quickly for those on the digest that is expected."""

        def ask(tags: Sequence[str]) -> list[Head]:
            requests = [unless_on(expected[tag], self._manifest(name, tag), _ACCEPT) for tag in tags]
            return self._pipeline.ask(requests, self._session.authorization(pull(name)))

        def ask_one(tag: str) -> Digest | None:
            info = self.head_manifest(name, tag)
            self._is_known = True
            return None if info is None else info.digest

        return tags_on(expected, ask, ask_one, known=self._is_known)

    def get_manifest(self, name: str, reference: Digest | str) -> FetchedManifest | None:
        """The manifest as it is stored; Corrupt when the bytes are not what the digest says."""
        request = Request(method="GET", target=self._manifest(name, reference), headers=_ACCEPT, scope=pull(name))
        answer = self._session.call(request, {_OK, _MISSING}, limit=manifest.MAX_BYTES)
        if answer.status == _MISSING:
            return None
        algorithm = reference.algorithm if isinstance(reference, Digest) else "sha256"
        digest = Digest.of(answer.payload, algorithm)
        if isinstance(reference, Digest) and digest != reference:
            raise Corrupt(f"the content of {reference} at {self._transport.who} is corrupt")
        return FetchedManifest(answer.media_type, answer.payload, digest)

    def delete_manifest(self, name: str, digest: Digest) -> bool:
        """With its tags. Distribution takes the digest of a blob too, and then unlinks that: ask for manifests only."""
        return self._delete(self._manifest(name, digest), name)

    def delete_tag(self, name: str, tag: str) -> bool:
        """The tag alone; Unsupported where a registry deletes manifests only, as Distribution before 3.0."""
        try:
            return self._delete(self._manifest(name, tag), name)
        except RegistryError as error:
            if error.status not in {_BAD_REQUEST, _NOT_ALLOWED, _NOT_IMPLEMENTED}:
                raise
            raise Unsupported(f"{self._transport.who} deletes no tag without its manifest") from error

    def referrers(self, name: str, digest: Digest, artifact_type: str = "") -> Iterator[Descriptor]:
        """What refers to a manifest as its subject: by the API, or where there is none by the index that clients keep
        under a tag of the digest. A page at a time is in memory."""
        query = f"?{urlencode({'artifactType': artifact_type})}" if artifact_type else ""
        target = f"{self._path(name)}/referrers/{digest}{query}"
        request = Request(method="GET", target=target, headers={"Accept": manifest.OCI_INDEX}, scope=pull(name))
        found = self._referrers.by_api(request)
        for page in self._referrers_by_tag(name, digest) if found is None else found:
            for descriptor in page:
                if artifact_type in {"", descriptor.artifact_type}:
                    yield descriptor

    @property
    def has_referrers_api(self) -> bool:
        """False once a call of `referrers` has shown that there is none."""
        return self._referrers.has_api

    def _referrers_by_tag(self, name: str, digest: Digest) -> Iterator[tuple[Descriptor, ...]]:
        index = self.get_manifest(name, tag_of(digest))
        if index is not None and index.media_type in manifest.INDEX_TYPES:
            yield self._referrers.listed(index.payload)

    # Lists

    def catalog(self) -> Iterator[str]:
        """The repositories, as far as the registry shows them. Names that break the specification's rules are left
        out, here as in `tags`: none could be asked for."""
        return self._names(f"{self._root}/_catalog?n={PAGE}", CATALOG, "repositories", listing.REPOSITORY)

    def tags(self, name: str) -> Iterator[str]:
        """Nothing for a repository without tags, which Distribution doesn't tell from one that isn't there."""
        try:
            yield from self._names(f"{self._path(name)}/tags/list?n={PAGE}", pull(name), "tags", listing.TAG)
        except RegistryError as error:
            if error.status != _MISSING:
                raise

    def _names(self, target: str, scope: Scope, field: str, pattern: re.Pattern[str]) -> Iterator[str]:
        page = partial(self._session.call, expected={_OK}, limit=listing.MAX_PAGE)
        for answer in listing.pages(self._transport, page, Request(method="GET", target=target, scope=scope)):
            yield from listing.names(answer.payload, field, pattern, self._transport.who)

    # Paths and answers

    def _path(self, name: str) -> str:
        return f"{self._root}/{quote(name)}"

    def _blob(self, name: str, digest: Digest) -> str:
        return f"{self._path(name)}/blobs/{digest}"

    def _uploads(self, name: str) -> str:
        return f"{self._path(name)}/blobs/uploads/"

    def _manifest(self, name: str, reference: Digest | str) -> str:
        return f"{self._path(name)}/manifests/{quote(str(reference), safe=':')}"

    def _delete(self, target: str, name: str) -> bool:
        request = Request(method="DELETE", target=target, scope=delete(name))
        return self._session.call(request, {_OK, _ACCEPTED, _NO_CONTENT, _MISSING}).status != _MISSING

    def _digest_in(self, answer: Answer) -> Digest | None:
        text = answer.headers.get("Docker-Content-Digest")
        try:
            return Digest.parse(text) if text else None
        except DigestInvalid as error:
            raise Unavailable(f"{self._transport.who} answered with an invalid digest") from error
