"""Blobs: every way up, every way wrong, and down again whole or in part."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from tests.flows.conformance import pushes
from tests.flows.conformance.suite import Target, check
from tests.flows.content import OCTETS, Content
from tests.flows.wire import Answer, Refused, Wire, digest_of

ALGORITHMS = ["sha256", "sha512"]
Push = Callable[[Wire, str, str, bytes], Answer]


@dataclass(frozen=True)
class Way:
    """One way to push under one digest algorithm; small parts make what is sent span several chunks."""

    name: str
    push: Push
    algorithm: str
    size: int = 3 * pushes.CHUNK - 5


def _chunks_and_put(wire: Wire, repository: str, digest: str, payload: bytes) -> Answer:
    return pushes.in_chunks(wire, repository, digest, payload, close_with_chunk=True)


def _one_chunk(wire: Wire, repository: str, digest: str, payload: bytes) -> Answer:
    return pushes.in_chunks(wire, repository, digest, payload, size=len(payload) + 1)


def _patch_and_put_rest(wire: Wire, repository: str, digest: str, payload: bytes) -> Answer:
    """A PATCH without a range, and a PUT that brings the rest, also without one."""
    location, half = pushes.start(wire, repository), len(payload) // 2
    answer = wire.request("PATCH", location, headers={"Content-Type": OCTETS}, body=payload[:half]).expect(202)
    return pushes.put(wire, answer.location, digest, payload[half:])


PUSHES: dict[str, Push] = {
    "POST alone": pushes.in_one,
    "POST and PUT": pushes.in_two,
    "one chunk": _one_chunk,
    "chunks": pushes.in_chunks,
    "chunks, the last by PUT": _chunks_and_put,
    "stream": pushes.in_a_stream,
    "half by PATCH, half by PUT": _patch_and_put_rest,
}
WAYS = [Way(f"{algorithm}, {name}", push, algorithm) for algorithm in ALGORITHMS for name, push in PUSHES.items()]


@check("blob-push", way=WAYS)
def push(target: Target, way: Way) -> None:
    repository, payload = target.fresh("blob"), os.urandom(way.size)
    digest = digest_of(payload, way.algorithm)
    pushes.stored(target.wire, way.push(target.wire, repository, digest, payload), digest, payload)


@check("blob-head", way=WAYS)
def head(target: Target, way: Way) -> None:
    repository, digest, payload = _pushed(target, way)
    answer = target.wire.request("HEAD", pushes.blob_path(repository, digest)).expect(200).expect_body(b"")
    answer.expect_header("Content-Length", str(len(payload))).expect_header("Docker-Content-Digest", digest)


@check("blob-get", way=WAYS)
def get(target: Target, way: Way) -> None:
    repository, digest, payload = _pushed(target, way)
    answer = target.wire.fetch(pushes.blob_path(repository, digest)).expect(200).expect_body(payload)
    answer.expect_header("Content-Length", str(len(payload)))


@check("blob-get-digest-header", algorithm=ALGORITHMS)
def get_header(target: Target, algorithm: str) -> None:
    repository, digest, _ = _random(target, algorithm)
    answer = target.wire.request("GET", pushes.blob_path(repository, digest))
    answer.expect(200).expect_header("Docker-Content-Digest", digest)


@check("blob-delete", way=WAYS)
def delete(target: Target, way: Way) -> None:
    repository, digest, _ = _pushed(target, way)
    target.wire.request("DELETE", pushes.blob_path(repository, digest)).expect(202)
    pushes.absent(target.wire, repository, digest)
    target.wire.request("GET", pushes.blob_path(repository, digest)).expect_error(404, "BLOB_UNKNOWN")
    target.wire.request("DELETE", pushes.blob_path(repository, digest)).expect_error(404, "BLOB_UNKNOWN")


@check("blob-bad-digest", way=WAYS)
def bad_digest(target: Target, way: Way) -> None:
    repository, payload = target.fresh("bad"), os.urandom(way.size)
    digest, spoilt = digest_of(payload, way.algorithm), payload[:-1] + bytes([payload[-1] ^ 1])
    way.push(target.wire, repository, digest, spoilt).expect_error(400, "DIGEST_INVALID")
    pushes.absent(target.wire, repository, digest)
    pushes.absent(target.wire, repository, digest_of(spoilt, way.algorithm))
    way.push(target.wire, repository, digest, payload).expect(201)


@check("blob-digest-that-is-none", digest=["", "sha256:", "sha256:zz", "md5:" + "0" * 32, "sha256:" + "A" * 64])
def no_digest(target: Target, digest: str) -> None:
    repository = target.fresh("none")
    answer = pushes.put(target.wire, pushes.start(target.wire, repository), digest, b"payload")
    answer.expect_error(400, "DIGEST_INVALID", "UNSUPPORTED", "BLOB_UPLOAD_INVALID")


@check("blob-known-bytes: empty", algorithm=ALGORITHMS)
def empty(target: Target, algorithm: str) -> None:
    _known(target, b"", algorithm)


@check("blob-known-bytes: {}", algorithm=ALGORITHMS)
def braces(target: Target, algorithm: str) -> None:
    _known(target, b"{}", algorithm)


def _known(target: Target, payload: bytes, algorithm: str) -> None:
    for push_it in (pushes.in_one, pushes.in_two):
        repository, digest = target.fresh("known"), digest_of(payload, algorithm)
        pushes.stored(target.wire, push_it(target.wire, repository, digest, payload), digest, payload)
        answer = target.wire.request("HEAD", pushes.blob_path(repository, digest)).expect(200)
        answer.expect_header("Content-Length", str(len(payload)))
        target.wire.request("DELETE", pushes.blob_path(repository, digest)).expect(202)
        pushes.absent(target.wire, repository, digest)


@check("blob-known-bytes: eight mebibytes", algorithm=ALGORITHMS)
def large(target: Target, algorithm: str) -> None:
    repository, payload = target.fresh("large"), os.urandom(1 << 20) * 8
    digest = digest_of(payload, algorithm)
    pushes.stored(target.wire, pushes.in_two(target.wire, repository, digest, payload), digest, payload)


@check("blob-push-again")
def again(target: Target) -> None:
    repository, digest, payload = _random(target, "sha256")
    pushes.stored(target.wire, pushes.in_two(target.wire, repository, digest, payload), digest, payload)
    pushes.stored(target.wire, pushes.in_one(target.wire, repository, digest, payload), digest, payload)


@dataclass(frozen=True)
class Disorder:
    name: str
    algorithm: str
    close_with_chunk: bool


DISORDERS = [
    Disorder(f"{algorithm}{', the last by PUT' if closing else ''}", algorithm, closing)
    for algorithm in ALGORITHMS
    for closing in (False, True)
]


@check("chunk-out-of-order", disorder=DISORDERS)
def out_of_order(target: Target, disorder: Disorder) -> None:
    """Before every right chunk a wrong one (ahead, or a replay): 416, then the status tells where to go on."""
    repository, payload = target.fresh("disorder"), os.urandom(3 * pushes.CHUNK - 5)
    digest, size = digest_of(payload, disorder.algorithm), pushes.CHUNK
    location, sent = pushes.start(target.wire, repository), 0
    while sent < len(payload):
        wrong = sent + size if sent + size < len(payload) else 0
        pushes.patch(target.wire, location, payload[wrong : wrong + size], wrong).expect(416)
        location = _status(target, location, sent)
        chunk, last = payload[sent : sent + size], sent + size >= len(payload)
        if last and disorder.close_with_chunk:
            headers = {"Content-Range": f"{sent}-{len(payload) - 1}"}
            answer = pushes.put(target.wire, location, digest, chunk, headers)
            return pushes.stored(target.wire, answer, digest, payload)
        location = pushes.patch(target.wire, location, chunk, sent).expect(202).location
        sent += len(chunk)
    return pushes.stored(target.wire, pushes.put(target.wire, location, digest), digest, payload)


@check("chunk-out-of-order-by-put", algorithm=ALGORITHMS)
def out_of_order_put(target: Target, algorithm: str) -> None:
    repository, payload = target.fresh("disorder"), os.urandom(2000)
    digest = digest_of(payload, algorithm)
    location = pushes.patch(target.wire, pushes.start(target.wire, repository), payload[:1000], 0).expect(202).location
    pushes.put(target.wire, location, digest, payload[1500:], {"Content-Range": "1500-1999"}).expect(416)
    pushes.absent(target.wire, repository, digest)
    location = _status(target, location, 1000)
    answer = pushes.put(target.wire, location, digest, payload[1000:], {"Content-Range": "1000-1999"})
    pushes.stored(target.wire, answer, digest, payload)


def _status(target: Target, location: str, sent: int) -> str:
    """The upload's status as a client that lost its place would ask for it."""
    answer = target.wire.request("GET", location).expect(204)
    expected = f"0-{sent - 1}" if sent else "0-0"
    return answer.expect_header("Range", expected).location


@check("upload-status")
def status(target: Target) -> None:
    location = pushes.start(target.wire, target.fresh("status"))
    answer = pushes.patch(target.wire, location, os.urandom(700), 0).expect(202).expect_header("Range", "0-699")
    location = _status(target, answer.location, 700)
    answer = pushes.patch(target.wire, location, os.urandom(300), 700).expect(202)
    answer.expect_header("Range", "0-999")


@check("upload-wrong-length")
def wrong_length(target: Target) -> None:
    """A range that promises another length than the body has: refused, or told truly what has arrived."""
    location = pushes.start(target.wire, target.fresh("length"))
    headers = {"Content-Type": OCTETS, "Content-Range": "0-99", "Content-Length": "10"}
    answer = target.wire.request("PATCH", location, headers=headers, body=b"x" * 10).expect(202, 400, 416)
    if answer.status == 202:
        answer.expect_header("Range", "0-9")


@check("upload-malformed-range", value=["bananas", "5-2", "-5", "0-", "bytes"])
def malformed_range(target: Target, value: str) -> None:
    location = pushes.start(target.wire, target.fresh("range"))
    headers = {"Content-Type": OCTETS, "Content-Range": value}
    target.wire.request("PATCH", location, headers=headers, body=b"x" * 10).expect(400, 416)


@check("upload-cancel")
def cancel(target: Target) -> None:
    repository, payload = target.fresh("cancel"), os.urandom(500)
    location = pushes.start(target.wire, repository)
    location = pushes.patch(target.wire, location, payload, 0).expect(202).location
    target.wire.request("DELETE", location, headers={"Content-Length": "0"}).expect(204)
    target.wire.request("GET", location).expect_error(404, "BLOB_UPLOAD_UNKNOWN")
    pushes.put(target.wire, location, digest_of(payload)).expect_error(404, "BLOB_UPLOAD_UNKNOWN")
    pushes.absent(target.wire, repository, digest_of(payload))


@check("mount-from", algorithm=ALGORITHMS)
def mount(target: Target, algorithm: str) -> None:
    source, digest, payload = _random(target, algorithm)
    _mounted(target, {"mount": digest, "from": source}, payload)


@check("mount-without-from", algorithm=ALGORITHMS)
def mount_from_anywhere(target: Target, algorithm: str) -> None:
    _, digest, payload = _random(target, algorithm)
    _mounted(target, {"mount": digest}, payload)


def _mounted(target: Target, query: dict[str, str], payload: bytes) -> None:
    repository, digest = target.fresh("mount"), query["mount"]
    answer = target.wire.request("POST", pushes.uploads(repository), query=query, headers={"Content-Length": "0"})
    pushes.stored(target.wire, answer, digest, payload)
    target.wire.request("HEAD", pushes.blob_path(repository, digest)).expect(200)
    target.wire.request("DELETE", pushes.blob_path(repository, digest)).expect(202)
    pushes.absent(target.wire, repository, digest)


@check("mount-of-nothing", algorithm=ALGORITHMS)
def mount_missing(target: Target, algorithm: str) -> None:
    """Not there to be mounted: 202, and the upload that begins takes the blob."""
    payload = os.urandom(512)
    digest = digest_of(payload, algorithm)
    for query in ({"mount": digest, "from": target.fresh("source")}, {"mount": digest}):
        repository = target.fresh("mount")
        answer = target.wire.request("POST", pushes.uploads(repository), query=query, headers={"Content-Length": "0"})
        answer = pushes.put(target.wire, answer.expect(202).location, digest, payload)
        pushes.stored(target.wire, answer, digest, payload)
        target.wire.request("DELETE", pushes.blob_path(repository, digest)).expect(202)


@dataclass(frozen=True)
class Part:
    name: str
    expected: tuple[int, int] | None


PARTS = [
    Part("bytes=500-1499", (500, 1499)),
    Part("bytes=500-", (500, 2047)),
    Part("bytes=-500", (1548, 2047)),
    Part("bytes=0-0", (0, 0)),
    Part("bytes=2000-5000", (2000, 2047)),
    Part("bytes=-5000", (0, 2047)),
    Part("bytes=500-0", None),
    Part("bytes=5000-10000", None),
    Part("bytes=2048-", None),
]


@check("blob-range", part=PARTS)
def ranges(target: Target, part: Part) -> None:
    _range(target, part, "sha256")


@check("blob-range sha512", part=PARTS)
def ranges_sha512(target: Target, part: Part) -> None:
    _range(target, part, "sha512")


def _range(target: Target, part: Part, algorithm: str) -> None:
    way = Way("ranges", pushes.in_two, algorithm, 2048)
    repository, digest, payload = _pushed(target, way, f"ranges-{algorithm}")
    answer = target.wire.fetch(pushes.blob_path(repository, digest), headers={"Range": part.name})
    if part.expected is None:
        answer.expect(416)
        return
    first, last = part.expected
    answer.expect(206).expect_body(payload[first : last + 1])
    answer.expect_header("Content-Length", str(last - first + 1))
    answer.expect_header("Content-Range", f"bytes {first}-{last}/{len(payload)}")


@check("blob-of-another-repository")
def elsewhere(target: Target) -> None:
    """A digest is no key: a repository that doesn't hold the blob doesn't give it."""
    _, digest, _ = _random(target, "sha256")
    other, _, _ = _random(target, "sha256")
    answer = target.wire.request("GET", pushes.blob_path(other, digest)).expect_error(404, "BLOB_UNKNOWN")
    if target.wire.request("GET", pushes.blob_path(other, digest_of(os.urandom(9)))).status != answer.status:
        raise Refused("the answers to a blob held elsewhere and to one that isn't there differ")


def _pushed(target: Target, way: Way, share: str = "") -> tuple[str, str, bytes]:
    """A blob pushed that way: shared by all checks that give the same name to share."""
    content = Content(way.algorithm)
    if share:
        repository, content = target.pushed(share, lambda: _one_blob(way))
    else:
        repository = target.fresh("blob")
        content = _one_blob(way)
    digest, payload = next(iter(content.blobs.items()))
    if not share:
        way.push(target.wire, repository, digest, payload).expect(201)
    return repository, digest, payload


def _one_blob(way: Way) -> Content:
    content = Content(way.algorithm)
    content.add_blob(os.urandom(way.size))
    return content


def _random(target: Target, algorithm: str) -> tuple[str, str, bytes]:
    return _pushed(target, Way("random", pushes.in_two, algorithm, 600))
