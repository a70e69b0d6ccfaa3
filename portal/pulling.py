"""The commands by which people get an artifact, or bring one."""

from __future__ import annotations

from dataclasses import dataclass

from artifacts.kinds import CHART, IMAGE, kind_of
from artifacts.models import Manifest


@dataclass(frozen=True, slots=True)
class Command:
    program: str
    text: str


def commands(host: str, repository: str, artifact: Manifest, tag: str) -> list[Command]:
    """By tag where there is one, and always by digest: names move, content doesn't."""
    exact = f"{host}/{repository}@{artifact.digest}"
    named = f"{host}/{repository}:{tag}" if tag else exact
    kind = kind_of(artifact.media_type, artifact.artifact_type)
    if kind == CHART:
        version = f" --version {tag}" if tag else ""
        return [Command("helm", f"helm pull oci://{host}/{repository}{version}"), _skopeo(named, repository)]
    if kind != IMAGE:
        return [Command("oras", f"oras pull {named}"), _skopeo(named, repository)]
    by_tag = [Command(program, f"{program} pull {named}") for program in ("docker", "podman")]
    by_digest = [Command("docker", f"docker pull {exact}")] if tag else []
    return [*by_tag, _skopeo(named, repository), *by_digest]


def _skopeo(named: str, repository: str) -> Command:
    return Command("skopeo", f"skopeo copy docker://{named} oci:{repository.rpartition('/')[2]}")


def pushing(host: str, repository: str) -> list[str]:
    """How an image comes into a repository."""
    return [
        f"docker login {host}",
        f"docker tag IMAGE {host}/{repository}:TAG",
        f"docker push {host}/{repository}:TAG",
    ]
