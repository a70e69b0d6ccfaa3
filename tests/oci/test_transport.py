"""The client when a registry misbehaves: broken lines, odd answers, redirects, stalls."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from oci.addresses import Origin
from oci.bodies import PIECE
from oci.client import RegistryClient
from oci.digest import Digest
from oci.errors import BlobUnknown, RegistryError, Unavailable
from oci.listener import Listener, Reply
from oci.manifest import OCI_INDEX
from oci.registry import DROP
from oci.session import MAX_REDIRECTS
from oci.transport import MAX_ANSWER
from tests.ports import free_port

HELLO = b"hello, registry"
INDEX = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
LARGE = bytes(3 * PIECE)


def push(client, payload=HELLO):
    return client.commit_upload(client.start_upload("p/r"), Digest.of(payload), payload)


@pytest.fixture
def answering() -> Iterator[Callable[[Reply], RegistryClient]]:
    """Clients of registries that give one and the same answer to everything."""
    listeners = []

    def client_of(reply: Reply) -> RegistryClient:
        listener = Listener(lambda *_: reply)
        listeners.append(listener)
        return RegistryClient(f"http://127.0.0.1:{listener.port}")

    yield client_of
    for listener in listeners:
        listener.stop()


IDEMPOTENT = {
    "ping": lambda client: client.ping(),
    "head_blob": lambda client: client.head_blob("p/r", Digest.of(HELLO)),
    "get_blob": lambda client: b"".join(client.get_blob("p/r", Digest.of(HELLO))),
    "delete_blob": lambda client: client.delete_blob("p/r", Digest.of(HELLO)),
    "get_manifest": lambda client: client.get_manifest("p/r", "latest"),
    "put_manifest by digest": lambda client: client.put_manifest("p/r", Digest.of(INDEX), OCI_INDEX, INDEX),
    "tags": lambda client: list(client.tags("p/r")),
}
ONCE_ONLY = {
    "start_upload": lambda client: client.start_upload("p/r"),
    "patch_upload": lambda client: client.patch_upload("/v2/p/r/blobs/uploads/x", HELLO),
    "commit_upload": lambda client: client.commit_upload("/v2/p/r/blobs/uploads/x", Digest.of(HELLO), HELLO),
    "mount_blob": lambda client: client.mount_blob("p/r", Digest.of(HELLO), "p/s"),
    "put_manifest by tag": lambda client: client.put_manifest("p/r", "latest", OCI_INDEX, INDEX),
}


@pytest.mark.parametrize("call", IDEMPOTENT.values(), ids=IDEMPOTENT)
def test_what_may_be_said_twice_is_said_again_when_the_connection_breaks(memory, memory_client, call):
    push(memory_client)
    memory.calls.clear()
    memory.faults = [DROP]
    call(memory_client)
    assert len(memory.calls) == 2
    assert memory.calls[0] == memory.calls[1]


@pytest.mark.parametrize("call", IDEMPOTENT.values(), ids=IDEMPOTENT)
def test_it_is_not_said_a_third_time(memory, memory_client, call):
    push(memory_client)
    memory.calls.clear()
    memory.faults = [DROP, DROP]
    with pytest.raises(Unavailable):
        call(memory_client)
    assert len(memory.calls) == 2


@pytest.mark.parametrize("call", ONCE_ONLY.values(), ids=ONCE_ONLY)
def test_what_may_not_be_said_twice_is_not(memory, memory_client, call):
    memory.faults = [DROP]
    with pytest.raises(Unavailable):
        call(memory_client)
    assert len(memory.calls) == 1


@pytest.mark.parametrize("call", [*IDEMPOTENT.values(), *ONCE_ONLY.values()], ids=[*IDEMPOTENT, *ONCE_ONLY])
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_is_unavailable(memory, memory_client, call, status):
    memory.faults = [status]
    with pytest.raises(Unavailable):
        call(memory_client)
    assert len(memory.calls) == 1


def test_a_blob_that_breaks_off_is_unavailable(memory, memory_client):
    digest = push(memory_client, LARGE)
    memory.cut_after = len(LARGE) - 1
    stream = memory_client.get_blob("p/r", digest)
    with pytest.raises(Unavailable):
        list(stream)


def test_a_manifest_that_breaks_off_is_unavailable(memory, memory_client):
    memory_client.put_manifest("p/r", "latest", OCI_INDEX, INDEX)
    memory.cut_after = 5
    with pytest.raises(Unavailable):
        memory_client.get_manifest("p/r", "latest")


def test_a_corrupt_manifest_is_not_handed_on(memory, memory_client):
    memory_client.put_manifest("p/r", Digest.of(INDEX), OCI_INDEX, INDEX)
    memory.repositories["p/r"].manifests[Digest.of(INDEX)] = (OCI_INDEX, INDEX + b" ")
    with pytest.raises(Unavailable, match="corrupt"):
        memory_client.get_manifest("p/r", Digest.of(INDEX))


def test_blobs_are_followed_to_the_storage(memory, memory_client):
    digest = push(memory_client, LARGE)
    memory.redirect_blobs = True
    assert memory_client.head_blob("p/r", digest) == (digest, len(LARGE))
    assert b"".join(memory_client.get_blob("p/r", digest)) == LARGE
    assert b"".join(memory_client.get_blob("p/r", digest, PIECE + 1)) == LARGE[PIECE + 1 :]


def test_a_blob_that_the_storage_lost_is_missing(memory, memory_client):
    digest = push(memory_client)
    memory.redirect_blobs = True
    memory.content.clear()
    assert memory_client.head_blob("p/r", digest) is None
    with pytest.raises(BlobUnknown):
        memory_client.get_blob("p/r", digest)


@pytest.mark.parametrize("status", [405, 500])
def test_a_registry_that_ends_no_upload_fails_no_mount(memory, memory_client, status):
    memory.guard = lambda call: Reply(status) if call.method == "DELETE" else None
    assert memory_client.mount_blob("p/s", Digest.of(HELLO), "p/absent") is False
    assert memory.calls[-1][0] == "DELETE"


def test_all_is_sent_over_one_connection(memory, memory_client):
    digest = push(memory_client, LARGE)
    for _ in range(5):
        assert b"".join(memory_client.get_blob("p/r", digest)) == LARGE
        assert memory_client.head_blob("p/r", Digest.of(b"absent")) is None
        with pytest.raises(BlobUnknown):
            memory_client.get_blob("p/r", Digest.of(b"absent"))
        assert memory_client.mount_blob("p/s", digest, "p/absent") is False
    assert memory_client._transport.connections.pool(Origin.of(memory.url)).num_connections == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200),
        Reply(202, {"Location": "http://elsewhere.example/v2/x"}),
        Reply(202, {"Location": "//elsewhere.example/v2/x"}),
        Reply(202, {"Location": "http://[::1/x"}),
        Reply(202),
        Reply(204, {"Range": "0-", "Location": "/v2/x"}),
        Reply(201, {"Docker-Content-Digest": "sha256:abc"}),
        Reply(200, {"Docker-Content-Digest": "sha256:abc", "Content-Range": "x"}, b"{}"),
        Reply(206, {}, b"abc"),
        Reply(301, {"Location": "ftp://elsewhere.example"}),
        Reply(307),
        Reply(307, {"Location": "http://[::1/x"}),
        Reply(400, {}, b"\xff"),
        Reply(400, {}, b"[]"),
        Reply(401, {}, b'{"errors": []}'),
        Reply(404, {}, b'{"errors": ["x"]}'),
        Reply(409, {}, b'{"errors": [{"code": 7, "message": {}}]}'),
        Reply(200, {}, b"[" * 100_000),
        Reply(200, {}, b'{"repositories": 1, "tags": [1]}'),
        Reply(200, {}, bytes(MAX_ANSWER + 1)),
        Reply(404, {}, bytes(MAX_ANSWER + 1)),
        Reply(999),
    ],
    ids=lambda reply: f"{reply.status} {reply.headers} {reply.payload[:30]!r}",
)
def test_a_senseless_answer_is_a_typed_error_at_worst(answering, reply):
    client = answering(reply)
    for call in 2 * [*IDEMPOTENT.values(), *ONCE_ONLY.values()]:  # each on what another left of the connection
        try:
            call(client)
        except RegistryError as error:
            assert error.message  # noqa: PT017  # either way is right


def test_a_list_that_goes_round_in_a_circle_ends(answering):
    link = {"Link": '</v2/p/r/tags/list?n=1>; rel="next"'}
    client = answering(Reply(200, link, b'{"tags": ["a"]}'))
    with pytest.raises(Unavailable, match="circle"):
        list(client.tags("p/r"))


def test_a_list_that_leads_elsewhere_is_not_followed(answering):
    link = {"Link": '<http://169.254.169.254/>; rel="next"'}
    client = answering(Reply(200, link, b'{"repositories": ["a"]}'))
    with pytest.raises(Unavailable, match="another host"):
        list(client.catalog())


def test_a_registry_that_knows_no_range_is_read_from_the_offset_all_the_same(answering):
    client = answering(Reply(200, {}, LARGE + HELLO))
    stream = client.get_blob("p/r", Digest.of(LARGE + HELLO), len(LARGE) + 7)
    assert stream.length == len(HELLO) - 7
    assert b"".join(stream) == HELLO[7:]


def test_a_registry_that_falls_silent_is_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = RegistryClient(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2, commit_timeout=0.2)
        for call in (*IDEMPOTENT.values(), *ONCE_ONLY.values()):
            with pytest.raises(Unavailable):
                call(client)


def test_an_upload_outlives_a_pause_longer_than_connecting_may_take(memory):
    """The registry reads nothing for longer than the connect timeout, with more in flight than the kernel buffers."""
    released = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as pausing:
        thread = threading.Thread(target=_read_late, args=(pausing, released))
        thread.start()
        client = RegistryClient(f"http://127.0.0.1:{pausing.getsockname()[1]}")
        client.patch_upload("/v2/x", bytes(32 * 1024 * 1024))
        thread.join()
    assert released.is_set()


def _read_late(listening: socket.socket, released: threading.Event) -> None:
    connection, _ = listening.accept()
    with connection, connection.makefile("rb") as stream:
        released.wait(1.5)
        released.set()
        while stream.readline().strip():
            pass
        stream.read(32 * 1024 * 1024)
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nLocation: /v2/x\r\nContent-Length: 0\r\n\r\n")


def test_nobody_listening_is_unavailable():
    with pytest.raises(Unavailable):
        RegistryClient(f"http://127.0.0.1:{free_port()}").ping()


@pytest.mark.parametrize(
    "address", ["", "registry:5000", "ftp://registry", "http://", "http://u:p@registry", "http://registry/?q"]
)
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ValueError, match="not the address of a registry"):
        RegistryClient(address)


def test_redirects_without_end_are_given_up():
    targets = []

    def onward(method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        targets.append(target)
        return Reply(307, {"Location": f"/storage/{len(targets)}"})

    listener = Listener(onward)
    with pytest.raises(Unavailable, match="without end"):
        RegistryClient(f"http://127.0.0.1:{listener.port}").get_blob("p/r", Digest.of(HELLO))
    listener.stop()
    assert targets[1:] == [f"/storage/{number}" for number in range(1, MAX_REDIRECTS + 1)]


def connections_to_silence(rest, calls):
    """How many connections `calls` pings made to a registry that never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=calls) as silent:
        silent.setblocking(False)
        client = RegistryClient(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2, rest=rest)
        for _ in range(calls):
            with pytest.raises(Unavailable):
                client.ping()
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                count += 1
        return count


def test_a_silent_registry_is_waited_for_once_and_then_left_alone():
    assert connections_to_silence(rest=600.0, calls=3) == 1


def test_without_a_rest_it_is_asked_each_time():
    assert connections_to_silence(rest=0.0, calls=2) == 2
