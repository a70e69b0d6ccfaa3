"""Journeys with podman, skopeo and buildah."""

import json
import os
from pathlib import Path

from tests.flows.clients import Buildah, Client, Podman, Skopeo, busybox
from tests.flows.conformance import pushes
from tests.flows.conformance.shapes import KIND_A
from tests.flows.conftest import People
from tests.flows.content import OCI_INDEX, Content, write_layout
from tests.flows.stacks import Running


def log_in(client: Client, stack: Running) -> None:
    client.login(stack.host, "admin", stack.admin_password)


def repository(people: People, name: str) -> str:
    return f"{people.private}/{name}-{os.urandom(4).hex()}"


def is_refusal(words: str) -> bool:
    return any(
        word in words.lower() for word in ("unauthorized", "denied", "authentication required", "insufficient scope")
    )


def scratch_image(podman: Podman, name: str) -> str:
    context = podman.home / "context"
    context.mkdir(parents=True)
    (context / "busybox").write_bytes(busybox())
    (context / "data").write_bytes(os.urandom(200_000))
    (context / "Containerfile").write_text("FROM scratch\nCOPY busybox /bin/busybox\nCOPY data /data\n")
    podman.run("build", "-q", "--layers", "-t", name, str(context))
    return podman.run("image", "inspect", "--format", "{{.Id}}", name)


def multi_arch() -> Content:
    content = Content()
    children = [content.add_image(architecture=name) for name in ("amd64", "arm64", "s390x")]
    content.add_index(children)
    return content.tag("multi")


def test_podman_pushes_and_pulls_back_the_same_image(podman: Podman, stack: Running, people: People) -> None:
    log_in(podman, stack)
    name = f"{stack.host}/{repository(people, 'podman')}:v1"
    image_id = scratch_image(podman, name)
    podman.run("push", *podman.flags, name)
    podman.run("rmi", "-f", name)
    podman.run("pull", *podman.flags, name)
    assert podman.run("image", "inspect", "--format", "{{.Id}}", name) == image_id


def test_podman_refuses_what_the_registry_refuses(podman: Podman, stack: Running, people: People) -> None:
    assert "invalid username/password" in podman.login_refused(stack.host, "admin", "wrong")
    name = f"{stack.host}/{repository(people, 'podman')}:v1"
    assert is_refusal(podman.refused("pull", *podman.flags, name))
    podman.login(stack.host, people.guest.name, people.guest.password)
    scratch_image(podman, name)
    assert is_refusal(podman.refused("push", *podman.flags, name))


def test_podman_pushes_docker_s_format_too(podman: Podman, stack: Running, people: People) -> None:
    log_in(podman, stack)
    name = f"{stack.host}/{repository(people, 'v2s2')}:v1"
    image_id = scratch_image(podman, name)
    podman.run("push", *podman.flags, "--format", "v2s2", name)
    podman.run("rmi", "-f", name)
    podman.run("pull", *podman.flags, name)
    assert podman.run("image", "inspect", "--format", "{{.Id}}", name) == image_id


def test_skopeo_copies_a_whole_index_in_and_out(skopeo: Skopeo, stack: Running, people: People, tmp_path: Path) -> None:
    log_in(skopeo, stack)
    content, place = multi_arch(), repository(people, "multi")
    layout = write_layout(content, tmp_path / "in")
    skopeo.copy(f"oci:{layout}:multi", f"docker://{stack.host}/{place}:multi", "--all")
    skopeo.copy(f"docker://{stack.host}/{place}:multi", f"oci:{tmp_path / 'out'}:multi", "--all")
    for digest, payload in content.blobs.items() | {(each.digest, each.payload) for each in content.manifests}:
        assert (tmp_path / "out/blobs/sha256" / digest.removeprefix("sha256:")).read_bytes() == payload


def test_skopeo_inspects_lists_and_deletes(skopeo: Skopeo, stack: Running, people: People, tmp_path: Path) -> None:
    log_in(skopeo, stack)
    content, place = multi_arch(), repository(people, "listed")
    layout = write_layout(content, tmp_path / "in")
    for tag in ("b", "a", "c"):
        skopeo.copy(f"oci:{layout}:multi", f"docker://{stack.host}/{place}:{tag}", "--all")
    reference = f"docker://{stack.host}/{place}"
    raw = skopeo.run("inspect", *skopeo.flags, "--raw", f"{reference}:a")
    assert raw.encode() == content.top.payload.strip()
    told = json.loads(skopeo.run("inspect", *skopeo.flags, f"{reference}:a"))
    assert (told["Digest"], told["Architecture"]) == (content.top.digest, "amd64")
    assert json.loads(skopeo.run("list-tags", *skopeo.flags, reference))["Tags"] == ["a", "b", "c"]
    skopeo.run("delete", *skopeo.flags, f"{reference}:a")
    assert "manifest unknown" in skopeo.refused("inspect", *skopeo.flags, f"{reference}:a")


def test_skopeo_copies_between_two_repositories(skopeo: Skopeo, stack: Running, people: People, tmp_path: Path) -> None:
    log_in(skopeo, stack)
    content = multi_arch()
    layout = write_layout(content, tmp_path / "in")
    first, second = repository(people, "from"), f"{people.public}/to-{os.urandom(4).hex()}"
    skopeo.copy(f"oci:{layout}:multi", f"docker://{stack.host}/{first}:v1", "--all")
    skopeo.copy(f"docker://{stack.host}/{first}:v1", f"docker://{stack.host}/{second}:v1", "--all")
    anonymous = stack.wire(None)
    pushes.get_manifest(anonymous, second, "v1").expect(200).expect_body(content.top.payload)
    assert pushes.get_manifest(anonymous, first, "v1").status == 401


def test_buildah_builds_and_pushes(buildah: Buildah, skopeo: Skopeo, stack: Running, people: People) -> None:
    log_in(buildah, stack)
    log_in(skopeo, stack)
    place = repository(people, "buildah")
    container = buildah.run("from", "scratch")
    source = buildah.home / "busybox"
    source.write_bytes(busybox())
    buildah.run("copy", container, str(source), "/bin/busybox")
    buildah.run("commit", "-q", container, "built")
    buildah.run("push", *buildah.flags, "built", f"docker://{stack.host}/{place}:v1")
    told = json.loads(skopeo.run("inspect", *skopeo.flags, f"docker://{stack.host}/{place}:v1"))
    assert told["Name"] == f"{stack.host}/{place}"
    assert len(told["Layers"]) == 1


def test_buildah_pushes_a_manifest_list(buildah: Buildah, stack: Running, people: People, tmp_path: Path) -> None:
    log_in(buildah, stack)
    content, place = multi_arch(), repository(people, "list")
    layout = write_layout(content, tmp_path / "in")
    buildah.run("manifest", "create", "several")
    buildah.run("manifest", "add", "--all", "several", f"oci:{layout}:multi")
    buildah.run("manifest", "push", *buildah.flags, "--all", "several", f"docker://{stack.host}/{place}:v1")
    pulled = pushes.get_manifest(stack.wire(), place, "v1").expect(200).json()
    assert {each["digest"] for each in pulled["manifests"]} == {each.digest for each in content.manifests[:3]}


def test_a_signature_is_found_by_what_it_signs(skopeo: Skopeo, stack: Running, people: People, tmp_path: Path) -> None:
    """As cosign does: an artifact with a subject, pushed after the image, found through the referrers API."""
    log_in(skopeo, stack)
    content, place = multi_arch(), repository(people, "signed")
    layout = write_layout(content, tmp_path / "in")
    skopeo.copy(f"oci:{layout}:multi", f"docker://{stack.host}/{place}:v1", "--all")
    signature = Content()
    signature.add_artifact(KIND_A, subject=content.top.descriptor, annotations={"org.example.key": "k1"})
    wire = stack.wire()
    pushes.push_content(wire, place, signature)
    answer = wire.request("GET", f"/v2/{place}/referrers/{content.top.digest}").expect(200)
    answer.expect_header("Content-Type", OCI_INDEX)
    (found,) = answer.json()["manifests"]
    assert (found["digest"], found["artifactType"]) == (signature.top.digest, KIND_A)
    assert found["annotations"] == {"org.example.key": "k1"}


def test_skopeo_finds_nothing_where_it_may_not_look(
    skopeo: Skopeo, stack: Running, people: People, tmp_path: Path
) -> None:
    log_in(skopeo, stack)
    layout, place = write_layout(multi_arch(), tmp_path / "in"), repository(people, "hidden")
    skopeo.copy(f"oci:{layout}:multi", f"docker://{stack.host}/{place}:v1", "--all")
    stranger = Skopeo(tmp_path / "stranger")
    stranger.login(stack.host, people.stranger.name, people.stranger.password)
    assert is_refusal(stranger.refused("list-tags", *stranger.flags, f"docker://{stack.host}/{place}"))
    assert is_refusal(stranger.refused("inspect", *stranger.flags, f"docker://{stack.host}/{place}:v1"))
