"""The ways to push, as the specification names them; each verifies what a client could verify."""

from collections.abc import Iterator

from tests.flows.content import ACCEPT, OCTETS, Content, PushedManifest
from tests.flows.wire import Answer, Wire

CHUNK = 1024


def uploads(repository: str) -> str:
    return f"/v2/{repository}/blobs/uploads/"


def blob_path(repository: str, digest: str) -> str:
    return f"/v2/{repository}/blobs/{digest}"


def manifest_path(repository: str, reference: str) -> str:
    return f"/v2/{repository}/manifests/{reference}"


def start(wire: Wire, repository: str) -> str:
    answer = wire.request("POST", uploads(repository), headers={"Content-Length": "0"}).expect(202)
    return answer.location


def put(wire: Wire, location: str, digest: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    """The closing PUT; the digest joins the location's own query, whatever it holds."""
    sent = {"Content-Type": OCTETS, "Content-Length": str(len(body))} | (headers or {})
    return wire.request("PUT", location, query={"digest": digest}, headers=sent, body=body)


def patch(wire: Wire, location: str, chunk: bytes, first: int) -> Answer:
    sent = {
        "Content-Type": OCTETS,
        "Content-Length": str(len(chunk)),
        "Content-Range": f"{first}-{first + len(chunk) - 1}",
    }
    return wire.request("PATCH", location, headers=sent, body=chunk)


def in_one(wire: Wire, repository: str, digest: str, payload: bytes) -> Answer:
    """POST that carries the blob and its digest."""
    sent = {"Content-Type": OCTETS, "Content-Length": str(len(payload))}
    return wire.request("POST", uploads(repository), query={"digest": digest}, headers=sent, body=payload)


def in_two(wire: Wire, repository: str, digest: str, payload: bytes) -> Answer:
    return put(wire, start(wire, repository), digest, payload)


def in_chunks(
    wire: Wire, repository: str, digest: str, payload: bytes, *, size: int = CHUNK, close_with_chunk: bool = False
) -> Answer:
    """PATCH after PATCH; with `close_with_chunk` the closing PUT carries the last one."""
    location, sent = start(wire, repository), 0
    while len(payload) - sent > (size if close_with_chunk else 0):
        chunk = payload[sent : sent + size]
        location = patch(wire, location, chunk, sent).expect(202).location
        sent += len(chunk)
    rest = payload[sent:]
    headers = {"Content-Range": f"{sent}-{len(payload) - 1}"} if rest else None
    return put(wire, location, digest, rest, headers)


def in_a_stream(wire: Wire, repository: str, digest: str, payload: bytes) -> Answer:
    """One PATCH with neither length nor range, sent with chunked transfer coding."""

    def pieces() -> Iterator[bytes]:
        for place in range(0, len(payload), 300):
            yield payload[place : place + 300]

    # A generator can be sent once only; the POST has already fetched the token that lets the PATCH through.
    location = start(wire, repository)
    answer = wire.request("PATCH", location, headers={"Content-Type": OCTETS}, body=pieces()).expect(202)
    return put(wire, answer.location, digest)


def stored(wire: Wire, answer: Answer, digest: str, payload: bytes) -> None:
    """What must hold after 201: the digest as asked for, and a Location that gives the bytes back."""
    answer.expect(201)
    if answer.headers.get("Docker-Content-Digest"):
        answer.expect_header("Docker-Content-Digest", digest)
    wire.fetch(answer.location).expect(200).expect_body(payload)


def absent(wire: Wire, repository: str, digest: str) -> None:
    wire.request("HEAD", blob_path(repository, digest)).expect(404)


def put_manifest(
    wire: Wire, repository: str, reference: str, manifest: PushedManifest, tags: list[str] | None = None
) -> Answer:
    return wire.request(
        "PUT",
        manifest_path(repository, reference),
        query=[("tag", tag) for tag in tags or []],
        headers={"Content-Type": manifest.media_type, "Content-Length": str(len(manifest.payload))},
        body=manifest.payload,
    )


def get_manifest(wire: Wire, repository: str, reference: str, method: str = "GET") -> Answer:
    return wire.request(method, manifest_path(repository, reference), headers={"Accept": ACCEPT})


def push_blobs(wire: Wire, repository: str, content: Content) -> None:
    for digest, payload in content.blobs.items():
        in_two(wire, repository, digest, payload).expect(201)


def push_content(wire: Wire, repository: str, content: Content) -> None:
    """Blobs, manifests by digest in their order, then the tags."""
    push_blobs(wire, repository, content)
    for manifest in content.manifests:
        put_manifest(wire, repository, manifest.digest, manifest).expect(201)
    for tag, digest in content.tags.items():
        put_manifest(wire, repository, tag, content.manifest(digest)).expect(201)
