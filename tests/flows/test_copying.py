"""A journey with copies: what docker pushed to one project is promoted to another over the API, and pulled there."""

import os

from tests.flows.clients import Docker
from tests.flows.conftest import People
from tests.flows.stacks import Running


def test_a_pushed_image_is_promoted_and_pulled(docker: Docker, stack: Running, people: People) -> None:
    docker.login(stack.host, "admin", stack.admin_password)
    name = f"apps/app-{os.urandom(4).hex()}"
    image_id = docker.build(f"{stack.host}/{people.private}/{name}:v1", ("/data", os.urandom(300_000)))
    docker.run("push", f"{stack.host}/{people.private}/{name}:v1")
    dora = stack.wire(people.developer.name, people.developer.password)
    path = f"/api/v2.0/projects/{people.public}/repositories/{name.replace('/', '%252F')}/artifacts"
    source = f"{people.private}/{name}:v1"
    made = dora.send("POST", f"{stack.url}{path}?from={source}", dora.basic()).expect(201)
    assert dora.send("GET", made.location, dora.basic()).expect(200).json()["tags"][0]["name"] == "v1"
    sam = stack.wire(people.stranger.name, people.stranger.password)
    sam.send("POST", f"{stack.url}{path}?from={source}", sam.basic()).expect(403)
    docker.run("logout", stack.host)
    docker.run("image", "rm", "-f", f"{stack.host}/{people.private}/{name}:v1")
    docker.run("pull", f"{stack.host}/{people.public}/{name}:v1")
    assert docker.image_id(f"{stack.host}/{people.public}/{name}:v1") == image_id
