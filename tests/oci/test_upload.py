"""Blobs go up, and go on where they broke off: on every registry there is."""

import pytest

from oci.client import BlobInfo, RegistryClient
from oci.digest import Digest
from oci.errors import BlobUploadInvalid, Denied, DigestInvalid, ManifestTooLarge, SizeInvalid, Unavailable
from oci.listener import Reply
from oci.registry import LineCut
from oci.upload import Upload

CONTENT = bytes(range(256)) * 4096 + b"and a bit"  # 1 MiB
DIGEST = Digest.of(CONTENT)


class Source:
    """The content, as a source that counts what is taken and can be told to fail."""

    def __init__(self, content=CONTENT, piece=100_000):
        self.content, self.piece = content, piece
        self.opened, self.given = [], 0
        self.failure, self.fails_at = None, None

    def __call__(self, offset):
        self.opened.append(offset)
        while offset < len(self.content):
            if self.failure is not None and offset >= self.fails_at:
                failure, self.failure = self.failure, None
                raise failure
            portion = self.content[offset : offset + self.piece]
            self.given += len(portion)
            offset += len(portion)
            yield portion


@pytest.mark.parametrize("chunk", [None, 1, 300_000, 10**9])
@pytest.mark.parametrize("content", [b"", b"x", CONTENT], ids=len)
def test_a_blob_goes_up_whole(client, repository, chunk, content):
    if chunk == 1:
        content = content[:3]
    source, points = Source(content), list[Upload]()
    digest = client.upload_blob(
        repository, Digest.of(content), len(content), source, chunk=chunk, progress=points.append
    )
    assert digest == Digest.of(content)
    assert client.head_blob(repository, digest) == BlobInfo(digest, len(content))
    assert source.given == len(content)
    assert [point.offset for point in points] == sorted(point.offset for point in points)


def test_what_the_source_raises_goes_through_and_leaves_the_upload_to_be_taken_up(client, repository):
    """A registry that can't take it up, as Distribution can't within a stream, gets it from the beginning on."""
    for failure in (
        KeyError("stop"),
        TimeoutError("of the source"),
        ConnectionResetError("of the source"),
        DigestInvalid("x"),
    ):
        source, points = Source(), list[Upload]()
        source.failure, source.fails_at = failure, 700_000
        with pytest.raises(type(failure)) as raised:
            client.upload_blob(repository, DIGEST, len(CONTENT), source, chunk=300_000, progress=points.append)
        assert raised.value is failure
        assert points[-1].offset == 600_000
        again = Source()
        assert client.upload_blob(repository, DIGEST, len(CONTENT), again, chunk=300_000, at=points[-1]) == DIGEST
        taken_up_at = again.opened[-1]  # some of the chunk that broke off may have been kept
        assert taken_up_at == 0 or 600_000 <= taken_up_at <= source.given
        client.delete_blob(repository, DIGEST)


def test_an_upload_is_taken_up_where_the_registry_has_it(client, repository):
    location = client.patch_upload(client.start_upload(repository), CONTENT[:500_000])
    source = Source()
    assert client.upload_blob(repository, DIGEST, len(CONTENT), source, at=Upload(location, 123)) == DIGEST
    assert source.opened == [500_000]


def test_an_upload_that_is_gone_begins_again(client, repository):
    location = client.start_upload(repository)
    client.cancel_upload(location)
    source, points = Source(), list[Upload]()
    client.upload_blob(repository, DIGEST, len(CONTENT), source, at=Upload(location, 500_000), progress=points.append)
    assert source.opened == [0]
    assert points[0].offset == 0


@pytest.mark.parametrize("chunk", [None, 300_000])
def test_content_that_is_another_is_refused(client, repository, chunk):
    wrong = CONTENT[:-1] + b"!"
    with pytest.raises(DigestInvalid):
        client.upload_blob(repository, DIGEST, len(CONTENT), Source(wrong), chunk=chunk)
    assert client.head_blob(repository, DIGEST) is None


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x"], ids=["short", "long"])
@pytest.mark.parametrize("chunk", [None, 300_000])
def test_content_of_another_length_is_refused(client, repository, chunk, content):
    if chunk is None or len(content) < len(CONTENT):
        with pytest.raises(SizeInvalid):
            client.upload_blob(repository, DIGEST, len(CONTENT), Source(content), chunk=chunk)
        assert client.head_blob(repository, DIGEST) is None


# When the line breaks


@pytest.fixture
def patient(memory, monkeypatch):
    monkeypatch.setattr("oci.upload.back_off", lambda _: 0.001)
    return RegistryClient(memory.url, tries=3)


def sent(memory):
    return [call for call in memory.calls if call[0] in {"PUT", "PATCH"}]


@pytest.mark.parametrize("chunk", [None, 300_000])
def test_it_goes_on_from_what_the_registry_has(memory, patient, chunk):
    """As Roadstead and Harbor's newer registries do: nothing that arrived is sent again."""
    memory.forgiving = True
    memory.upload_cuts = [250_000]
    source, points = Source(), list[Upload]()
    patient.upload_blob("p/r", DIGEST, len(CONTENT), source, chunk=chunk, progress=points.append)
    assert source.opened == [0, 250_000]
    assert memory.content[DIGEST] == CONTENT
    assert 250_000 in [point.offset for point in points]


@pytest.mark.parametrize("chunk", [None, 300_000])
def test_it_begins_again_where_the_registry_takes_nothing_up(memory, patient, chunk):
    """As Distribution does: a broken connection makes the upload's state outdated."""
    memory.upload_cuts = [250_000]
    source = Source()
    patient.upload_blob("p/r", DIGEST, len(CONTENT), source, chunk=chunk)
    assert source.opened == [0, 0]
    assert memory.content[DIGEST] == CONTENT


def test_a_line_that_breaks_each_time_ends_the_upload(memory, patient):
    memory.upload_cuts = [1000] * 100
    with pytest.raises(Unavailable, match="broke the connection"):
        patient.upload_blob("p/r", DIGEST, len(CONTENT), Source())
    assert len(sent(memory)) == 3


def test_an_upload_that_gets_on_has_all_its_tries_again(memory, patient):
    memory.forgiving = True
    memory.upload_cuts = [100_000] * 8
    source = Source()
    patient.upload_blob("p/r", DIGEST, len(CONTENT), source)
    assert source.opened == [number * 100_000 for number in range(9)]
    assert memory.content[DIGEST] == CONTENT


def test_a_blob_whose_end_was_stored_but_not_confirmed_is_not_sent_again(memory, patient):
    memory.forgiving = True
    source = Source()
    whole = memory._store

    def lose_the_answer(name, digest, payload):
        memory._store = whole
        whole(name, digest, payload)
        memory.uploads.clear()
        raise LineCut

    memory._store = lose_the_answer
    assert patient.upload_blob("p/r", DIGEST, len(CONTENT), source) == DIGEST
    assert source.opened == [0]


def test_a_registry_says_how_long_chunks_are_at_least(memory, memory_client):
    begun = Reply(202, {"Location": memory_client.start_upload("p/r"), "OCI-Chunk-Min-Length": "400000"})
    memory.faults = [begun]
    points = list[Upload]()
    memory_client.upload_blob("p/r", DIGEST, len(CONTENT), Source(), chunk=1000, progress=points.append)
    assert [point.offset for point in points] == [0, 400_000, 800_000, len(CONTENT)]


def test_a_refusal_is_not_repeated(memory, patient):
    for status, kind in ((403, Denied), (413, ManifestTooLarge), (400, BlobUploadInvalid)):
        location = patient.start_upload("p/r")
        memory.faults = [Reply(202, {"Location": location}), *([Reply(status)] * (1 if status != 400 else 10))]
        with pytest.raises(kind):
            patient.upload_blob("p/r", DIGEST, len(CONTENT), Source())
        memory.faults = []


@pytest.mark.parametrize("status", [400, 403, 404, 405, 500])
def test_a_registry_that_tells_of_no_upload_gets_the_blob_from_the_beginning_on(memory, patient, status):
    memory.forgiving = True
    memory.upload_cuts = [250_000]
    memory.guard = lambda call: Reply(status) if call.method == "GET" and "/uploads/" in call.path else None
    source = Source()
    assert patient.upload_blob("p/r", DIGEST, len(CONTENT), source) == DIGEST
    assert source.opened == [0, 0]
