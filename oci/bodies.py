"""Content on its way to a registry: anything that gives bytes, in pieces, of the length that was announced."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from oci.errors import SizeInvalid

PIECE = 256 * 1024


@runtime_checkable
class Readable(Protocol):
    """A file, or a web server's input."""

    def read(self, size: int, /) -> bytes: ...


Body = bytes | Readable | Iterator[bytes]


class Outgoing(Iterator[bytes]):
    """A body in pieces that a send can finish in time. `failure` is what its source raised, if it did: HTTP's layers
    would take some of that for their own. SizeInvalid, before a byte too many, unless it is `length`."""

    def __init__(self, body: Body, length: int | None) -> None:
        self.failure: Exception | None = None
        self._pieces = _pieces(body, length)

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except StopIteration:
            raise
        except Exception as error:
            self.failure = error
            raise


def _pieces(body: Body, length: int | None) -> Iterator[bytes]:
    count = 0
    for portion in _portions(body, length):
        for start in range(0, len(portion), PIECE):
            piece = portion[start : start + PIECE] if len(portion) > PIECE else portion
            count += len(piece)
            if length is not None and count > length:
                raise SizeInvalid(f"the content goes on after the {length} bytes announced")
            yield piece
    if length is not None and count < length:
        raise SizeInvalid(f"the content ends after {count} of the {length} bytes announced")


def _portions(body: Body, length: int | None) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, Readable):  # before iterators: a file is one too, of lines
        yield from _read(body, length)
    else:
        yield from body


def _read(file: Readable, length: int | None) -> Iterator[bytes]:
    """No more than `length`: a web server's input may wait for ever beyond it."""
    left = length
    while left is None or left > 0:
        portion = file.read(PIECE if left is None else min(PIECE, left))
        if not portion:
            return
        left = None if left is None else left - len(portion)
        yield portion
