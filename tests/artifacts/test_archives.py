"""Archives that strangers made: what is found in them, and what is refused."""

import gzip
import io
import os
import tarfile
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts import archives
from artifacts.archives import ArchiveRefused, files


def pack(members: dict[str, bytes], form: int = tarfile.USTAR_FORMAT, *, compressed: bool = True) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0) if compressed else buffer.getvalue()


def header(name: bytes, size: int, kind: bytes = b"0", *, field: bytes | None = None) -> bytes:
    """One header block by hand."""
    block = bytearray(512)
    block[: len(name)] = name
    block[124:136] = field or b"%011o\x00" % size
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\x00 " % sum(block)
    return bytes(block)


def body(content: bytes) -> bytes:
    return content + b"\x00" * (-len(content) % 512)


def found(payload: bytes, *names: str, below: int = 1) -> list[tuple[str, bytes]]:
    return list(files(payload, set(names), below=below))


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("compressed", [True, False])
def test_files_are_found_below_the_first_folder(form, compressed):
    deep = "/".join(["folder" * 4] * 6)  # more than a name's 100 bytes
    members = {
        "app/README.md": b"words",
        "app/charts/sub/README.md": b"not this",
        f"app/{deep}/x": os.urandom(1500),
        "README.md": b"nor this",
        "app/values.yaml": b"a: 1",
    }
    payload = pack(members, form, compressed=compressed)
    assert found(payload, "readme.md", "values.yaml") == [("readme.md", b"words"), ("values.yaml", b"a: 1")]
    assert found(payload, f"{deep}/x") == [(f"{deep}/x", members[f"app/{deep}/x"])]
    assert found(payload, "readme.md", below=0) == [("readme.md", b"nor this")]


def test_a_name_that_ascii_can_not_write_is_read():
    assert found(pack({"app/läs.md": b"x"}, tarfile.PAX_FORMAT), "läs.md") == [("läs.md", b"x")]


def test_what_is_no_plain_file_is_passed_over():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            entry = tarfile.TarInfo("app/values.yaml")
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        entry = tarfile.TarInfo("app/values.yaml")
        entry.size = 2
        archive.addfile(entry, io.BytesIO(b"ok"))
    assert found(buffer.getvalue(), "values.yaml") == [("values.yaml", b"ok")]


@pytest.mark.parametrize(
    "name", ["../values.yaml", "/values.yaml", "app/../values.yaml", "app//values.yaml", "values.yaml"]
)
def test_a_path_that_leads_elsewhere_is_just_a_name(name):
    expected = {"../values.yaml": [("values.yaml", b"x")], "/values.yaml": [("values.yaml", b"x")]}
    assert found(pack({name: b"x"}), "values.yaml") == expected.get(name, [])


def test_a_link_that_claims_a_size_has_no_content():
    payload = header(b"app/x", 4096, b"2") + header(b"app/values.yaml", 1) + body(b"y") + bytes(1024)
    assert found(payload, "values.yaml") == [("values.yaml", b"y")]


def test_a_bomb_is_refused_before_it_is_unpacked():
    bomb = gzip.compress(header(b"app/zeros", 2**33) + bytes(200 * 1024 * 1024), 9)
    assert len(bomb) < archives.PACKED
    began = time.process_time()
    with pytest.raises(ArchiveRefused, match="larger than 67108864 bytes when unpacked"):
        found(bomb, "values.yaml")
    assert time.process_time() - began < 5
    many = gzip.compress(b"".join(header(b"app/z%d" % number, 2**20) + bytes(2**20) for number in range(80)))
    with pytest.raises(ArchiveRefused, match="larger than"):
        found(many, "values.yaml")


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "ends too early"),
        (b"x" * 2000, "no tar archive"),
        (gzip.compress(b"x" * 2000, mtime=0), "no tar archive"),
        (b"\x1f\x8b\x08\x00 broken", "compression is broken"),
        (pack({"app/values.yaml": b"x" * 3000})[:-40], "broken|too early"),
        (header(b"app/values.yaml", 4000) + b"short", "ends too early"),
        (header(b"app/values.yaml", 2**21) + bytes(2**21), "more than 1048576"),
        (header(b"app/x", 0, field=b"-0000000001\x00"), "no tar archive"),
        (header(b"app/x", 0, field=b"\xff" * 12), "no tar archive"),
        (header(b"app/x", 0, field=b"0000000009\x00\x00"), "no tar archive"),
        (header(b"app/x", 0, field=b"\x80" + b"\xff" * 11), "larger than"),
        (header(b"app/x", 0, b"S"), "sparse"),
        (header(b"x", 2**22, b"x") + bytes(2**22), "headers are longer"),
        (header(b"x", 5, b"x") + body(b"12345"), "pax record"),
        (header(b"x", 9, b"x") + body(b"99 path=a"), "pax record"),
        (header(b"x", 9, b"x") + body(b"00000000 "), "pax record"),
        (header(b"x", 10, b"x") + body(b"10 size=-1") + header(b"app/x", 0), "pax record"),
        (header(b"app/x", 0) * 10_001, "more than 10000 entries"),
        (header(b"x", 0, b"x") * 10_001, "more than 10000 entries"),
    ],
)  # fmt: skip
def test_what_is_broken_or_beyond_a_bound_is_refused(payload, words):
    with pytest.raises(ArchiveRefused, match=words):
        found(payload, "values.yaml")


def test_long_headers_cost_no_more_than_their_length():
    record = b"%d path=a\n" % 9
    text = record * 100_000
    block = header(b"x", len(text), b"x") + body(text)
    began = time.process_time()
    with suppress(ArchiveRefused):
        found(block * 10, "values.yaml")
    assert time.process_time() - began < 5


@given(st.binary(max_size=3000))
def test_whatever_comes_is_read_or_refused(payload):
    for each in (payload, gzip.compress(payload)):
        with suppress(ArchiveRefused):
            found(each, "values.yaml")


@given(st.data())
def test_an_archive_with_bytes_changed_is_read_or_refused(data):
    payload = bytearray(pack({"app/values.yaml": b"x" * 600, "app/y": b"y"}, tarfile.PAX_FORMAT, compressed=False))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ArchiveRefused):
        found(bytes(payload), "values.yaml")
