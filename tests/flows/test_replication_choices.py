"""What a policy chooses: which artifacts by tags and labels, when, and how fast, between two whole stacks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.flows.cable import Cable, cable_to
from tests.flows.conformance import pushes
from tests.flows.content import Content, image
from tests.flows.harbor import unused
from tests.flows.replicating import Row, Site, digest_at
from tests.flows.stacks import eventually

KIB = 1024


@pytest.fixture
def cable(far: Site) -> Iterator[Cable]:
    """The way to the far site."""
    with cable_to(far.stack.url) as cable:
        yield cable


def chosen(name: str, *more: Row) -> list[Row]:
    return [{"type": "name", "value": name}, *more]


def label(site: Site, repository: str, content: Content, name: str) -> None:
    """A label of the whole installation, on an artifact."""
    number = site.made("/labels", {"name": name, "scope": "g"})
    project, _, rest = repository.partition("/")
    path = f"/projects/{project}/repositories/{rest}/artifacts/{content.top.digest}/labels"
    site.api.call("POST", path, body={"id": number})


def test_a_policy_s_speed_is_shared_by_all_that_it_copies(near: Site, far: Site, cable: Cable):
    """Four artifacts at once, over all workers: together they take as long as their bytes do at that speed."""
    project, speed, size = unused("slow"), 512, 600 * KIB
    for place in range(4):
        near.push(f"{project}/app{place}", image(layers=1, size=size))
    policy = near.policy(f"{project}/**", to=near.endpoint_of(far, cable.url), speed=speed)
    number = near.start(policy)
    eventually(lambda: cable.uploaded > 0, "nothing is on its way")
    began, before = time.monotonic(), cable.uploaded
    near.succeeds(number, seconds=120)
    rate = (cable.uploaded - before) / (time.monotonic() - began)
    assert cable.uploaded >= 4 * size
    assert rate <= 1.3 * speed * KIB, "the limit is each task's, and not the policy's"


def test_labels_choose_what_comes_or_what_does_not(near: Site, far: Site):
    project, released, broken = unused("labelled"), unused("released"), unused("broken")
    contents = {name: near.push(f"{project}/{name}", image()) for name in ("good", "bad", "plain")}
    label(near, f"{project}/good", contents["good"], released)
    label(near, f"{project}/bad", contents["bad"], broken)
    endpoint = near.endpoint_of(far)

    def come(namespace: str, names: list[str], decoration: str) -> set[str]:
        only = {"type": "label", "value": names, "decoration": decoration}
        near.run(near.policy("", to=endpoint, filters=chosen(f"{project}/**", only), dest_namespace=namespace))
        return {name for name in contents if digest_at(far.wire, f"{namespace}/{project}/{name}", "latest")}

    assert come(unused("with"), [released], "matches") == {"good"}
    assert come(unused("without"), [broken], "excludes") == {"good", "plain"}


def test_labels_of_another_site_choose_as_well(near: Site, far: Site):
    project, name = unused("labelled"), unused("wanted")
    contents = [near.push(f"{project}/app{place}", image()) for place in range(2)]
    label(near, f"{project}/app1", contents[1], name)
    only = {"type": "label", "value": [name], "decoration": "matches"}
    far.run(far.policy("", by=far.endpoint_of(near), filters=chosen(f"{project}/**", only)))
    assert far.holds(f"{project}/app1", contents[1])
    assert not digest_at(far.wire, f"{project}/app0", "latest")


def test_tags_that_are_excluded_stay_though_their_artifact_comes(near: Site, far: Site):
    project = unused("tags")
    both = near.push(f"{project}/app", image().tag("v1").tag("v1-dev"))
    near.push(f"{project}/app", image().tag("v2-dev"))
    only = {"type": "tag", "value": "{*-dev,latest}", "decoration": "excludes"}
    found = near.run(near.policy("", to=near.endpoint_of(far), filters=chosen(f"{project}/**", only)))
    there = {tag: digest_at(far.wire, f"{project}/app", tag) for tag in ("v1", "v1-dev", "v2-dev", "latest")}
    assert there == {"v1": both.top.digest, "v1-dev": "", "v2-dev": "", "latest": ""}
    assert found["total"] == 1


def test_a_tag_that_moves_to_an_artifact_that_is_there_is_followed(near: Site, far: Site):
    """As `crane tag` or a promotion does it: no blob and no manifest is new."""
    repository = f"{unused('promoted')}/app"
    first = near.push(repository, image().tag("stable"))
    second = near.push(repository, image().tag("candidate"))
    near.policy(repository, to=near.endpoint_of(far), trigger="event_based")
    near.api.call("POST", _tags(repository, first), status=201, body={"name": "first"})
    near.api.call("POST", _tags(repository, second), status=201, body={"name": "second"})
    eventually(lambda: digest_at(far.wire, repository, "second") == second.top.digest, "it isn't followed")
    pushes.put_manifest(near.wire, repository, "stable", second.top).expect(201)
    eventually(lambda: digest_at(far.wire, repository, "stable") == second.top.digest, "the tag did not move")
    assert digest_at(far.wire, repository, first.top.digest) == first.top.digest


def _tags(repository: str, content: Content) -> str:
    project, _, name = repository.partition("/")
    return f"/projects/{project}/repositories/{name}/artifacts/{content.top.digest}/tags"


@pytest.mark.parametrize("cron", ["*/10 * * * * *", "30 0 * * * *", "0 0 * * *"])
def test_a_schedule_is_of_whole_minutes_in_six_fields_as_harbor_s(near: Site, far: Site, cron: str):
    body: Row = {
        "name": unused("policy"), "dest_registry": {"id": near.endpoint_of(far)}, "filters": chosen("library/**"),
        "trigger": {"type": "scheduled", "trigger_settings": {"cron": cron}}, "enabled": True,
    }  # fmt: skip
    answer = near.api.exchange(
        "POST", "/replication/policies", json.dumps(body).encode(), Content_Type="application/json"
    )
    assert answer.status == 400, answer.what
    assert b"cron" in answer.body
