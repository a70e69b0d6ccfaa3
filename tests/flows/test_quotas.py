"""A full project's journey: who pushes to it with a real client is told so in words, and deleting makes room."""

import os
from pathlib import Path

import pytest

from tests.flows.clients import Docker, Podman, Skopeo
from tests.flows.content import Content, write_layout
from tests.flows.stacks import Running

MIB = 1024**2


@pytest.fixture
def project(stack: Running) -> str:
    """A project that may hold 4 MiB."""
    name = stack.create_project(f"small-{os.urandom(3).hex()}")
    stack.manage("quotas", "set", name, "4MiB")
    return name


def layout(directory: Path, size: int) -> tuple[Path, Content]:
    """An image with one layer of about `size` bytes."""
    content = Content()
    content.add_image(layers=1, size=size)
    return write_layout(content.tag("latest"), directory), content


def blob_files(stack: Running, content: Content) -> list[Path]:
    """The files of the content's blobs that the store has."""
    root = stack.home / "registry/docker/registry/v2/blobs/sha256"
    hexes = [digest.partition(":")[2] for digest in content.blobs]
    return [path for name in hexes if (path := root / name[:2] / name / "data").exists()]


def test_docker_says_why_an_image_is_too_large(docker: Docker, stack: Running, project: str) -> None:
    docker.login(stack.host, "admin", stack.admin_password)
    small, large = (f"{stack.host}/{project}/app:{tag}" for tag in ("small", "large"))
    docker.build(small, ("/data", os.urandom(2 * MIB)))
    docker.run("push", small)
    docker.build(large, ("/data", os.urandom(3 * MIB)))
    words = docker.refused("push", large)
    assert (
        f"denied: adding 3.0 MiB to the 2.0 MiB used would exceed the limit of 4.0 MiB of the project {project}"
        in words
    )
    assert stack.manage("quotas", "--project", project) == f"{project}\t2.0 MiB of 4.0 MiB\t50 %\n"


def test_room_that_is_made_can_be_used_at_once(docker: Docker, skopeo: Skopeo, stack: Running, project: str) -> None:
    docker.login(stack.host, "admin", stack.admin_password)
    skopeo.login(stack.host, "admin", stack.admin_password)
    first, second = (f"{stack.host}/{project}/app:{tag}" for tag in ("first", "second"))
    docker.build(first, ("/data", os.urandom(3 * MIB)))
    docker.run("push", first)
    docker.build(second, ("/data", os.urandom(3 * MIB)))
    assert "denied: adding 3.0 MiB" in docker.refused("push", second)
    skopeo.run("delete", *skopeo.flags, f"docker://{first}")
    docker.run("push", second)
    assert stack.manage("quotas", "--check").splitlines()[-1] == "0 differences, 0 mended"


def test_skopeo_is_refused_before_the_bytes_are_stored(
    skopeo: Skopeo, stack: Running, project: str, tmp_path: Path
) -> None:
    """It says how long a layer is; nobody shall send ten gigabytes in vain."""
    skopeo.login(stack.host, "admin", stack.admin_password)
    large, content = layout(tmp_path / "large", 64 * MIB)
    place = f"docker://{stack.host}/{project}/app:latest"
    words = skopeo.refused("copy", "--dest-tls-verify=false", f"oci:{large}:latest", place)
    assert "denied: adding 64.0 MiB to the 0 B used would exceed the limit of 4.0 MiB" in words
    assert max((path.stat().st_size for path in blob_files(stack, content)), default=0) < MIB
    uploads = stack.home / f"registry/docker/registry/v2/repositories/{project}/app/_uploads"
    assert sum(path.stat().st_size for path in uploads.rglob("data")) < MIB

    small, _ = layout(tmp_path / "small", 2 * MIB)
    skopeo.copy(f"oci:{small}:latest", place)


def test_podman_is_told_that_a_project_is_full(podman: Podman, stack: Running, project: str) -> None:
    podman.login(stack.host, "admin", stack.admin_password)
    name = f"{stack.host}/{project}/app:v1"
    context = podman.home / "context"
    context.mkdir(parents=True)
    (context / "data").write_bytes(os.urandom(3 * MIB))
    (context / "Containerfile").write_text("FROM scratch\nCOPY data /data\n")
    podman.run("build", "-q", "-t", name, str(context))
    podman.run("push", *podman.flags, name)
    stack.manage("quotas", "set", project, "1MiB")
    (context / "data").write_bytes(os.urandom(100_000))
    podman.run("build", "-q", "-t", name, str(context))
    assert f"denied: the project {project} is full: 3.0 MiB used of the limit of 1.0 MiB" in podman.refused(
        "push", *podman.flags, name
    )
    stack.manage("quotas", "set", project, "unlimited")
    podman.run("push", *podman.flags, name)
