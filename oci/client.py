"""Calls to a registry: what distribution-spec 1.1 and Docker's HTTP API V2 offer, with Distribution's quirks met."""

import base64
import json
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from oci import manifest
from oci.digest import Digest
from oci.errors import BlobUnknown, DigestInvalid, NameUnknown, RangeInvalid, Unavailable
from oci.transport import Answer, BlobStream, Body, Request, Transport, number

MAX_LISTING = 64 * 1024 * 1024
PAGE = 1000

_ACCEPT = ", ".join(sorted(manifest.MANIFEST_TYPES | manifest.SCHEMA1_TYPES))
_OCTETS = {"Content-Type": "application/octet-stream"}
_NEXT = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?')
_RANGE = re.compile(r"(?:bytes=)?0-(\d+)")
_STATE_SIGNATURE = 32  # bytes of HMAC before the JSON in Distribution's _state

_OK, _CREATED, _ACCEPTED, _NO_CONTENT, _PARTIAL, _MISSING, _UNSATISFIABLE = 200, 201, 202, 204, 206, 404, 416


class BlobInfo(NamedTuple):
    """`digest` is the canonical one, which the registry stores the blob under; `size` in bytes."""

    digest: Digest
    size: int


class FetchedManifest(NamedTuple):
    """`digest` is computed from `payload`, by the algorithm that was asked for."""

    media_type: str
    payload: bytes
    digest: Digest


class RegistryClient:
    """One registry. Thread-safe; keeps up to `pool_size` connections alive. Timeouts are in seconds of silence.

    After one that ran out the registry is left alone for `rest` seconds: calls answer Unavailable without waiting.
    Repository names and references go in as they were parsed. Locations of uploads are path and query.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = 30.0,
        commit_timeout: float = 300.0,
        pool_size: int = 8,
        rest: float = 0.0,
    ) -> None:
        self._transport = Transport(base_url, timeout=timeout, pool_size=pool_size, rest=rest)
        self._commit_timeout = commit_timeout

    def close(self) -> None:
        self._transport.close()

    def ping(self) -> None:
        """Raises Unavailable when the registry doesn't answer."""
        self._transport.call(Request(method="GET", target="/v2/"), {_OK})

    # Blobs

    def head_blob(self, name: str, digest: Digest) -> BlobInfo | None:
        response = self._transport.open_following(Request(method="HEAD", target=_blob(name, digest)))
        answer = self._transport.finish(response, {_OK, _MISSING})
        if answer.status == _MISSING:
            return None
        size = number(answer.headers.get("Content-Length"))
        if size is None:
            raise Unavailable("the registry gave a blob without a size")
        return BlobInfo(_digest_in(answer) or digest, size)

    def get_blob(self, name: str, digest: Digest, offset: int = 0) -> BlobStream:
        """The blob from `offset` on; BlobUnknown at once when it isn't there, RangeInvalid beyond its end."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        response = self._transport.open_following(Request(method="GET", target=_blob(name, digest), headers=headers))
        if response.status == _OK:
            return BlobStream(response, skip=offset)
        if response.status == _PARTIAL:
            return BlobStream(response)
        answer = self._transport.finish(response, {_MISSING, _UNSATISFIABLE})
        if answer.status == _MISSING:
            raise BlobUnknown(detail={"digest": str(digest)})
        if answer.headers.get("Content-Range") == f"bytes */{offset}":
            return BlobStream.empty()
        raise RangeInvalid("the offset is beyond the end of the blob")

    def mount_blob(self, name: str, digest: Digest, source: str) -> bool:
        """Take the blob over from the repository `source`; False where that doesn't hold it."""
        query = urlencode({"mount": str(digest), "from": source})
        answer = self._transport.call(
            Request(method="POST", target=f"{_path(name)}/blobs/uploads/?{query}"), {_CREATED, _ACCEPTED}
        )
        if answer.status == _CREATED:
            return True
        self.cancel_upload(self._location(answer))  # what a registry begins when it can't mount
        return False

    def delete_blob(self, name: str, digest: Digest) -> bool:
        return (
            self._transport.call(Request(method="DELETE", target=_blob(name, digest)), {_ACCEPTED, _MISSING}).status
            != _MISSING
        )

    # Uploads

    def start_upload(self, name: str) -> str:
        return self._location(
            self._transport.call(Request(method="POST", target=f"{_path(name)}/blobs/uploads/"), {_ACCEPTED})
        )

    def upload_status(self, location: str) -> tuple[str, int] | None:
        """Where to go on and how many bytes are there; None when the upload is gone (or the location outdated)."""
        answer = self._transport.call(Request(method="GET", target=location), {_OK, _NO_CONTENT, _MISSING})
        if answer.status == _MISSING:
            return None
        onward = self._location(answer)
        return onward, _offset(answer.headers.get("Range", ""), onward)

    def patch_upload(self, location: str, body: Body, length: int | None = None) -> str:
        """Append to an upload, from its end: Distribution judges no Content-Range, so none is sent."""
        request = Request(method="PATCH", target=location, headers=_OCTETS, body=body, length=length)
        return self._location(self._transport.call(request, {_ACCEPTED}))

    def commit_upload(
        self, location: str, digest: Digest, body: Body | None = None, length: int | None = None
    ) -> Digest:
        """End an upload, with a last piece of content perhaps; the digest that the registry stored it under.

        DigestInvalid leaves the upload in place, to be cancelled.
        """
        target = f"{location}{'&' if '?' in location else '?'}{urlencode({'digest': str(digest)})}"
        request = Request(
            method="PUT", target=target, headers=_OCTETS, body=body, length=length, timeout=self._commit_timeout
        )
        answer = self._transport.call(request, {_CREATED})
        return _digest_in(answer) or digest

    def cancel_upload(self, location: str) -> bool:
        answer = self._transport.call(
            Request(method="DELETE", target=location), {_OK, _ACCEPTED, _NO_CONTENT, _MISSING}
        )
        return answer.status != _MISSING

    # Manifests

    def put_manifest(self, name: str, reference: Digest | str, media_type: str, payload: bytes) -> None:
        request = Request(
            method="PUT",
            target=_manifest(name, reference),
            headers={"Content-Type": media_type},
            body=payload,
            idempotent=isinstance(reference, Digest),
        )
        self._transport.call(request, {_CREATED})

    def get_manifest(self, name: str, reference: Digest | str) -> FetchedManifest | None:
        """The manifest as it is stored; Unavailable when the bytes are not what the digest says."""
        request = Request(method="GET", target=_manifest(name, reference), headers={"Accept": _ACCEPT})
        answer = self._transport.call(request, {_OK, _MISSING}, limit=manifest.MAX_BYTES)
        if answer.status == _MISSING:
            return None
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        algorithm = reference.algorithm if isinstance(reference, Digest) else "sha256"
        digest = Digest.of(answer.payload, algorithm)
        if isinstance(reference, Digest) and digest != reference:
            raise Unavailable(f"the registry's content of {reference} is corrupt")
        return FetchedManifest(media_type, answer.payload, digest)

    def delete_manifest(self, name: str, digest: Digest) -> bool:
        """With its tags. Distribution takes the digest of a blob too, and then unlinks that: ask for manifests only."""
        return (
            self._transport.call(Request(method="DELETE", target=_manifest(name, digest)), {_ACCEPTED, _MISSING}).status
            != _MISSING
        )

    # Lists

    def catalog(self) -> Iterator[str]:
        return self._listing(f"/v2/_catalog?n={PAGE}", "repositories")

    def tags(self, name: str) -> Iterator[str]:
        """Nothing for a repository without tags, which Distribution doesn't tell from one that isn't there."""
        try:
            yield from self._listing(f"{_path(name)}/tags/list?n={PAGE}", "tags")
        except NameUnknown:
            return

    def _listing(self, target: str | None, field: str) -> Iterator[str]:
        while target is not None:
            answer = self._transport.call(Request(method="GET", target=target), {_OK}, limit=MAX_LISTING)
            yield from _names(answer.payload, field)
            following = _NEXT.search(answer.headers.get("Link", ""))
            onward = self._transport.local(following[1], seen_from=target) if following else None
            if onward == target:
                raise Unavailable("the registry's list goes round in a circle")
            target = onward

    def _location(self, answer: Answer) -> str:
        if not (location := answer.headers.get("Location", "")):
            raise Unavailable("the registry gave no Location")
        return self._transport.local(location)


def _path(name: str) -> str:
    return f"/v2/{quote(name)}"


def _blob(name: str, digest: Digest) -> str:
    return f"{_path(name)}/blobs/{digest}"


def _manifest(name: str, reference: Digest | str) -> str:
    return f"{_path(name)}/manifests/{quote(str(reference), safe=':')}"


def _digest_in(answer: Answer) -> Digest | None:
    text = answer.headers.get("Docker-Content-Digest")
    try:
        return Digest.parse(text) if text else None
    except DigestInvalid as error:
        raise Unavailable("the registry answered with an invalid digest") from error


def _offset(received: str, location: str) -> int:
    """How many bytes an upload has. Distribution says 0-0 of none and of one; its `_state` knows which."""
    found = _RANGE.fullmatch(received)
    if found is None:
        raise Unavailable("the registry gave no Range for an upload")
    last = int(found[1])
    return last + 1 if last else _offset_in_state(location)


def _offset_in_state(location: str) -> int:
    state = parse_qs(urlsplit(location).query).get("_state", [""])[0]
    try:
        return int(json.loads(base64.urlsafe_b64decode(state)[_STATE_SIGNATURE:])["Offset"])
    except (ValueError, KeyError, TypeError):
        return 0


def _names(payload: bytes, field: str) -> list[str]:
    try:
        names = json.loads(payload)[field] or []
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unavailable("the registry's list can't be read") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Unavailable("the registry's list can't be read")
    return names
