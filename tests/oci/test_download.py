"""Blobs come down: going on where they broke off, and never other content than was asked for."""

import pytest

from oci.bodies import PIECE
from oci.client import RegistryClient
from oci.digest import Digest
from oci.download import PROGRESS, Corrupt
from oci.errors import BlobUnknown, Unavailable
from oci.listener import Listener, Reply

CONTENT = bytes(range(256)) * (5 * PIECE // 256) + b"and a bit"
DIGEST = Digest.of(CONTENT)


@pytest.fixture
def patient(memory, monkeypatch):
    monkeypatch.setattr("oci.download.back_off", lambda _: 0.001)
    client = RegistryClient(memory.url, tries=3)
    client.upload_blob("p/r", DIGEST, len(CONTENT), lambda offset: iter([CONTENT[offset:]]))
    memory.calls.clear()
    return client


@pytest.mark.parametrize("redirect", [False, True])
@pytest.mark.parametrize("offset", [0, 1000])
def test_a_stream_goes_on_where_it_broke(memory, patient, offset, redirect):
    memory.cuts = [PIECE + 1, 10]
    assert b"".join(patient.get_blob("p/r", DIGEST, offset)) == CONTENT[offset:]
    assert len(memory.calls) == 3
    memory.redirect_blobs = redirect
    assert b"".join(patient.get_blob("p/r", DIGEST, offset)) == CONTENT[offset:]


def test_it_does_not_go_on_without_end(memory, patient):
    memory.cuts = [0] * 100
    with pytest.raises(Unavailable, match="in the middle of a blob"):
        list(patient.get_blob("p/r", DIGEST))
    assert len(memory.calls) == 3


def test_a_stream_that_gets_on_has_all_its_tries_again(memory, patient):
    memory.cuts = [0, PROGRESS, 0]
    assert b"".join(patient.get_blob("p/r", DIGEST)) == CONTENT
    assert len(memory.calls) == 4


def test_a_blob_that_vanishes_in_the_middle_is_unknown(memory, patient):
    memory.cuts = [PIECE]
    stream = patient.get_blob("p/r", DIGEST)
    memory.repositories["p/r"].blobs.clear()
    with pytest.raises(BlobUnknown):
        list(stream)


@pytest.mark.parametrize("wrong", [CONTENT[:-1] + b"!", CONTENT[:-1], CONTENT + b"x", b""], ids=len)
def test_content_that_is_another_is_an_error_at_the_end(memory, patient, wrong):
    memory.content[DIGEST] = wrong
    with pytest.raises(Corrupt):
        list(patient.get_blob("p/r", DIGEST))
    assert b"".join(patient.get_blob("p/r", DIGEST, verify=False)) == wrong


def test_a_registry_that_gives_another_part_is_not_believed():
    listener = Listener(lambda *_: Reply(206, {"Content-Range": "bytes 0-9/20"}, b"0123456789"))
    with pytest.raises(Unavailable, match="another part"):
        RegistryClient(f"http://127.0.0.1:{listener.port}").get_blob("p/r", DIGEST, 10)
    listener.stop()


def test_a_registry_that_knows_no_range_and_breaks_is_read_anew(memory, patient, monkeypatch):
    monkeypatch.setattr("oci.registry._ranged", lambda _, payload, headers: Reply(200, headers, payload))
    memory.cuts = [2 * PIECE, PIECE]
    assert b"".join(patient.get_blob("p/r", DIGEST)) == CONTENT
