"""The client at the door: passwords, tokens, refresh tokens, and what it never gives away."""

import base64
import threading
import time
from collections.abc import Iterator

import pytest

from oci.client import RegistryClient
from oci.credential import AnyCredential, BearerToken, Credential, IdentityToken
from oci.digest import Digest
from oci.doorman import BasicDoorman, TokenDoorman
from oci.errors import Denied, RegistryError, TooManyRequests, Unauthorized, Unavailable
from oci.listener import Listener, Reply
from oci.manifest import OCI_INDEX
from oci.upload import Upload
from tests.oci.distribution import Distribution

HELLO = b"hello, registry"
DIGEST = Digest.of(HELLO)
ME = Credential("me", "s3cret")
INDEX = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'


@pytest.fixture
def door(memory) -> Iterator[TokenDoorman]:
    with TokenDoorman(people={"me": "s3cret"}) as doorman:
        memory.guard = doorman
        yield doorman


def client_of(memory, credential: AnyCredential | None = ME, **options) -> RegistryClient:
    return RegistryClient(memory.url, credential=credential, **options)


def everything(client):
    """A call of each kind."""
    client.ping()
    client.upload_blob("p/r", DIGEST, len(HELLO), lambda offset: iter([HELLO[offset:]]))
    assert client.head_blob("p/r", DIGEST)
    assert b"".join(client.get_blob("p/r", DIGEST)) == HELLO
    assert client.mount_blob("p/s", DIGEST, "p/r")
    client.put_manifest("p/r", "latest", OCI_INDEX, INDEX)
    assert client.head_manifest("p/r", "latest")
    assert client.get_manifest("p/r", "latest")
    assert list(client.referrers("p/r", Digest.of(INDEX))) == []
    assert list(client.tags("p/r")) == ["latest"]
    assert set(client.catalog()) == {"p/r", "p/s"}
    assert client.delete_manifest("p/r", Digest.of(INDEX))
    assert client.delete_blob("p/s", DIGEST)


def test_every_call_works_with_tokens(memory, door):
    everything(client_of(memory))


def test_every_call_works_with_a_password(memory):
    memory.guard = BasicDoorman({"me": "s3cret"})
    everything(client_of(memory))


def test_every_call_works_with_a_refresh_token(memory, door):
    door.refresh = {"first"}
    everything(client_of(memory, IdentityToken("first")))
    assert {method for method, _ in door.asked} == {"POST"}


def test_a_token_that_was_given_is_used_as_it_is(memory, door):
    door.tokens["mine"] = {"repository:p/r:pull"}
    client = client_of(memory, BearerToken("mine"))
    assert client.head_blob("p/r", DIGEST) is None
    with pytest.raises(Unauthorized):
        client.head_blob("p/other", DIGEST)
    assert door.asked == []


def test_a_token_that_was_pasted_badly_is_an_error_that_does_not_show_it(memory, door):
    door.tokens["mine"] = {"repository:p/r:pull"}
    assert client_of(memory, BearerToken("mi\nne\r\n")).head_blob("p/r", DIGEST) is None
    for tries in (1, 3):
        with pytest.raises(Unavailable, match="a character that HTTP doesn't take") as raised:
            client_of(memory, BearerToken("s3cr€t"), tries=tries).head_blob("p/r", DIGEST)
        assert raised.value.__suppress_context__
        assert "s3cr" not in str(raised.value)


def test_public_content_needs_no_credential(memory, door):
    door.anonymous = True
    assert client_of(memory, None).head_blob("p/r", DIGEST) is None
    assert door.asked[0][1]["authorization"] == [""]


def test_without_a_credential_the_registry_refuses(memory, door):
    with pytest.raises(Unauthorized, match="refuses the credential"):
        client_of(memory, None).head_blob("p/r", DIGEST)


def test_what_a_token_is_asked_for(memory, door):
    client = client_of(memory)
    client.head_blob("p/r", DIGEST)
    (method, asked), *_ = door.asked
    assert method == "GET"
    assert asked["scope"] == ["repository:p/r:pull"]
    assert asked["service"] == ["the registry"]
    assert asked["account"] == ["me"]
    client.mount_blob("p/s", DIGEST, "p/r")
    assert door.asked[1][1]["scope"] == ["repository:p/s:pull,push", "repository:p/r:pull"]


def test_a_token_serves_until_it_runs_out_and_no_call_is_lost_to_its_challenge(memory, door):
    client = client_of(memory)
    for _ in range(5):
        client.head_blob("p/r", DIGEST)
    assert len(door.asked) == 1
    assert len(memory.calls) == 6
    client.head_blob("p/s", DIGEST)  # another scope: its token is asked for before the call
    assert len(door.asked) == 2
    assert len(memory.calls) == 7


def test_a_token_is_renewed_shortly_before_its_end(memory, door, monkeypatch):
    door.life = 100
    client = client_of(memory)
    client.head_blob("p/r", DIGEST)
    moment = time.monotonic()
    monkeypatch.setattr("oci.authentication.time.monotonic", lambda: moment + 89)
    client.head_blob("p/r", DIGEST)
    assert len(door.asked) == 1
    monkeypatch.setattr("oci.authentication.time.monotonic", lambda: moment + 91)
    client.head_blob("p/r", DIGEST)
    assert len(door.asked) == 2
    assert len(memory.calls) == 4  # none was refused but the first


def test_a_token_that_is_not_taken_any_more_is_renewed_once(memory, door):
    client = client_of(memory)
    client.head_blob("p/r", DIGEST)
    door.tokens.clear()
    client.head_blob("p/r", DIGEST)
    assert len(door.asked) == 2


def test_what_the_token_service_does_not_grant_is_unauthorized_and_not_asked_for_without_end(memory, door):
    door.closed = {"p/r"}
    with pytest.raises(Unauthorized):
        client_of(memory).head_blob("p/r", DIGEST)
    assert len(door.asked) == 1
    assert len(memory.calls) == 2


def test_a_wrong_password_is_said_with_who_refused_it(memory, door):
    with pytest.raises(Unauthorized, match=r"token service of 127\.0\.0\.1:\d+ refuses the credential") as raised:
        client_of(memory, Credential("me", "wr0ng")).head_blob("p/r", DIGEST)
    assert "wr0ng" not in str(raised.value)
    memory.guard = BasicDoorman({"me": "s3cret"})
    memory.calls.clear()
    with pytest.raises(Unauthorized, match="answered 401"):
        client_of(memory, Credential("me", "wr0ng")).head_blob("p/r", DIGEST)
    assert len(memory.calls) == 2


def test_a_mount_from_where_one_may_not_pull_is_none(memory, door):
    client = client_of(memory)
    client.upload_blob("p/r", DIGEST, len(HELLO), lambda offset: iter([HELLO[offset:]]))
    door.closed = {"p/r"}
    assert client.mount_blob("p/s", DIGEST, "p/r") is False


def test_a_token_that_runs_out_in_the_middle_of_an_upload_does_not_break_it(memory, door):
    client = client_of(memory, tries=3)

    def source(offset):
        yield HELLO[offset:8]
        yield HELLO[max(offset, 8) :]

    points = list[Upload]()

    def seen(point):
        if point.offset == 8 and points[-1].offset == 0:
            door.tokens.clear()
        points.append(point)

    assert client.upload_blob("p/r", DIGEST, len(HELLO), source, chunk=8, progress=seen) == DIGEST
    assert points[-1].offset == len(HELLO)


def test_a_refresh_token_is_replaced_by_the_one_the_service_gives(memory, door):
    door.refresh = {"first"}
    client = client_of(memory, IdentityToken("first"))
    for name in ("p/a", "p/b", "p/c"):
        client.head_blob(name, DIGEST)
    used = [asked["refresh_token"][0] for _, asked in door.asked]
    assert used[0] == "first"
    assert len(set(used)) == 3


def test_a_token_is_asked_for_once_by_many(memory, door):
    client = client_of(memory, pool_size=8)
    client.ping()
    door.asked.clear()
    threads = [threading.Thread(target=client.head_blob, args=("p/r", DIGEST)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(door.asked) == 1


def test_a_token_service_that_is_away_is_waited_for(memory, door, monkeypatch):
    monkeypatch.setattr("oci.session.back_off", lambda _: 0.01)
    door.faults = [None, None, Reply(503), Reply(429, {"Retry-After": "0"})]
    assert client_of(memory, tries=6).head_blob("p/r", DIGEST) is None
    door.faults = [None] * 100
    with pytest.raises(Unavailable, match="token service of 127"):
        client_of(memory, tries=3).head_blob("p/r", DIGEST)
    door.faults = [Reply(429, {"Retry-After": "3000"})]
    with pytest.raises(TooManyRequests) as raised:
        client_of(memory, tries=3).head_blob("p/r", DIGEST)
    assert raised.value.retry_after == 3000


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200),
        Reply(200, {}, b"{}"),
        Reply(200, {}, bytes(1024 * 1024)),
        Reply(302, {"Location": "http://elsewhere.example/"}),
        Reply(404),
        Reply(500),
    ],
    ids=lambda reply: f"{reply.status} {len(reply.payload)}",
)
def test_a_token_service_that_makes_no_sense_is_an_error_with_words(memory, door, reply):
    door.faults = [reply]
    with pytest.raises(RegistryError, match="token service"):
        client_of(memory).head_blob("p/r", DIGEST)


# What a registry may not be told


@pytest.mark.parametrize(
    "realm",
    [
        "http://elsewhere.example/token",
        "http://me@127.0.0.1/token",
        "/token",
        "ftp://127.0.0.1/token",
        "http://127.0.0.1:1\\@elsewhere.example/token",
    ],
)
def test_a_realm_that_breaks_the_rules_gets_no_credential(memory, door, realm):
    door.realm = realm
    with pytest.raises(Denied, match="token service"):
        client_of(memory).head_blob("p/r", DIGEST)
    assert door.asked == []


def test_a_redirect_to_another_host_takes_no_credential_along(memory, door):
    seen = []

    def storage(method, target, headers, body):
        seen.append(headers)
        return Reply(200, {}, HELLO)

    client = client_of(memory)
    client.upload_blob("p/r", DIGEST, len(HELLO), lambda offset: iter([HELLO[offset:]]))
    listener = Listener(storage)
    for credential, guard in ((ME, door), (ME, BasicDoorman({"me": "s3cret"}))):
        memory.guard = guard
        client = client_of(memory, credential)
        client.head_blob("p/r", DIGEST)
        memory.faults = [Reply(307, {"Location": f"http://127.0.0.1:{listener.port}/x"})]
        assert b"".join(client.get_blob("p/r", DIGEST)) == HELLO
    listener.stop()
    assert len(seen) == 2
    assert not any("authorization" in headers for headers in seen)


def test_a_redirect_within_the_registry_keeps_the_credential(memory):
    memory.guard = BasicDoorman({"me": "s3cret"})
    client = client_of(memory)
    client.upload_blob("p/r", DIGEST, len(HELLO), lambda offset: iter([HELLO[offset:]]))
    memory.redirect_blobs = True
    assert b"".join(client.get_blob("p/r", DIGEST)) == HELLO


def test_a_challenge_from_where_the_registry_leads_is_not_answered(memory):
    asked = []

    def thief(method, target, headers, body):
        asked.append(headers)
        return Reply(401, {"WWW-Authenticate": 'Basic realm="give it to me"'})

    listener = Listener(thief)
    memory.faults = [Reply(307, {"Location": f"http://127.0.0.1:{listener.port}/x"})]
    with pytest.raises(Unavailable, match="storage"):
        client_of(memory).get_blob("p/r", DIGEST)
    listener.stop()
    assert len(asked) == 1


def test_no_secret_is_in_an_error(memory, door):
    client = client_of(memory, Credential("me", "wr0ng"))
    secret = base64.b64encode(b"me:wr0ng").decode()
    with pytest.raises(Unauthorized) as raised:
        client.head_blob("p/r", DIGEST)
    chain: list[str] = []
    error: BaseException | None = raised.value
    while error is not None:
        chain.append(f"{error!r} {error} {vars(error)}")
        error = error.__cause__ or error.__context__
    assert not any("wr0ng" in text or secret in text for text in chain)


def test_distribution_lets_in_who_knows_its_password(tmp_path):
    """Its own basic scheme, as the in-memory registry imitates it."""
    (tmp_path / "people").write_text("me:$2b$05$2TCxfx4LjZKDcngOJJjxluMCjT.mkoY.KfHSZ1vnojADDqypNSmtm\n")  # of s3cret
    registry = Distribution(
        tmp_path, REGISTRY_AUTH_HTPASSWD_REALM="here", REGISTRY_AUTH_HTPASSWD_PATH=str(tmp_path / "people")
    )
    registry.start()
    try:
        client = RegistryClient(registry.url, credential=ME)
        assert client.upload_blob("p/r", DIGEST, len(HELLO), lambda offset: iter([HELLO[offset:]])) == DIGEST
        assert b"".join(client.get_blob("p/r", DIGEST)) == HELLO
        for wrong in (None, Credential("me", "wr0ng")):
            with pytest.raises(Unauthorized):
                RegistryClient(registry.url, credential=wrong).ping()
    finally:
        registry.stop()
