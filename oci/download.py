"""A blob comes down: a stream that goes on where it broke, and whose content is what its digest says."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, Self

from oci.bodies import PIECE
from oci.digest import Digest
from oci.errors import BlobUnknown, RangeInvalid, Unavailable
from oci.patience import back_off
from oci.session import Session
from oci.transport import UNSATISFIABLE, Broken, Ended, Request, Response, nothing, number

PROGRESS = 1024 * 1024  # bytes after which a stream that broke again has all its tries again
_OK, _PARTIAL, _MISSING = 200, 206, 404


class Corrupt(Unavailable):
    """What a registry sent isn't what its digest says."""


class Part(NamedTuple):
    """An answer with a blob's content, whose first `skip` bytes the caller has already."""

    response: Response
    skip: int = 0


class BlobStream(Iterator[bytes]):
    """The bytes of a blob, piece by piece; `length` is how many come from where it opens, None if unknown.

    Use it to the end, or in a `with`, or call `close`. `request` asks for the whole blob. Raises Unavailable when the
    bytes stop coming after the session's tries, and Corrupt at the end of what was read from its beginning on and
    isn't what `digest` says, unless `verify` is off.
    """

    def __init__(self, session: Session, request: Request, digest: Digest, offset: int, *, verify: bool) -> None:
        self._session = session
        self._transport = session.transport
        self._request = request
        self._at = self._broke_at = offset
        self._tries = self._left = session.tries
        self._digest = digest
        self._hash = hashlib.new(digest.algorithm) if verify and offset == 0 else None
        part = self._open_at(offset)
        total = number(part.response.headers.get("Content-Length"))
        if total is not None and total < part.skip:
            part.response.close()
            raise RangeInvalid("the offset is beyond the end of the blob")
        self.length = None if total is None else total - part.skip
        self._end = None if self.length is None else offset + self.length
        self._take(part)

    def _open_at(self, offset: int) -> Part:
        """The content from an offset on. BlobUnknown, RangeInvalid."""
        ranged = {"Range": f"bytes={offset}-"} if offset else {}
        response = self._session.open(replace(self._request, headers=ranged))
        if response.status == _OK:
            return Part(response, skip=offset)
        if response.status == _PARTIAL:
            if not response.headers.get("Content-Range", f"bytes {offset}-").startswith(f"bytes {offset}-"):
                response.close()
                raise Unavailable(f"{self._transport.who} gave another part of a blob than it was asked for")
            return Part(response)
        answer = self._transport.finish(response, {_MISSING, UNSATISFIABLE})
        if answer.status == _MISSING:
            raise BlobUnknown(detail={"digest": str(self._digest)})
        if answer.headers.get("Content-Range") == f"bytes */{offset}":
            return Part(nothing())
        raise RangeInvalid("the offset is beyond the end of the blob")

    def _take(self, part: Part) -> None:
        """Go on with an answer. What the caller has is thrown away: of a registry that knows no Range."""
        self._response, self._skip = part
        self._pieces: Iterator[bytes] = part.response.stream(PIECE, decode_content=False)

    def __next__(self) -> bytes:
        while True:
            try:
                piece = self._read()
            except Ended:
                raise
            except Unavailable as error:
                self._go_on(error)
                continue
            if piece is None:
                self._check()
                raise StopIteration
            if self._skip:
                piece, self._skip = piece[self._skip :], max(self._skip - len(piece), 0)
            if piece:
                self._at += len(piece)
                if self._hash is not None:
                    self._hash.update(piece)
                return piece

    def _read(self) -> bytes | None:
        """The next piece, None at the end; Unavailable when the connection breaks."""
        try:
            piece = next(self._pieces, None)
        except Broken as error:
            self.close()
            who = self._transport.who
            raise self._transport.stopped() or Unavailable(f"{who} stopped in the middle of a blob") from error
        if ended := self._transport.stopped():
            self.close()
            raise ended
        return piece

    def _go_on(self, error: Unavailable) -> None:
        """Open the rest, or raise `error` when the tries are used up."""
        if self._at - self._broke_at >= PROGRESS:
            self._left = self._tries
        self._broke_at = self._at
        if self._left <= 1:
            raise error
        self._left -= 1
        self._transport.wait(back_off(self._tries - self._left))
        self._take(self._open_at(self._at))

    def _check(self) -> None:
        if self._skip:
            raise RangeInvalid("the offset is beyond the end of the blob")
        if self._end is not None and self._at != self._end:
            raise Unavailable(f"{self._transport.who} gave a blob of another length than it said")
        if self._hash is not None and self._hash.hexdigest() != self._digest.hex:
            raise Corrupt(f"the content of {self._digest} at {self._transport.who} is corrupt: its digest differs")

    def close(self) -> None:
        """Drop the connection, unless all was read and it went back to the pool."""
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
