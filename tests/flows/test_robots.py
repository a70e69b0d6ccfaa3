"""A pipeline's journey: a robot logs in with real clients, pushes, pulls, and is stopped."""

import os
from pathlib import Path

from tests.flows.clients import Docker, Skopeo
from tests.flows.conftest import People
from tests.flows.content import image, write_layout
from tests.flows.stacks import Running
from tests.flows.test_oci_clients import is_refusal


def create_robot(stack: Running, project: str, *permissions: str) -> tuple[str, str]:
    """The login name and the secret of a new robot."""
    name = f"ci-{os.urandom(3).hex()}"
    secret = stack.manage("createrobot", name, *permissions, "--project", project).strip()
    return f"robot${project}+{name}", secret


def test_a_robot_pushes_and_pulls_in_its_project_alone(
    skopeo: Skopeo, stack: Running, people: People, tmp_path: Path
) -> None:
    robot, secret = create_robot(stack, people.private, "repository:pull", "repository:push")
    content, name = image(), f"robots-{os.urandom(3).hex()}"
    layout = write_layout(content, tmp_path / "in")
    place = f"docker://{stack.host}/{people.private}/{name}:latest"

    skopeo.login(stack.host, robot, secret)
    skopeo.copy(f"oci:{layout}:latest", place)
    skopeo.copy(place, f"oci:{tmp_path / 'out'}:latest")
    assert is_refusal(skopeo.refused("delete", *skopeo.flags, place))
    other = f"docker://{stack.host}/{people.public}/{name}:latest"
    assert is_refusal(skopeo.refused("copy", "--dest-tls-verify=false", f"oci:{layout}:latest", other))

    pushed = stack.manage("audit", "--actor", robot, "--operation", "create")
    assert f"{people.private}/{name}" in pushed


def test_docker_logs_in_as_a_robot_until_it_is_disabled(docker: Docker, stack: Running, people: People) -> None:
    robot, secret = create_robot(stack, people.private, "repository:pull", "repository:push")

    assert "Login Succeeded" in docker.login(stack.host, robot, secret)
    assert "identitytoken" not in docker.stored(stack.host)
    name = f"{stack.host}/{people.private}/robots-{os.urandom(3).hex()}:v1"
    identity = docker.build(name, ("/data", os.urandom(50_000)))
    docker.run("push", "-q", name)
    docker.run("rmi", "-f", name)
    docker.run("pull", "-q", name)
    assert docker.image_id(name) == identity

    second = stack.manage("refreshrobot", robot, "--overlap", "1").strip()
    for good in (secret, second):
        docker.login(stack.host, robot, good)
    stack.manage("disablerobot", robot)
    assert "unauthorized" in docker.login_refused(stack.host, robot, second)
    assert is_refusal(docker.refused("push", "-q", name))


def test_a_personal_token_is_the_password_within_its_bounds(
    skopeo: Skopeo, stack: Running, people: People, tmp_path: Path
) -> None:
    """A developer of two projects, by a token that pulls and pushes in one."""
    dora = people.developer.name
    made = (
        "createtoken",
        dora,
        f"t{os.urandom(3).hex()}",
        "repository:pull",
        "repository:push",
        "--on",
        people.private,
    )
    secret, name = stack.manage(*made).strip(), f"tokens-{os.urandom(3).hex()}"
    layout = write_layout(image(), tmp_path / "in")

    skopeo.login(stack.host, dora, secret)
    skopeo.copy(f"oci:{layout}:latest", f"docker://{stack.host}/{people.private}/{name}:latest")
    other = f"docker://{stack.host}/{people.public}/{name}:latest"
    assert is_refusal(skopeo.refused("copy", "--dest-tls-verify=false", f"oci:{layout}:latest", other))

    stack.manage("revoketoken", dora, made[2])
    assert "invalid username/password" in skopeo.login_refused(stack.host, dora, secret)
