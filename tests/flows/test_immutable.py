"""A journey with immutable tags: a release is pushed by docker, then neither docker nor skopeo replaces it."""

import json
import os
from pathlib import Path

import pytest

from tests.flows.clients import ClientFailed, Docker, Skopeo
from tests.flows.conftest import People
from tests.flows.stacks import Running

REFUSED = "v1 is configured as immutable, cannot be updated"


@pytest.fixture
def ruled(stack: Running, people: People) -> str:
    """A project whose tags `v*` are immutable, by a rule made over the API."""
    project = stack.create_project(f"release-{os.urandom(3).hex()}")
    selector = {"kind": "doublestar", "decoration": "matches", "pattern": "v*"}
    rule = {
        "tag_selectors": [selector],
        "scope_selectors": {"repository": [selector | {"decoration": "repoMatches", "pattern": "**"}]},
    }
    admin = stack.wire()
    url = f"{stack.url}/api/v2.0/projects/{project}/immutabletagrules"
    admin.send("POST", url, admin.basic() | {"Content-Type": "application/json"}, json.dumps(rule).encode()).expect(201)
    return project


def test_docker_and_skopeo_are_told_why_a_release_stays(
    docker: Docker, skopeo: Skopeo, stack: Running, ruled: str, tmp_path: Path
) -> None:
    docker.login(stack.host, "admin", stack.admin_password)
    skopeo.login(stack.host, "admin", stack.admin_password)
    name = f"{stack.host}/{ruled}/app"
    first = docker.build(f"{name}:v1", ("/data", os.urandom(1000)))
    docker.run("push", f"{name}:v1")
    docker.run("push", f"{name}:v1")  # a pipeline that runs twice
    second = docker.build(f"{name}:v1", ("/data", os.urandom(1000)))
    words = docker.refused("push", f"{name}:v1")
    assert REFUSED in words
    docker.run("tag", f"{name}:v1", f"{name}:latest")
    docker.run("push", f"{name}:latest")
    with pytest.raises(ClientFailed, match=REFUSED):
        skopeo.copy(f"docker://{name}:latest", f"docker://{name}:v1")
    assert "cannot be deleted" in skopeo.refused("delete", "--tls-verify=false", f"docker://{name}:v1")
    docker.run("image", "rm", "-f", f"{name}:v1", f"{name}:latest")
    for tag, image_id in (("v1", first), ("latest", second)):
        docker.run("pull", f"{name}:{tag}")
        assert docker.image_id(f"{name}:{tag}") == image_id
