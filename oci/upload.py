"""A blob goes up: streamed or by chunk, going on from what the registry has when the connection breaks.

Distribution-spec 1.1, "Pushing blobs". A stream goes with the request that ends the upload (POST, then PUT): one
request less than with PATCH. By chunk each PATCH says by Content-Range where its bytes belong.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

from oci.digest import Digest
from oci.errors import (
    BlobUploadInvalid,
    BlobUploadUnknown,
    Denied,
    DigestInvalid,
    NameUnknown,
    RangeInvalid,
    RegistryError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from oci.patience import LONGEST, back_off
from oci.transport import Ended, Lasting

if TYPE_CHECKING:
    from oci.client import RegistryClient

Source = Callable[[int], Iterator[bytes]]
"""Opens the content from an offset on. What it raises goes through to whoever asked for the upload."""

_PASSING = (Unavailable, TooManyRequests, Unauthorized, BlobUploadUnknown, BlobUploadInvalid, RangeInvalid)
"""What a second try may help against; Unauthorized is one of them as a token can run out between two requests."""
_RANGE = re.compile(r"(?:bytes=)?0-(\d+)")
_STATE_SIGNATURE = 32  # bytes of HMAC before the JSON in Distribution's _state
_GONE = (BlobUploadUnknown, BlobUploadInvalid, RangeInvalid, NameUnknown, Unsupported, Denied)
"""How registries say that they don't know an upload, or tell of none; who may not push at all learns it next."""


class Upload(NamedTuple):
    """Where an upload goes on, and how many bytes the registry has of it. It may be kept, and taken up elsewhere."""

    location: str
    offset: int


def upload(
    client: RegistryClient,
    name: str,
    digest: Digest,
    size: int,
    source: Source,
    *,
    chunk: int | None,
    at: Upload | None,
    progress: Callable[[Upload], None] | None,
) -> Digest:
    """The digest that the registry stored the blob under; it was the registry that verified it.

    `at` is an upload to go on with; where the registry doesn't know it any more, another one begins. `progress` is told
    of every point from which it could be taken up. DigestInvalid: the content isn't what `digest` says.
    """
    return _Sending(client, name, _Blob(digest, size, source), chunk=chunk, progress=progress).run(at)


class _Blob(NamedTuple):
    digest: Digest
    size: int
    source: Source


class _Sending:
    """One blob on its way."""

    def __init__(
        self,
        client: RegistryClient,
        name: str,
        blob: _Blob,
        *,
        chunk: int | None,
        progress: Callable[[Upload], None] | None,
    ) -> None:
        self._client = client
        self._name = name
        self._digest, self._size, self._source = blob
        self._chunk = chunk
        self._least = 0
        self._progress = progress
        self._point: Upload | None = None
        self._flow: _Flow | None = None
        self._asking = False

    def run(self, at: Upload | None) -> Digest:
        self._point = at
        # That an older upload can't be taken up costs no try: what it was sent last may still be arriving there.
        left, best, resumed = self._client.tries + bool(at), at.offset if at else 0, at is not None
        while True:
            try:
                if resumed and (stored := self._look()) is not None:
                    return stored
                return self._send()
            except DigestInvalid as error:
                if self._is_of_source(error) or not resumed or left <= 1:
                    self._cancel()
                    raise
                self._cancel()  # what the registry had of it may have been what was wrong
                left -= 1
            except _PASSING as error:
                if self._is_of_source(error) or isinstance(error, Ended | Lasting):
                    raise
                if self._point is not None and self._point.offset > best:
                    left, best = self._client.tries, self._point.offset
                left -= 1
                if left <= 0 or (error.retry_after or 0) > LONGEST:
                    raise
                if left == 1 and self._asking:
                    self._point = None  # it doesn't tell how far it is: then from the beginning on
                self._close()  # nobody keeps a source open while he waits for the other side
                self._client.wait(error.retry_after or back_off(self._client.tries - left))
            finally:
                self._close()
            resumed = True

    def _look(self) -> Digest | None:
        """Ask the registry how far it is. The digest, if it has the whole blob: its answer to the end was lost."""
        if self._point is None:
            return None
        self._asking = True
        try:
            status = self._client.upload_status(self._point.location, self._name)
        except _GONE:
            status = None
        self._asking = False
        if status is not None and status[1] <= self._size:
            self._note(Upload(*status))
            return None
        self._point = None
        there = self._client.head_blob(self._name, self._digest)
        return there.digest if there is not None and there.size == self._size else None

    def _send(self) -> Digest:
        if self._point is None:
            location, self._least = self._client.begin_upload(self._name)
            self._note(Upload(location, 0))
        location, offset = self._point or Upload("", 0)
        self._flow = _Flow(self._source, offset)
        if self._chunk is None and offset < self._size:
            rest = self._size - offset
            return self._client.commit_upload(location, self._digest, self._flow.all(), rest, name=self._name)
        while offset < self._size:
            count = min(max(self._chunk or 1, self._least), self._size - offset)
            location = self._client.patch_upload(location, self._flow.take(count), count, name=self._name, start=offset)
            offset += count
            self._note(Upload(location, offset))
        return self._client.commit_upload(location, self._digest, name=self._name)

    def _note(self, point: Upload) -> None:
        self._point = point
        if self._progress is not None:
            self._progress(point)

    def _cancel(self) -> None:
        if self._point is not None:
            with suppress(RegistryError):
                self._client.cancel_upload(self._point.location, self._name)
        self._point = None

    def _is_of_source(self, error: RegistryError) -> bool:
        return self._flow is not None and self._flow.failure is error

    def _close(self) -> None:
        if self._flow is not None:
            self._flow.close()
        self._flow = None


class _Flow:
    """The content from an offset on, opened when it is wanted, to be taken in parts."""

    def __init__(self, source: Source, offset: int) -> None:
        self.failure: Exception | None = None
        self._source = source
        self._offset = offset
        self._pieces: Iterator[bytes] | None = None
        self._over = b""

    def all(self) -> Iterator[bytes]:
        while piece := self._next():
            yield piece

    def take(self, count: int) -> Iterator[bytes]:
        while count > 0 and (piece := self._next()):
            self._over = piece[count:]
            yield piece[:count]
            count -= len(piece)

    def _next(self) -> bytes:
        """Empty at the end."""
        if self._over:
            piece, self._over = self._over, b""
            return piece
        try:
            if self._pieces is None:
                self._pieces = self._source(self._offset)
            return next((piece for piece in self._pieces if piece), b"")
        except Exception as error:
            self.failure = error
            raise

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()


def offset_of(received: str, location: str) -> int | None:
    """How many bytes an upload has, by the Range of its status; None when that says nothing. Distribution says 0-0 of
    none and of one; its `_state` knows which."""
    found = _RANGE.fullmatch(received)
    if found is None:
        return None
    last = int(found[1])
    return last + 1 if last else _offset_in_state(location)


def _offset_in_state(location: str) -> int:
    state = parse_qs(urlsplit(location).query).get("_state", [""])[0]
    try:
        return int(json.loads(base64.urlsafe_b64decode(state)[_STATE_SIGNATURE:])["Offset"])
    except (ValueError, KeyError, TypeError):
        return 0
