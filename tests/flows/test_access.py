"""Who gets at what on the wire: tokens and their scopes, private content, and refusals that tell nothing."""

import os

import pytest

from tests.flows.conformance import pushes
from tests.flows.conftest import People, Person
from tests.flows.content import OCTETS, Content, image
from tests.flows.stacks import Running
from tests.flows.wire import Answer, Wire, digest_of, parse_challenge

SECRETS = ("date", "x-request-id")  # what differs between any two answers


@pytest.fixture
def private(stack: Running, people: People) -> tuple[str, Content]:
    """An image in the private project."""
    repository, content = f"{people.private}/secret-{os.urandom(4).hex()}", image()
    pushes.push_content(stack.wire(), repository, content)
    return repository, content


def wire_of(stack: Running, person: Person) -> Wire:
    return stack.wire(person.name, person.password)


def token(stack: Running, wire: Wire, *scopes: str) -> dict[str, str]:
    """A header with a token for these scopes, or as much of them as is granted."""
    challenge = parse_challenge(wire.send("GET", f"{stack.url}/v2/").expect(401).headers["WWW-Authenticate"])
    found = wire.token_for(challenge | {"scope": " ".join(scopes)})
    assert found
    return {"Authorization": f"Bearer {found}"}


def told(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """Everything an answer says, but for what differs between any two."""
    headers = sorted((k.lower(), v) for k, v in answer.headers.items() if k.lower() not in SECRETS)
    return answer.status, headers, answer.body


def test_each_refusal_has_one_challenge_with_the_scope_it_needs(stack: Running, private: tuple[str, Content]) -> None:
    repository, content = private
    digest, upload = next(iter(content.blobs)), "3fbd1b6c-3a3f-4f5e-a0f9-9a2dd0f5d001"
    base, wire = f"{stack.url}/v2/{repository}", stack.wire(None)
    asked = {
        ("GET", f"{base}/manifests/latest"): "pull",
        ("HEAD", f"{base}/manifests/latest"): "pull",
        ("GET", f"{base}/blobs/{digest}"): "pull",
        ("HEAD", f"{base}/blobs/{digest}"): "pull",
        ("GET", f"{base}/tags/list"): "pull",
        ("GET", f"{base}/referrers/{digest}"): "pull",
        ("POST", f"{base}/blobs/uploads/"): "pull,push",
        ("POST", f"{base}/blobs/uploads/?digest={digest}"): "pull,push",
        ("PATCH", f"{base}/blobs/uploads/{upload}?_state=x"): "pull,push",
        ("PUT", f"{base}/blobs/uploads/{upload}?_state=x&digest={digest}"): "pull,push",
        ("PUT", f"{base}/blobs/uploads/{upload}?_state=x&digest={digest_of(b'', 'sha512')}"): "pull,push",
        ("PUT", f"{base}/manifests/latest"): "pull,push",
        ("DELETE", f"{base}/manifests/latest"): "delete",
        ("DELETE", f"{base}/blobs/{digest}"): "delete",
    }
    for authorization in ({}, {"Authorization": "Bearer e30.e30.e30"}, {"Authorization": "Basic YTpi"}):
        for (method, url), actions in asked.items():
            body = b"x" * 70_000 if method in ("PUT", "PATCH", "POST") else None
            answer = wire.send(method, url, {**authorization, "Content-Type": OCTETS}, body)
            answer.expect_error(401, "UNAUTHORIZED")
            (challenge,) = answer.headers.getlist("WWW-Authenticate")
            parsed = parse_challenge(challenge)
            assert parsed["realm"] == f"{stack.url}/service/token", answer
            assert parsed["scope"] == f"repository:{repository}:{actions}", answer


def test_a_refusal_does_not_tell_what_is_there(stack: Running, people: People, private: tuple[str, Content]) -> None:
    """For somebody without access, what exists and what doesn't look the same: blob, manifest, repository, project."""
    repository, content = private
    wire = wire_of(stack, people.stranger)
    headers = token(stack, wire, f"repository:{repository}:pull", f"repository:{people.private}/nothing:pull")
    there, absent = next(iter(content.blobs)), digest_of(b"nobody pushed this")
    for method in ("GET", "HEAD"):
        for sent in (headers, {}):
            one, other = (
                wire.send(method, f"{stack.url}/v2/{repository}/blobs/{digest}", sent) for digest in (there, absent)
            )
            assert told(one) == told(other)
            one, other = (
                wire.send(method, f"{stack.url}/v2/{repository}/manifests/{tag}", sent) for tag in ("latest", "absent")
            )
            assert told(one) == told(other)


def test_the_token_service_grants_the_same_nothing_for_what_is_hidden_and_what_is_not_there(
    stack: Running, people: People, private: tuple[str, Content]
) -> None:
    wire = wire_of(stack, people.stranger)
    for scope in (f"repository:{private[0]}:pull,push", "repository:no-such/thing:pull,push"):
        repository = scope.split(":")[1]
        headers = token(stack, wire, scope)
        wire.send("GET", f"{stack.url}/v2/{repository}/tags/list", headers).expect_error(401, "UNAUTHORIZED")


def test_a_digest_mounts_nothing_that_its_bearer_may_not_pull(
    stack: Running, people: People, private: tuple[str, Content]
) -> None:
    """A developer elsewhere knows the digest of a private blob: with `from` or without, there is nothing to mount."""
    repository, content = private
    name = f"yard-{os.urandom(3).hex()}"
    stack.create_project(name)
    stack.add_member(name, people.stranger.name, "developer")
    wire, digest = wire_of(stack, people.stranger), next(iter(content.blobs))
    for query in ({"mount": digest}, {"mount": digest, "from": repository}):
        answer = wire.request("POST", pushes.uploads(f"{name}/app"), query=query, headers={"Content-Length": "0"})
        assert answer.status in (202, 401), answer
        wire.request("HEAD", pushes.blob_path(f"{name}/app", digest)).expect(404)
        wire.request("GET", pushes.blob_path(f"{name}/app", digest)).expect_error(404, "BLOB_UNKNOWN")
    manifest = pushes.put_manifest(wire, f"{name}/app", "stolen", content.top)
    manifest.expect_error(manifest.status, "MANIFEST_BLOB_UNKNOWN")
    assert manifest.status < 500


def test_a_member_of_both_mounts(stack: Running, people: People, private: tuple[str, Content]) -> None:
    repository, content = private
    wire, digest = wire_of(stack, people.developer), next(iter(content.blobs))
    place = f"{people.public}/mounted-{os.urandom(3).hex()}"
    query = {"mount": digest, "from": repository}
    wire.request("POST", pushes.uploads(place), query=query, headers={"Content-Length": "0"}).expect(201)
    wire.request("GET", pushes.blob_path(place, digest)).expect(200).expect_body(content.blobs[digest])


def test_a_token_opens_the_repository_it_names_and_no_other(
    stack: Running, people: People, private: tuple[str, Content]
) -> None:
    repository, content = private
    other, theirs = f"{people.private}/other-{os.urandom(3).hex()}", image()
    wire = wire_of(stack, people.developer)
    pushes.push_content(wire, other, theirs)
    headers = token(stack, wire, f"repository:{repository}:pull")
    digest = next(iter(theirs.blobs))
    for _ in range(2):  # the second time from the cache of the gate's answers
        mine = wire.send("GET", f"{stack.url}/v2/{repository}/blobs/{next(iter(content.blobs))}", headers)
        mine.expect(200)
        wire.send("GET", f"{stack.url}/v2/{other}/blobs/{digest}", headers).expect_error(401, "UNAUTHORIZED")
        wire.send("GET", f"{stack.url}/v2/{repository}/blobs/{digest}", headers).expect_error(404, "BLOB_UNKNOWN")
    wire.send("POST", f"{stack.url}{pushes.uploads(repository)}", headers).expect_error(401, "UNAUTHORIZED")


def test_a_guest_pulls_and_changes_nothing(stack: Running, people: People, private: tuple[str, Content]) -> None:
    repository, content = private
    wire, digest = wire_of(stack, people.guest), next(iter(content.blobs))
    pushes.get_manifest(wire, repository, "latest").expect(200).expect_body(content.top.payload)
    wire.request("GET", pushes.blob_path(repository, digest)).expect(200)
    wire.request("POST", pushes.uploads(repository)).expect_error(401, "UNAUTHORIZED")
    pushes.put_manifest(wire, repository, "guest", content.top).expect_error(401, "UNAUTHORIZED")
    wire.request("DELETE", pushes.manifest_path(repository, "latest")).expect_error(401, "UNAUTHORIZED")
    wire.request("DELETE", pushes.blob_path(repository, digest)).expect_error(401, "UNAUTHORIZED")
    pushes.get_manifest(wire, repository, "latest").expect(200)


def test_an_upload_belongs_to_the_repository_it_began_in(stack: Running, people: People) -> None:
    """The address of an upload in one repository, put below the name of another."""
    wire, payload = wire_of(stack, people.developer), os.urandom(400)
    first, second = (f"{people.private}/{name}-{os.urandom(3).hex()}" for name in ("first", "second"))
    pushes.push_content(wire, second, image())
    location = pushes.start(wire, first)
    moved = location.replace(f"/v2/{first}/", f"/v2/{second}/")
    answer = pushes.put(wire, moved, digest_of(payload), payload)
    assert 400 <= answer.status < 500, answer
    pushes.absent(wire, second, digest_of(payload))


def test_the_catalog_shows_what_its_reader_may_see(
    stack: Running, people: People, private: tuple[str, Content]
) -> None:
    public = f"{people.public}/seen-{os.urandom(3).hex()}"
    pushes.push_content(stack.wire(), public, image())
    seen = {
        who: set(wire.request("GET", "/v2/_catalog", query={"n": "1000"}).expect(200).json()["repositories"])
        for who, wire in {
            "admin": stack.wire(),
            "member": wire_of(stack, people.guest),
            "stranger": wire_of(stack, people.stranger),
        }.items()
    }
    assert {public, private[0]} <= seen["admin"]
    assert {public, private[0]} <= seen["member"]
    assert public in seen["stranger"]
    assert private[0] not in seen["stranger"]


def test_who_leaves_a_project_gets_no_new_token(stack: Running, private: tuple[str, Content], people: People) -> None:
    name = f"left-{os.urandom(3).hex()}"
    password = stack.create_user(name)
    stack.add_member(people.private, name, "guest")
    wire = stack.wire(name, password)
    pushes.get_manifest(wire, private[0], "latest").expect(200)
    stack.manage("removemember", people.private, "--user", name)
    wire.forget_tokens()
    pushes.get_manifest(wire, private[0], "latest").expect_error(401, "UNAUTHORIZED")


def test_a_new_password_ends_the_old_one_at_once(stack: Running) -> None:
    name = f"renewed-{os.urandom(3).hex()}"
    old = stack.create_user(name)
    wire = stack.wire(name, old)
    wire.request("GET", "/v2/").expect(200)
    stack.manage("resetpassword", name, "--password-stdin", stdin="Another1-secret\n")
    wire.forget_tokens()
    wire.request("GET", "/v2/").expect(401)
    stack.wire(name, "Another1-secret").request("GET", "/v2/").expect(200)
