"""docs/ci.md: every command in it, run as it is written, against a stack."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flows.clients import PROGRAMS, TIMEOUT
from tests.flows.stacks import CHECKOUT, Running, clean_environment

GUIDE = CHECKOUT / "docs" / "ci.md"
_BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_KEPT = ("ROBOT", "ROBOT_SECRET", "ARTIFACTS", "VERSION", "PROJECT")


def blocks(language: str) -> list[str]:
    found = [each["text"] for each in _BLOCK.finditer(GUIDE.read_text()) if each["language"] == language]
    assert found, f"{GUIDE.name} has no block of {language}"
    return found


@dataclass
class Runner:
    """A machine of the pipeline's: a directory, the clients' places below it, and what the shell has exported."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, script: str) -> str:
        """The shell as pipelines run it: it ends at the first command that fails. Answer what it printed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.home,
            env=clean_environment(PATH=PROGRAMS, HOME=str(self.home)) | self.variables,
            capture_output=True,
            text=True,
            timeout=TIMEOUT * 2,
            check=False,
        )
        assert not done.returncode, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done.stdout


@pytest.fixture
def runner(stack: Running, engine: Path, workspace: Path) -> Runner:
    """Everything comes by the environment, so that the commands need nothing more than what the page says of them."""
    home = workspace / f"ci{os.urandom(3).hex()}"  # podman insists on short paths
    settings = home / ".config" / "containers"
    settings.mkdir(parents=True)
    storage = {"driver": "vfs", "graphroot": str(home / "storage"), "runroot": str(home / "run")}
    (home / "storage.conf").write_text(toml("storage", storage))
    (home / "containers.conf").write_text(toml("engine", {"cgroup_manager": "cgroupfs"}))
    (settings / "registries.conf").write_text(toml("[registry]", {"location": stack.host, "insecure": True}))
    (home / "auth.json").write_text("{}")
    return Runner(
        home,
        {
            "REGISTRY": stack.host,
            "ADMIN_PASSWORD": stack.admin_password,
            "DOCKER_HOST": f"unix://{engine}",
            "DOCKER_CONFIG": str(home / "docker"),
            "REGISTRY_AUTH_FILE": str(home / "auth.json"),
            "CONTAINERS_STORAGE_CONF": str(home / "storage.conf"),
            "CONTAINERS_CONF": str(home / "containers.conf"),
        },
    )


def toml(table: str, values: Mapping[str, object]) -> str:
    """One table; JSON's texts and flags are TOML's."""
    return "\n".join([f"[{table}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]) + "\n"


def commands(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def test_the_guide_does_what_it_says(stack: Running, runner: Runner):
    printed = runner.run(commands([*blocks("sh"), *(f'echo "{name}=${name}"' for name in _KEPT)]))
    kept = dict(line.partition("=")[::2] for line in printed.splitlines()[-len(_KEPT) :])
    assert kept["ROBOT"] == "robot$apps+ci"

    admin = stack.wire()
    (web,) = call(stack, "GET", "/projects/apps/repositories")
    tags = {tag["name"] for each in call(stack, "GET", kept["ARTIFACTS"]) for tag in each["tags"]}
    assert web["name"] == "apps/web"
    assert tags == {"1.4.0", "1.4.0-buildah", "candidate"}
    (tested,) = [each for each in call(stack, "GET", f"{kept['ARTIFACTS']}?with_label=true") if each["labels"]]
    assert [tag["name"] for tag in tested["tags"]] == ["1.4.0"]
    assert tested["digest"] in printed
    logs = call(stack, "GET", "/projects/apps/logs?page_size=100")
    deeds = {(each["username"], each["operation"], each["resource_type"]) for each in logs}
    assert {("admin", "create", "robot"), (kept["ROBOT"], "create", "artifact")} <= deeds
    assert (kept["ROBOT"], "delete", "artifact") in deeds
    assert admin.request("GET", "/v2/apps/web/manifests/candidate").status == 200

    pipelines(stack, runner, kept)


def pipelines(stack: Running, runner: Runner, given: Mapping[str, str]) -> None:
    """The scripts of the YAML, with the variables as these systems would set them."""
    gitlab, github = (yaml.safe_load(text) for text in blocks("yaml"))
    secrets = {name: given[name] for name in ("ROBOT", "ROBOT_SECRET")}
    registry = {"REGISTRY": stack.host}  # the example's own stands in its place
    job = gitlab["push"]
    assert job["variables"].keys() == registry.keys()
    runner.variables |= secrets | registry | {"CI_COMMIT_SHORT_SHA": "deadbeef"}
    runner.run(commands(job["script"]))
    assert (runner.home / job["artifacts"]["paths"][0]).read_text() == digest_of(stack, given, "deadbeef")

    job = github["jobs"]["push"]
    wanted = {name: f"${{{{ secrets.{name} }}}}" for name in secrets}
    assert {name: value for name, value in job["env"].items() if name not in registry} == wanted
    runner.variables["GITHUB_SHA"] = "f" * 40
    runner.run(commands(step["run"] for step in job["steps"] if "run" in step))
    assert digest_of(stack, given, "f" * 40) == digest_of(stack, given, given["VERSION"])


def digest_of(stack: Running, given: Mapping[str, str], tag: str) -> str:
    return str(call(stack, "GET", f"{given['ARTIFACTS']}/{tag}")["digest"])


def call(stack: Running, method: str, path: str) -> Any:
    admin = stack.wire()
    url = path if "://" in path else f"{stack.url}/api/v2.0{path}"
    return admin.send(method, url, admin.basic()).expect(200).json()


def test_the_readme_leads_to_the_guide():
    assert "(docs/ci.md)" in (CHECKOUT / "README.md").read_text()
