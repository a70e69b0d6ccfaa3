"""Journeys with the docker engine: log in, build, push, pull back; who may and who may not."""

import base64
import json
import os
from pathlib import Path

import pytest

from tests.flows.clients import ClientFailed, Docker, busybox
from tests.flows.conftest import People, Person
from tests.flows.stacks import Running


def unique(stack: Running, project: str, name: str = "app") -> str:
    return f"{stack.host}/{project}/{name}-{os.urandom(4).hex()}:v1"


def as_person(docker: Docker, person: Person, stack: Running, home: Path) -> Docker:
    other = Docker(home / person.name, socket=docker.socket)
    other.login(stack.host, person.name, person.password)
    return other


def is_refusal(words: str) -> bool:
    return any(word in words.lower() for word in ("denied", "unauthorized", "insufficient scope"))


def pulled_anew(docker: Docker, name: str) -> str:
    """Remove the image from the engine, pull it, answer its id."""
    docker.run("image", "rm", "-f", name)
    docker.run("pull", name)
    return docker.image_id(name)


def test_it_pushes_and_pulls_back_the_same_image(docker: Docker, stack: Running, people: People) -> None:
    docker.login(stack.host, "admin", stack.admin_password)
    name = unique(stack, people.private)
    image_id = docker.build(name, ("/bin/busybox", busybox()), ("/data", os.urandom(300_000)))
    docker.run("push", name)
    docker.run("image", "rm", "-f", name)
    with pytest.raises(ClientFailed):
        docker.image_id(name)
    docker.run("pull", name)
    assert docker.image_id(name) == image_id


def test_a_pulled_image_runs(docker: Docker, stack: Running, people: People) -> None:
    docker.login(stack.host, "admin", stack.admin_password)
    name = unique(stack, people.private)
    docker.build(name, ("/bin/busybox", busybox()))
    docker.run("push", name)
    pulled_anew(docker, name)
    assert docker.run("run", "--rm", "--network=none", name, "/bin/busybox", "echo", "ashore") == "ashore"


def test_it_refuses_a_wrong_password(docker: Docker, stack: Running) -> None:
    words = docker.login_refused(stack.host, "admin", "not the password")
    assert "unauthorized" in words.lower()
    docker.login(stack.host, "admin", stack.admin_password)


def test_a_logged_out_docker_pulls_from_a_public_project_only(docker: Docker, stack: Running, people: People) -> None:
    docker.login(stack.host, "admin", stack.admin_password)
    private, public = unique(stack, people.private), unique(stack, people.public)
    image_id = docker.build(private, ("/data", os.urandom(1000)))
    docker.run("tag", private, public)
    docker.run("push", private)
    docker.run("push", public)
    docker.run("logout", stack.host)
    docker.run("image", "rm", "-f", private, public)
    assert is_refusal(docker.refused("pull", private))
    docker.run("pull", public)
    assert docker.image_id(public) == image_id
    assert is_refusal(docker.refused("push", public))


def test_a_developer_pushes_a_guest_pulls_and_a_stranger_does_neither(
    docker: Docker, stack: Running, people: People, tmp_path: Path
) -> None:
    developer = as_person(docker, people.developer, stack, tmp_path)
    guest = as_person(docker, people.guest, stack, tmp_path)
    stranger = as_person(docker, people.stranger, stack, tmp_path)
    name = unique(stack, people.private)
    image_id = developer.build(name, ("/data", os.urandom(1000)))
    assert is_refusal(guest.refused("push", name))
    assert is_refusal(stranger.refused("push", name))
    developer.run("push", name)
    assert pulled_anew(guest, name) == image_id
    guest.run("image", "rm", "-f", name)
    there, nowhere = stranger.refused("pull", name), stranger.refused("pull", unique(stack, "nowhere"))
    assert _without_names(there) == _without_names(nowhere), "the refusal tells whether the repository exists"


def _without_names(words: str) -> str:
    return " ".join(word for word in words.split() if "/" not in word)


def test_a_project_that_does_not_exist_takes_no_push(
    docker: Docker, stack: Running, people: People, tmp_path: Path
) -> None:
    developer = as_person(docker, people.developer, stack, tmp_path)
    name = unique(stack, "no-such-project")
    developer.build(name, ("/data", os.urandom(100)))
    assert is_refusal(developer.refused("push", name))


def test_login_leaves_an_identity_token_and_no_password(docker: Docker, stack: Running, people: People) -> None:
    """docker asks for an offline token, keeps that instead of the password, and pushes with it."""
    person = people.developer
    docker.login(stack.host, person.name, person.password)
    kept = docker.stored(stack.host)
    assert kept.get("identitytoken")
    assert base64.b64decode(kept["auth"]).decode().rstrip("\0") == f"{person.name}:" or "auth" not in kept
    assert person.password not in json.dumps(kept)
    name = unique(stack, people.private)
    image_id = docker.build(name, ("/data", os.urandom(1000)))
    docker.run("push", name)
    assert pulled_anew(docker, name) == image_id


def test_a_second_repository_gets_its_layers_by_mounting(docker: Docker, stack: Running, people: People) -> None:
    docker.login(stack.host, "admin", stack.admin_password)
    first, second = unique(stack, people.private, "first"), unique(stack, people.private, "second")
    docker.build(first, ("/data", os.urandom(500_000)))
    docker.run("tag", first, second)
    assert "Pushed" in docker.run("push", first)
    assert "Mounted from" in docker.run("push", second)
    assert "Layer already exists" in docker.run("push", second)
    docker.run("image", "rm", "-f", first, second)
    docker.run("pull", second)


def test_a_manifest_list_is_pulled_for_the_engine_s_platform(docker: Docker, stack: Running, people: People) -> None:
    docker.login(stack.host, "admin", stack.admin_password)
    base = unique(stack, people.private)
    image_id = docker.build(base + "-amd64", ("/data", os.urandom(1000)))
    docker.run("push", base + "-amd64")
    docker.environment["DOCKER_CLI_EXPERIMENTAL"] = "enabled"
    docker.run("manifest", "create", "--insecure", base, base + "-amd64")
    docker.run("manifest", "push", "--insecure", base)
    docker.run("image", "rm", "-f", base + "-amd64")
    docker.run("pull", base)
    assert docker.image_id(base) == image_id


def test_a_deleted_tag_is_no_longer_pulled(docker: Docker, stack: Running, people: People) -> None:
    docker.login(stack.host, "admin", stack.admin_password)
    name = unique(stack, people.private)
    docker.build(name, ("/data", os.urandom(1000)))
    docker.run("push", name)
    repository = name.removeprefix(stack.host + "/").removesuffix(":v1")
    stack.wire().request("DELETE", f"/v2/{repository}/manifests/v1").expect(202)
    docker.run("image", "rm", "-f", name)
    assert "not found" in docker.refused("pull", name) or "manifest unknown" in docker.refused("pull", name)
