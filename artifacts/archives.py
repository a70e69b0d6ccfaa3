"""Files out of a tar archive that a stranger made: read as a stream, within bounds, and never written anywhere.

Python's own tarfile is for archives one trusts: it holds a header of any length in memory, reads it by expressions that
can take for ever, and follows a negative length backwards. Here a name is only ever compared with those looked for.
The format is POSIX.1-2017's "pax Interchange Format", with the ustar and GNU ways to write what it replaced.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Container, Iterator

PACKED = 8 * 1024 * 1024  # bytes of an archive as it is stored
_UNPACKED = 64 * 1024 * 1024  # bytes that are looked through
_ENTRIES = 10_000
_LARGEST = 1024 * 1024  # bytes of one file that is taken out
_HEADERS = 2 * 1024 * 1024  # bytes of long names and pax records, all together
_BLOCK = 512
_CHUNK = 64 * 1024

_RECORD = re.compile(rb"([0-9]{1,10}) ")  # the length of a pax record, this number included
_FILES = {b"0", b"\x00", b"7"}
_BODILESS = {b"1", b"2", b"3", b"4", b"5", b"6"}  # links, devices, directories: whatever size they claim
_ABOUT_THE_NEXT = {b"L", b"x"}
_MORE_ABOUT_THE_NEXT = {b"K", b"g"}  # what a link points to, and records for all of the archive: of no use here


class ArchiveRefused(Exception):
    """The archive is none, is broken, or goes beyond a bound. Its words are for whoever asked."""


def files(payload: bytes, names: Container[str], *, below: int = 0) -> Iterator[tuple[str, bytes]]:
    """The plain files whose path (in lower case, without its first `below` folders) is one of `names`, as they come, of
    a gzipped archive or a bare one. Raises ArchiveRefused."""
    source = _Source(payload)
    try:
        for path, size in _members(source):
            parts = path.removeprefix("./").lower().split("/", below)
            name = parts[-1]
            if len(parts) > below and name in names:
                yield name, source.take(size, name)
            else:
                source.skip(size)
    except (OSError, EOFError, zlib.error) as error:  # what gzip says of broken data
        raise ArchiveRefused("the archive's compression is broken") from error


class _Source:
    """The unpacked bytes of an archive, of which no more than _UNPACKED are looked at."""

    def __init__(self, payload: bytes) -> None:
        raw = io.BytesIO(payload)
        self._stream = gzip.GzipFile(fileobj=raw) if payload[:2] == b"\x1f\x8b" else raw
        self._left = _UNPACKED
        self._headers_left = _HEADERS

    def block(self) -> bytes:
        return self._read(_BLOCK)

    def header(self, size: int) -> bytes:
        """What describes the next entry, `size` bytes of it."""
        if size > self._headers_left:
            raise ArchiveRefused(f"the archive's headers are longer than {_HEADERS} bytes")
        self._headers_left -= size
        return self._read(_padded(size))[:size]

    def take(self, size: int, name: str) -> bytes:
        """A file's content."""
        if size > _LARGEST:
            raise ArchiveRefused(f"{name} is {size} bytes, more than {_LARGEST}")
        return self._read(_padded(size))[:size]

    def skip(self, size: int) -> None:
        left = _padded(size)
        self._check_room(left)
        while left:
            left -= len(self._read(min(left, _CHUNK)))

    def _check_room(self, count: int) -> None:
        if count > self._left:
            raise ArchiveRefused(f"the archive is larger than {_UNPACKED} bytes when unpacked")

    def _read(self, count: int) -> bytes:
        self._check_room(count)
        self._left -= count
        found = self._stream.read(count)
        if len(found) < count:
            raise ArchiveRefused("the archive ends too early")
        return found


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _members(source: _Source) -> Iterator[tuple[str, int]]:
    """Path and size of each plain file. Who iterates moves `source` past its content before going on."""
    named: dict[str, str] = {}
    for _ in range(_ENTRIES):
        block = source.block()
        if not any(block):
            return
        _check(block)
        kind, size = block[156:157], _number(block[124:136])
        if kind in _ABOUT_THE_NEXT:
            named |= _about_the_next(kind, source.header(size))
            continue
        if "size" in named:
            size = _decimal(named["size"])
        if kind in _FILES:
            yield named.get("path") or _path(block), size
        elif kind == b"S":
            raise ArchiveRefused("the archive has a sparse file")
        else:
            source.skip(0 if kind in _BODILESS else size)
        if kind not in _MORE_ABOUT_THE_NEXT:
            named = {}
    raise ArchiveRefused(f"the archive has more than {_ENTRIES} entries")


def _check(block: bytes) -> None:
    """A header's checksum is the sum of its bytes, its own eight taken for spaces."""
    if _number(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * 0x20:
        raise ArchiveRefused("this is no tar archive")


def _number(field: bytes) -> int:
    """A number in octal digits, or where those don't suffice in binary (GNU)."""
    if field[0] == 0x80:  # noqa: PLR2004  a positive binary number's first byte
        return int.from_bytes(field[1:])
    text = field.strip(b" \x00")
    if text.translate(None, b"01234567"):
        raise ArchiveRefused("this is no tar archive")
    return int(text or b"0", 8)


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004  digits of a 64-bit number
        raise ArchiveRefused("a pax record of the archive is broken")
    return int(text)


def _path(block: bytes) -> str:
    name, prefix = (_text(block[start:end]) for start, end in ((0, 100), (345, 500)))
    return f"{prefix}/{name}" if prefix and block[257:262] == b"ustar" else name


def _text(field: bytes) -> str:
    return field.partition(b"\x00")[0].decode(errors="replace")


def _about_the_next(kind: bytes, header: bytes) -> dict[str, str]:
    """`path` and `size` of the next entry, as far as a long name or pax records tell them."""
    if kind == b"L":
        return {"path": _text(header)}
    found, place = {}, 0
    while place < len(header):
        length = _RECORD.match(header, place)
        end = place + int(length[1]) if length else 0
        if length is None or not length.end() < end <= len(header):
            raise ArchiveRefused("a pax record of the archive is broken")
        key, _, value = header[length.end() : end - 1].partition(b"=")
        if key in {b"path", b"size"}:
            found[key.decode()] = value.decode(errors="replace")
        place = end
    return found
