"""Registries that mean harm: answers without end or sense, floods, addresses that nobody may be led to."""

import gzip
import socket
import threading
import time

import pytest

from oci.addresses import Origin, as_literal, is_forbidden, is_own_name
from oci.bodies import PIECE
from oci.client import RegistryClient
from oci.digest import Digest
from oci.errors import Denied, DigestInvalid, RegistryError, Unavailable
from oci.listener import Listener, Reply
from oci.manifest import OCI_INDEX
from oci.transport import MAX_ANSWER, Lasting, Request
from tests.oci.wire import raw_server, read_head

HELLO = b"hello, registry"
DIGEST = Digest.of(HELLO)

CALLS = {
    "ping": lambda client: client.ping(),
    "head_blob": lambda client: client.head_blob("p/r", DIGEST),
    "get_blob": lambda client: b"".join(client.get_blob("p/r", DIGEST)),
    "get_manifest": lambda client: client.get_manifest("p/r", "latest"),
    "head_manifest": lambda client: client.head_manifest("p/r", "latest"),
    "referrers": lambda client: list(client.referrers("p/r", DIGEST)),
    "tags": lambda client: list(client.tags("p/r")),
    "catalog": lambda client: list(client.catalog()),
    "upload": lambda client: client.upload_blob("p/r", DIGEST, len(HELLO), lambda _: iter([HELLO])),
}


def client_at(port, **options):
    return RegistryClient(f"http://127.0.0.1:{port}", **{"timeout": 5.0, **options})


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "224.0.0.1"),
        *("239.255.255.250", "255.255.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "ff02::1", "fd00:ec2::254"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
        *("2002:7f00:1::", "2002:a9fe:a9fe::1"),
    ],
)
def test_addresses_of_this_machine_and_its_link_are_forbidden_however_they_are_written(address):
    assert is_forbidden(address)


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1", "93.184.216.34", "8.8.8.8"),
        *("2606:2800:220:1:248:1893:25c8:1946", "fd12:3456::1", "::ffff:10.0.0.1", "64:ff9b::808:808"),
    ],
)
def test_addresses_of_companies_and_of_the_world_are_not(address):
    assert not is_forbidden(address)


@pytest.fixture
def door():
    """A port on which whoever connects is noted."""
    seen = []
    with raw_server(lambda connection: seen.append(read_head(connection))) as port:
        yield port, seen


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1", "127.1"]
)
def test_a_registry_on_this_machine_is_not_connected_to(door, host):
    port, seen = door
    client = RegistryClient(f"http://{host}:{port}", private=False)
    for call in CALLS.values():
        with pytest.raises(RegistryError) as raised:
            call(client)
        assert isinstance(raised.value, Denied | Unavailable)
    assert seen == []


@pytest.mark.parametrize(
    ("host", "address"),
    [
        *(("127.0.0.1", "127.0.0.1"), ("127.1", "127.0.0.1"), ("2130706433", "127.0.0.1"), ("0x7f.1", "127.0.0.1")),
        *(("0177.0.0.1", "127.0.0.1"), ("::1", "::1"), ("fe80::1%eth0", "fe80::1"), ("10.1", "10.0.0.1")),
        *(("registry.example.com", None), ("de.ad", None), ("", None), ("1.2.3.4.5", None), ("127.0.0.1.nip.io", None)),
    ],
)
def test_an_address_is_known_however_it_is_written(host, address):
    assert as_literal(host) == address


def test_names_of_the_machine_itself_are_known():
    for name in ("localhost", "LOCALHOST.", "x.localhost", "metadata.google.internal"):
        assert is_own_name(name)
    for name in ("localhost.example.com", "mylocalhost", "registry.example.com"):
        assert not is_own_name(name)


def lead_to(monkeypatch, place, address):
    """Make a name resolve to an address, as its owner may at any time."""
    true = socket.getaddrinfo

    def resolve(host, *arguments, **options):
        return true(address if host == place else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_a_name_that_leads_to_this_machine_is_not_connected_to(door, monkeypatch):
    port, seen = door
    lead_to(monkeypatch, "registry.example.com", "127.0.0.1")
    client = RegistryClient(f"http://registry.example.com:{port}", private=False)
    with pytest.raises(Denied, match=r"127\.0\.0\.1"):
        client.ping()
    assert seen == []


def test_a_name_is_judged_by_the_address_that_is_connected_to(door, monkeypatch):
    """DNS that answers otherwise the second time is no way round: there is no second time."""
    port, seen = door
    answers = ["93.184.216.34", "127.0.0.1"]
    true = socket.getaddrinfo
    asked = []

    def resolve(host, *arguments, **options):
        asked.append(host)
        return true(answers[min(len(asked), len(answers)) - 1], *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: (_ for _ in ()).throw(OSError(str(address))))
    with pytest.raises(Unavailable):
        RegistryClient(f"http://registry.example.com:{port}", private=False).ping()
    assert asked == ["registry.example.com"]
    assert seen == []


@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:{port}/x", "http://localhost:{port}/x", "http://169.254.169.254/latest/"]
)
def test_nobody_is_led_to_this_machine_by_a_redirect_or_a_realm(door, memory, monkeypatch, place):
    """The registry stands on a public address, as far as the client can see."""
    port, seen = door
    place = place.format(port=port)
    lead_to(monkeypatch, "registry.example.com", "127.0.0.1")
    monkeypatch.setattr(
        "oci.connections.is_forbidden", lambda address: address != "127.0.0.1" and is_forbidden(address)
    )
    client = RegistryClient(f"http://registry.example.com:{memory.port}", private=False)
    client.ping()
    monkeypatch.setattr("oci.connections.is_forbidden", is_forbidden)
    for fault in (
        Reply(307, {"Location": place}),
        Reply(401, {"WWW-Authenticate": f'Bearer realm="{place}"'}),
    ):
        memory.faults = [fault]
        with pytest.raises(Denied):
            client.get_blob("p/r", DIGEST)
    assert seen == []


@pytest.mark.parametrize("call", ["start_upload", "patch_upload"])
@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:{port}/v2/x", "//127.0.0.1:{port}/v2/x", "https://elsewhere.example/v2/x"]
)
def test_an_upload_goes_nowhere_else(door, memory, memory_client, call, place):
    port, seen = door
    location = memory_client.start_upload("p/r")
    memory.faults = [Reply(202, {"Location": place.format(port=port)})]
    with pytest.raises(Lasting, match="another host"):
        memory_client.start_upload("p/r") if call == "start_upload" else memory_client.patch_upload(location, HELLO)
    assert seen == []


def test_behind_tls_a_registry_may_take_itself_for_plain_http():
    transport = RegistryClient("https://registry.example.com")._transport
    assert transport.local("http://registry.example.com/v2/x?y") == "/v2/x?y"
    assert transport.local("http://registry.example.com:443/v2/x") == "/v2/x"
    assert transport.local("https://registry.example.com:443/v2/x") == "/v2/x"
    for other in ("http://registry.example.com:8080/x", "https://registry.example.com:8443/x", "http://example.com/x"):
        with pytest.raises(Lasting, match="another host"):
            transport.local(other)


def test_no_redirect_leads_away_from_tls():
    transport = RegistryClient("https://registry.example.com")._transport
    with pytest.raises(Lasting, match="without TLS"):
        transport.open_at("http://storage.example.com/x", Request(method="GET", target=""), "the storage")


@pytest.mark.parametrize(
    "url", ["http://a b/", "http://a\r\nb/", "http://", "ftp://a/", "http://u@a/", "//a/", "http://[::1"]
)
def test_what_is_no_url_has_no_origin(url):
    with pytest.raises(ValueError, match=r"URL|port|IPv6|URI"):
        Origin.of(url)


# Answers


def answering(*parts, pause=0.0, again=0):
    """Whoever connects is sent these parts, the last of them `again` times more."""

    def behave(connection):
        read_head(connection)
        for part in parts:
            connection.sendall(part)
        for _ in range(again):
            if pause:
                time.sleep(pause)
            connection.sendall(parts[-1])

    return behave


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.index.v1+json\r\n"
FLOODS = {
    "headers": answering(OK, b"X-Flood: " + b"x" * 1000 + b"\r\n", again=100_000),
    "one header": answering(OK + b"X-Flood: ", b"x" * 65536, again=10_000),
    "status line": answering(b"HTTP/1.1 200 ", b"x" * 65536, again=10_000),
    "body": answering(OK + b"\r\n", bytes(65536), again=10_000),
    "chunks": answering(OK + CHUNKED, b"10000\r\n" + bytes(65536) + b"\r\n", again=10_000),
    "one chunk's length": answering(OK + CHUNKED, b"1" * 65536, again=10_000),
    "trailers": answering(OK + CHUNKED + b"0\r\n", b"X: " + b"x" * 1000 + b"\r\n", again=100_000),
    "interim answers": answering(b"HTTP/1.1 100 Continue\r\n\r\n", again=100_000),
    "no HTTP": answering(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "two lengths": answering(OK + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\n" + HELLO),
}


@pytest.mark.parametrize("call", ["head_blob", "get_blob", "get_manifest", "tags", "upload"])
@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_is_an_error_in_bounded_memory(flood, call):
    """A blob alone may be that long: its digest says whether it is what was asked for."""
    with raw_server(flood) as port, pytest.raises(RegistryError) as raised:
        CALLS[call](client_at(port))
    assert raised.value.message


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: -5\r\n\r\n" + HELLO,
        OK + b"Docker-Content-Digest: \xff\x00\r\nContent-Length: 0\r\n\r\n",
        OK + b"Link: <\xff>; rel=next\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=range(6),
)
def test_an_odd_answer_is_a_typed_error_at_worst(answer, call):
    with raw_server(answering(answer)) as port:
        try:
            call(client_at(port))
        except RegistryError as error:
            assert error.message  # noqa: PT017  # either way is right


@pytest.mark.parametrize("reference", ["latest", DIGEST])
def test_a_registry_that_stores_a_manifest_as_something_else_is_found_out(reference):
    told = [str(Digest.of(b"other")), str(DIGEST), str(Digest.of(b"other", "sha512")), None]
    replies = [Reply(201, {"Docker-Content-Digest": digest} if digest else {}) for digest in told]
    listener = Listener(lambda *_: replies.pop(0))
    client = client_at(listener.port)
    try:
        with pytest.raises(DigestInvalid, match="says that it has stored"):
            client.put_manifest("p/r", reference, OCI_INDEX, HELLO)
        for _ in told[1:]:
            client.put_manifest("p/r", reference, OCI_INDEX, HELLO)
    finally:
        client.close()
        listener.stop()


def test_a_compressed_answer_is_not_unpacked():
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    assert len(bomb) < MAX_ANSWER
    listener = Listener(lambda *_: Reply(200, {"Content-Encoding": "gzip", "Content-Type": OCI_INDEX}, bomb))
    client = client_at(listener.port)
    assert client.get_manifest("p/r", "latest") == (OCI_INDEX, bomb, Digest.of(bomb))
    assert b"".join(client.get_blob("p/r", Digest.of(bomb))) == bomb
    for call in ("referrers", "tags", "catalog"):
        with pytest.raises(Unavailable, match="can't be read"):
            CALLS[call](client)
    listener.stop()


def test_nobody_is_asked_to_compress():
    heads: list[dict[str, str]] = []

    def note(method, target, headers, body):
        heads.append(headers)
        return Reply(404)

    listener = Listener(note)
    client_at(listener.port).head_blob("p/r", DIGEST)
    listener.stop()
    assert heads[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize("call", ["get_blob", "get_manifest", "tags"])
@pytest.mark.parametrize(
    "trickle",
    [
        answering(b"H", b"T", pause=0.05, again=1000),
        answering(OK, b"X", pause=0.05, again=1000),
        answering(OK + b"Content-Length: 100000\r\n\r\n", b"x", pause=0.05, again=1000),
    ],
    ids=["status", "headers", "body"],
)
def test_an_answer_that_trickles_is_given_up(trickle, call):
    """A byte now and then begins no timeout anew: else the thousand bytes would have come, after most of a minute."""
    with raw_server(trickle) as port, pytest.raises(Unavailable, match=r"in time|broke|broken|middle"):
        CALLS[call](client_at(port, timeout=0.4))


def test_a_reader_may_take_its_time(memory, monkeypatch):
    """It is the registry that must not be slow: what waits in the kernel's buffers costs it nothing."""
    content = bytes(4 * PIECE)
    client = client_at(memory.port, timeout=0.3)
    digest = client.upload_blob("p/r", Digest.of(content), len(content), lambda offset: iter([content[offset:]]))
    read = b""
    for piece in client.get_blob("p/r", digest):
        read += piece
        time.sleep(0.2)
    assert read == content


# The end of it all


def stuck_reading(connection):
    read_head(connection)
    connection.sendall(OK + b"Content-Length: 100000000\r\n\r\n" + bytes(PIECE))
    connection.recv(1)


def stuck_to_the_end(connection):
    """With the connection as the end of the answer: HTTP's layers let go of it, and the client must not."""
    read_head(connection)
    connection.sendall(OK + b"Connection: close\r\n\r\n" + bytes(PIECE))
    connection.recv(1)


def never_reading(connection):
    read_head(connection)
    connection.sendall(b"HTTP/1.1 202 Accepted\r\nLocation: /v2/p/r/blobs/uploads/x\r\nContent-Length: 0\r\n\r\n")
    read_head(connection)
    threading.Event().wait(60)


def silent(connection):
    connection.recv(100_000)
    threading.Event().wait(60)


def zeros():
    while True:
        yield bytes(PIECE)


@pytest.mark.parametrize(
    ("behave", "call"),
    [
        (silent, lambda client: client.ping()),
        (stuck_reading, lambda client: list(client.get_blob("p/r", DIGEST))),
        (stuck_to_the_end, lambda client: list(client.get_blob("p/r", DIGEST))),
        (never_reading, lambda client: client.upload_blob("p/r", DIGEST, 10**10, lambda _: zeros())),
        (answering(b"HTTP/1.1 429 x\r\nRetry-After: 50\r\nContent-Length: 0\r\n\r\n"), lambda client: client.ping()),
        (lambda _: None, lambda client: client.ping()),
    ],
    ids=[
        "waiting for an answer",
        "in a blob",
        "in an endless one",
        "in an upload that nobody reads",
        "told to wait",
        "trying again",
    ],
)
def test_all_that_goes_on_ends_at_once(behave, call):
    with raw_server(behave) as port:
        client = client_at(port, timeout=60.0, tries=50)
        raised = []

        def work():
            try:
                call(client)
            except RegistryError as error:
                raised.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.3)
        assert thread.is_alive()
        client.abort()
        thread.join(10)
        assert not thread.is_alive()
        assert type(raised[0]).__name__ == "Ended"
        with pytest.raises(Unavailable, match="stopped"):
            client.ping()
