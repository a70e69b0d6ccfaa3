"""What happens when pieces die, hang or run out of disk: errors in words, recovery, and nothing lost."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.flows import havoc
from tests.flows.clients import Docker
from tests.flows.conformance import pushes
from tests.flows.content import OCTETS, Content, image
from tests.flows.stacks import Running, eventually, running_stack
from tests.flows.wire import Answer, Wire, digest_of

PATIENCE = 10  # seconds within which even a failure must be answered


@pytest.fixture(scope="module")
def fragile(workspace: Path) -> Iterator[Running]:
    """A stack of our own to break."""
    with running_stack(workspace / "fragile", durable=True) as running:
        running.create_project("wreck")
        yield running
        running.wait_until_it_answers()


@pytest.fixture
def held(fragile: Running) -> tuple[str, Content]:
    """Something pushed while all was well."""
    fragile.wait_until_it_answers()
    repository, content = f"wreck/held-{os.urandom(4).hex()}", image()
    pushes.push_content(fragile.wire(), repository, content)
    return repository, content


def survive(stack: Running, project: str, *, wanted: int, kills: int) -> None:
    """Push while pieces are killed; then everything a client saw succeed is there, and nothing is there by half."""
    seed = int.from_bytes(os.urandom(4))
    pushers = havoc.Pushers(stack, stack.create_project(project), wanted)
    killed = havoc.kill_at_random(pushers, kills, seed)
    story = f"seed {seed}, killed {killed}, {len(pushers.succeeded)} pushed, {pushers.failed} failed"
    assert len(pushers.succeeded) >= wanted, story
    stack.wait_until_it_answers()
    wire = stack.wire()
    for repository, content in pushers.succeeded:
        havoc.assert_pulled_back(wire, repository, content)
    found = sum(havoc.assert_whole(wire, f"{project}/app-{place}") for place in range(2))
    assert found >= len(pushers.succeeded), story


def test_no_push_is_lost_when_pieces_are_killed(fragile: Running) -> None:
    survive(fragile, "killed", wanted=40, kills=10)


@pytest.mark.longhaul
def test_no_push_of_two_hundred_is_lost_when_pieces_are_killed(fragile: Running) -> None:
    survive(fragile, "longhaul", wanted=200, kills=60)


@pytest.mark.parametrize("harm", [havoc.frozen, havoc.held_down], ids=["frozen", "gone"])
def test_without_redis_login_push_and_pull_go_on(harm, fragile: Running, held: tuple[str, Content]) -> None:
    with harm(fragile, "redis"):
        wire, repository = fragile.wire(), f"wreck/redisless-{os.urandom(4).hex()}"
        content = image()
        pushes.push_content(wire, repository, content)
        havoc.assert_pulled_back(wire, repository, content)
        havoc.assert_pulled_back(fragile.wire(), *held)


def test_without_redis_docker_goes_on(docker: Docker, fragile: Running) -> None:
    with havoc.held_down(fragile, "redis"):
        docker.login(fragile.host, "admin", fragile.admin_password)
        name = f"{fragile.host}/wreck/docker-{os.urandom(4).hex()}:v1"
        image_id = docker.build(name, ("/data", os.urandom(10_000)))
        docker.run("push", name)
        docker.run("image", "rm", "-f", name)
        docker.run("pull", name)
        assert docker.image_id(name) == image_id


def unavailable(answer: Answer) -> None:
    answer.expect_error(503, "UNAVAILABLE")
    assert answer.headers.get("Retry-After"), f"{answer}: no Retry-After"


@pytest.mark.parametrize("harm", [havoc.frozen, havoc.held_down], ids=["frozen", "gone"])
def test_without_postgresql_it_says_unavailable_and_recovers(harm, fragile: Running, held: tuple[str, Content]) -> None:
    repository, content = held
    wire = fragile.wire()
    pushes.get_manifest(wire, repository, "latest").expect(200)
    pushes.put_manifest(wire, repository, "again", content.top).expect(201)
    with harm(fragile, "postgres"):
        unavailable(pushes.get_manifest(wire, repository, "latest"))
        unavailable(pushes.put_manifest(wire, repository, "again", content.top))
        unavailable(wire.request("GET", f"/v2/{repository}/tags/list", timeout=PATIENCE))
        unavailable(fragile.wire().send("GET", f"{fragile.url}/service/token", wire.basic(), timeout=PATIENCE))
    fragile.wait_until_it_answers()
    havoc.assert_pulled_back(fragile.wire(), *held)
    pushes.push_content(fragile.wire(), f"{repository}-more", image())


def test_without_distribution_pushes_are_unavailable_and_pulls_go_on(
    fragile: Running, held: tuple[str, Content]
) -> None:
    repository, content = held
    wire = fragile.wire()
    location = pushes.start(wire, repository)
    with havoc.held_down(fragile, "registry"):
        unavailable(wire.request("POST", pushes.uploads(repository), timeout=PATIENCE))
        unavailable(wire.request("PATCH", location, body=b"x" * 100, timeout=PATIENCE))
        newer = image()
        answer = wire.request(
            "PUT",
            pushes.manifest_path(repository, "new"),
            headers={"Content-Type": newer.top.media_type},
            body=newer.top.payload,
            timeout=PATIENCE,
        )
        unavailable(answer)
        havoc.assert_pulled_back(wire, repository, content)
    fragile.wait_until_it_answers()
    pushes.push_content(fragile.wire(), repository, newer)
    havoc.assert_pulled_back(fragile.wire(), repository, newer)


def test_without_web_nginx_says_unavailable(fragile: Running, held: tuple[str, Content]) -> None:
    repository, _ = held
    wire = fragile.wire()
    pushes.get_manifest(wire, repository, "latest").expect(200)
    with havoc.held_down(fragile, "web"):
        for path in ("/v2/", f"/v2/{repository}/tags/list"):
            unavailable(wire.request("GET", path, timeout=PATIENCE))
    fragile.wait_until_it_answers()
    pushes.get_manifest(wire, repository, "latest").expect(200)


@pytest.mark.parametrize("piece", havoc.PIECES)
def test_a_killed_piece_comes_back(piece: str, fragile: Running, held: tuple[str, Content]) -> None:
    fragile.wait_until_it_answers()
    before = havoc.kill(fragile, piece)
    eventually(lambda: fragile.pid_of(piece) not in (None, before), f"{piece} was not started again")
    fragile.wait_until_it_answers()
    havoc.assert_pulled_back(fragile.wire(), *held)


def test_an_upload_that_breaks_off_can_be_continued(fragile: Running) -> None:
    """The client loses its connection amid a PATCH; the status tells where to go on, across a restart of web."""
    wire, repository, payload = fragile.wire(), f"wreck/resume-{os.urandom(4).hex()}", os.urandom(400_000)
    location = pushes.start(wire, repository)
    location = pushes.patch(wire, location, payload[:150_000], 0).expect(202).location
    havoc.kill(fragile, "web")
    havoc.kill(fragile, "registry")
    fragile.wait_until_it_answers()
    answer = wire.request("GET", location).expect(204).expect_header("Range", "0-149999")
    location = pushes.patch(wire, answer.location, payload[150_000:], 150_000).expect(202).location
    digest = digest_of(payload)
    pushes.stored(wire, pushes.put(wire, location, digest), digest, payload)


def test_an_upload_whose_client_vanishes_is_told_truly(fragile: Running) -> None:
    """Half of a PATCH, then the connection is gone: the status says what arrived, or that the upload is lost."""
    wire, repository, payload = fragile.wire(), f"wreck/vanish-{os.urandom(4).hex()}", os.urandom(600_000)
    digest, location = digest_of(payload), pushes.start(wire, repository)
    place = urlsplit(location)
    head = f"PATCH {place.path}?{place.query} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: {OCTETS}\r\n"
    head += f"Authorization: {wire.authorization('PATCH', location)}\r\nContent-Length: {len(payload)}\r\n\r\n"
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall(head.encode() + payload[:250_000])
        stored = fragile.home / f"registry/docker/registry/v2/repositories/{repository}/_uploads"
        eventually(lambda: any(each.stat().st_size for each in stored.glob("*/data")), "nothing arrived upstream")
    answer = wire.request("GET", location).expect(204, 404)
    if answer.status == 204:
        sent = int(answer.headers["Range"].removeprefix("0-")) + 1
        location = pushes.patch(wire, answer.location, payload[sent:], sent).expect(202).location
        pushes.stored(wire, pushes.put(wire, location, digest), digest, payload)
    else:
        pushes.put(wire, location, digest).expect_error(404, "BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID")
        pushes.absent(wire, repository, digest)
        pushes.stored(wire, pushes.in_two(wire, repository, digest, payload), digest, payload)


def test_a_full_disk_fails_the_push_and_spoils_nothing(workspace: Path) -> None:
    home = workspace / "full"
    with havoc.small_disk(home / "registry", "48m") as disk, running_stack(home) as stack:
        stack.create_project("full")
        wire, small, big = stack.wire(), image(size=1_000_000), image(layers=1, size=20_000_000)
        pushes.push_content(wire, "full/small", small)
        filler = disk / "filler"
        filler.write_bytes(b"\0" * 32_000_000)
        _push_fails(wire, big)
        assert wire.request("GET", "/v2/full/big/tags/list").status == 404 or not havoc.assert_whole(wire, "full/big")
        for digest in big.blobs:
            if wire.request("HEAD", pushes.blob_path("full/big", digest)).status == 200:
                wire.fetch(pushes.blob_path("full/big", digest)).expect(200).expect_body(big.blobs[digest])
        havoc.assert_pulled_back(wire, "full/small", small)
        filler.unlink()
        pushes.push_content(wire, "full/big", big)
        havoc.assert_pulled_back(wire, "full/big", big)
        havoc.assert_pulled_back(wire, "full/small", small)


def _push_fails(wire: Wire, content: Content) -> None:
    """The layer that does not fit is refused in OCI's words, and so is the manifest that names it."""
    layer = max(content.blobs, key=lambda digest: len(content.blobs[digest]))
    for digest, payload in sorted(content.blobs.items(), key=lambda pair: pair[0] != layer):
        answer = wire.request("POST", pushes.uploads("full/big"), headers={"Content-Length": "0"})
        if answer.status == 202:
            answer = pushes.put(wire, answer.location, digest, payload)
        if digest == layer or answer.status != 201:
            assert (answer.status, answer.error_code) == (500, "UNKNOWN"), answer
    answer = pushes.put_manifest(wire, "full/big", "latest", content.top)
    assert answer.status >= 400, answer
    assert answer.error_code
    pushes.get_manifest(wire, "full/big", "latest").expect(404)
