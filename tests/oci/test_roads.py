"""The ways to a registry: TLS and whom it trusts, proxies of the environment, a path before /v2/; and words for what
is wrong with them."""

import contextlib
import socket
import ssl
import threading
from pathlib import Path

import pytest

from oci.addresses import Origin
from oci.client import RegistryClient
from oci.credential import Credential
from oci.digest import Digest
from oci.doorman import TokenDoorman
from oci.errors import Denied, RegistryError, Unavailable
from oci.listener import Listener, Reply
from oci.registry import MemoryRegistry
from oci.transport import Lasting
from tests.deploy.certificates import make_certificate
from tests.oci.wire import raw_server, read_head
from tests.ports import free_port

HELLO = b"hello, registry"
DIGEST = Digest.of(HELLO)


def push_and_pull(client):
    client.upload_blob("p/r", DIGEST, len(HELLO), lambda offset: iter([HELLO[offset:]]))
    assert b"".join(client.get_blob("p/r", DIGEST)) == HELLO


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def secure(memory, certificate):
    """The registry behind TLS; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listener = Listener(memory.answer, tls=context)
    yield listener.port
    listener.stop()


def test_a_registry_behind_a_companys_own_authority_is_trusted_by_its_certificate(secure, certificate):
    push_and_pull(RegistryClient(f"https://127.0.0.1:{secure}", ca=certificate[0].read_text()))


def test_a_registry_is_not_verified_where_that_is_asked_for(secure):
    push_and_pull(RegistryClient(f"https://127.0.0.1:{secure}", insecure=True))


def test_a_certificate_that_nobody_vouches_for_is_refused_with_the_reason(secure):
    client = RegistryClient(f"https://127.0.0.1:{secure}", tries=5)
    with pytest.raises(Lasting, match="certificate isn't trusted: self-signed certificate"):
        client.ping()


def test_a_certificate_for_another_host_is_refused_with_the_reason(secure, certificate):
    with pytest.raises(Lasting, match="Hostname mismatch"):
        RegistryClient(f"https://localhost:{secure}", ca=certificate[0].read_text()).ping()


def test_plain_http_where_tls_was_to_be_is_said(memory):
    with pytest.raises(Lasting, match="TLS fails"):
        RegistryClient(f"https://127.0.0.1:{memory.port}").ping()


def test_a_ca_that_is_none_is_refused():
    for text in ("nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ü"):
        with pytest.raises(ValueError, match="not a certificate in PEM"):
            RegistryClient("https://registry.example.com", ca=text)


def test_a_realm_without_tls_gets_no_credential_from_behind_tls(memory, secure, certificate):
    with TokenDoorman(people={"me": "s3cret"}) as door:
        memory.guard = door
        client = RegistryClient(
            f"https://127.0.0.1:{secure}", ca=certificate[0].read_text(), credential=Credential("me", "s3cret")
        )
        with pytest.raises(Denied, match="without TLS"):
            client.head_blob("p/r", DIGEST)
        assert door.asked == []


def test_all_that_goes_on_behind_tls_ends_at_once(certificate):
    """In the middle of a blob that nobody reads."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    location = b"HTTP/1.1 202 Accepted\r\nLocation: /v2/p/r/blobs/uploads/x\r\nContent-Length: 0\r\n\r\n"
    reading = threading.Event()

    def behave(connection):
        with context.wrap_socket(connection, server_side=True) as tls:
            read_head(tls)
            tls.sendall(location)
            read_head(tls)
            reading.set()
            threading.Event().wait(60)

    raised: list[Unavailable] = []

    def work():
        try:
            client.upload_blob("p/r", DIGEST, 10**10, lambda _: iter(lambda: bytes(65536), b""))
        except Unavailable as error:
            raised.append(error)

    with raw_server(behave) as port:
        client = RegistryClient(f"https://127.0.0.1:{port}", insecure=True, tries=10)
        thread = threading.Thread(target=work)
        thread.start()
        assert reading.wait(10)
        client.abort()
        thread.join(10)
        assert not thread.is_alive()
    assert type(raised[0]).__name__ == "Ended"


# Proxies


@pytest.fixture
def proxy(monkeypatch):
    """A forwarding and tunnelling proxy, named by the environment; what it was asked for."""
    asked: list[bytes] = []

    def behave(connection):
        head = read_head(connection)
        asked.append(head)
        method, target, _ = head.split(b" ", 2)
        place = target if method == b"CONNECT" else target.split(b"/")[2]
        port = place.rpartition(b":")[2]
        with socket.create_connection(("127.0.0.1", int(port))) as onward:
            if method == b"CONNECT":
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                onward.sendall(head.replace(b"http://" + place, b"", 1))
            back = threading.Thread(target=_pipe, args=(onward, connection), daemon=True)
            back.start()
            _pipe(connection, onward)
            back.join()

    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with raw_server(behave) as port:
        monkeypatch.setenv("http_proxy", f"http://user:pa%20ss@127.0.0.1:{port}")
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{port}")
        yield asked


def _pipe(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_plain_http_goes_through_the_environments_proxy(memory, proxy):
    client = RegistryClient(f"http://registry.example.com:{memory.port}", proxied=True, pool_size=0)
    client.ping()
    assert proxy[0].startswith(f"GET http://registry.example.com:{memory.port}/v2/ HTTP/1.1".encode())
    assert f"Host: registry.example.com:{memory.port}".encode() in proxy[0]
    assert b"Basic dXNlcjpwYSBzcw==" in proxy[0]


def test_tls_goes_through_a_tunnel_and_is_verified(secure, proxy, certificate):
    client = RegistryClient(f"https://127.0.0.1:{secure}", proxied=True, ca=certificate[0].read_text())
    push_and_pull(client)
    assert [head.split(b" ")[0] for head in proxy] == [b"CONNECT"]
    with pytest.raises(Lasting, match="Hostname mismatch"):
        RegistryClient(f"https://registry.example.com:{secure}", proxied=True, ca=certificate[0].read_text()).ping()


@pytest.mark.parametrize("names", ["127.0.0.1", "*", "10.0.0.0/8,127.0.0.0/8", "example.com, 127.0.0.1"])
def test_some_hosts_are_reached_without_it(memory, proxy, monkeypatch, names):
    monkeypatch.setenv("no_proxy", names)
    push_and_pull(RegistryClient(memory.url, proxied=True))
    assert proxy == []


def test_nothing_goes_by_a_proxy_that_was_not_asked_for(memory, proxy):
    push_and_pull(RegistryClient(memory.url))
    assert proxy == []


def test_a_proxy_leads_nobody_to_its_own_machine(memory, proxy):
    for host in ("127.0.0.1", "localhost", "127.1", "0x7f000001", "app.localhost", "[::1]"):
        with pytest.raises(Denied):
            RegistryClient(f"http://{host}:{memory.port}", proxied=True, private=False).ping()
    assert proxy == []


def test_a_proxy_that_is_none_is_said(memory, monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    for value in ("socks5://127.0.0.1:1080", "http://", "http://[::1"):
        monkeypatch.setenv("http_proxy", value)
        with pytest.raises(Unavailable, match="proxy"):
            RegistryClient("http://registry.example.com", proxied=True).ping()


def test_a_proxy_that_is_away_is_said(memory, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(Unavailable, match="proxy"):
        RegistryClient("http://registry.example.com", proxied=True).ping()


# Paths and words


def test_a_registry_may_stand_below_a_path():
    with MemoryRegistry() as registry:

        def below(method, target, headers, body):
            if not target.startswith("/artifactory/api/docker/x/v2/"):
                return Reply(500)
            reply = registry.answer(method, target.removeprefix("/artifactory/api/docker/x"), headers, body)
            if reply is not None and (location := reply.headers.get("Location")):
                reply.headers["Location"] = f"/artifactory/api/docker/x{location}"
            return reply

        listener = Listener(below)
        push_and_pull(RegistryClient(f"http://127.0.0.1:{listener.port}/artifactory/api/docker/x/"))
        listener.stop()


def test_what_keeps_a_registry_from_answering_is_said_with_its_host():
    port = free_port()
    with pytest.raises(Unavailable, match=rf"^127\.0\.0\.1:{port} refuses the connection$"):
        RegistryClient(f"http://127.0.0.1:{port}").ping()
    with pytest.raises(Unavailable, match=r"^nowhere\.invalid can't be reached: its name can't be resolved$"):
        RegistryClient("https://nowhere.invalid").ping()
    with raw_server(read_head) as port, pytest.raises(Unavailable, match=r"^127\.0\.0\.1:\d+ broke the connection$"):
        RegistryClient(f"http://127.0.0.1:{port}").ping()


def test_what_a_registry_answers_is_said_with_its_host(memory, memory_client):
    words = b'{"errors":[{"code":"DENIED","message":"push to\\r\\n it is not for you"}]}'
    memory.faults = [
        *(Reply(403, {}, words), Reply(403), Reply(500, {}, words), Reply(301, {"Location": "https://x/"}), Reply(404)),
    ]
    who = rf"^127\.0\.0\.1:{memory.port}"
    with pytest.raises(Denied, match=rf"{who} answered 403: push to   it is not for you$"):
        memory_client.start_upload("p/r")
    with pytest.raises(Denied, match=rf"{who} answered 403: requested access to the resource is denied$"):
        memory_client.start_upload("p/r")
    with pytest.raises(Unavailable, match=rf"{who} answered 500: push to"):
        memory_client.start_upload("p/r")
    with pytest.raises(Lasting, match=rf"{who} redirects"):
        memory_client.start_upload("p/r")
    with pytest.raises(RegistryError, match=rf"{who} answered 404$"):
        memory_client.start_upload("p/r")


def test_a_registry_with_a_name_of_its_own_is_called_by_it_alone(memory):
    client = RegistryClient(f"http://127.0.0.1:{free_port()}", called="the registry")
    for call in (client.ping, lambda: client.start_upload("p/r"), lambda: list(client.catalog())):
        with pytest.raises(Unavailable, match=r"^the registry refuses the connection$"):
            call()
    memory.faults = [Reply(403, {}, b'{"errors":[{"code":"DENIED","message":"no"}]}'), Reply(500)]
    client = RegistryClient(memory.url, called="the registry")
    with pytest.raises(Denied, match=r"^no$"):
        client.ping()
    with pytest.raises(Unavailable) as raised:
        client.ping()
    assert "127.0.0.1" not in str(raised.value)


def test_an_origin_is_the_same_however_it_is_written():
    assert Origin.of("HTTPS://Registry.Example.com:443/x?y") == Origin.of("https://registry.example.com")
    assert str(Origin.of("http://[::1]:80/")) == "http://[::1]"
    assert str(Origin.of("https://a:8443")) == "https://a:8443"
