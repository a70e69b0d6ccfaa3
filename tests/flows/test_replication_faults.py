"""Replication while lines are cut and pieces die: it comes to its end by itself, and no finished blob is sent again."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flows import havoc
from tests.flows.cable import Cable, cable_to
from tests.flows.conformance import pushes
from tests.flows.content import OCI_CONFIG, OCI_MANIFEST, Content, image, image_config
from tests.flows.harbor import unused
from tests.flows.replicating import Site, assert_the_same, digest_at
from tests.flows.stacks import eventually
from tests.flows.wire import Wire
from tests.oci.distribution import Distribution

MIB = 1024 * 1024
BIG = 24 * MIB
HARM_AT = 6 * MIB
NEAR = [*havoc.PIECES, "worker", "replicator"]
PACE = 6 * MIB  # bytes a second


@pytest.fixture
def cable(far: Site) -> Iterator[Cable]:
    """The way to the far site."""
    with cable_to(far.stack.url) as cable:
        yield cable


def heavy(size: int = BIG) -> Content:
    """Two small layers, and one that takes its time."""
    content = Content()
    layers = [content.add_layer(size=each, compressed=False)[0] for each in (1000, 200_000, size)]
    config = content.add_blob(json.dumps(image_config([])).encode(), OCI_CONFIG)
    content.add_manifest({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers})
    return content.tag("v1")


@dataclass
class Copying:
    """An execution that is in the midst of a large layer."""

    near: Site
    far: Site
    cable: Cable
    content: Content
    repository: str
    number: int

    def finished_blobs(self) -> set[str]:
        """Those that the far site has by now: each may be asked for, since there is no tag to be seen yet."""
        return {
            digest
            for digest in self.content.blobs
            if self.far.wire.request("HEAD", pushes.blob_path(self.repository, digest)).status == 200
        }

    def ends_well(self, before: set[str]) -> None:
        """By itself, with the content whole, and without a byte of what was there `before`."""
        self.near.succeeds(self.number, seconds=120)
        assert_the_same(self.far.wire, self.repository, self.content)
        sent = self.cable.sent_of()
        assert {digest: sent[digest] for digest in before} == {
            digest: len(self.content.blobs[digest]) for digest in before
        }, "a finished blob was sent again"
        assert self.cable.uploaded <= 3 * sum(map(len, self.content.blobs.values()))


@contextmanager
def in_the_midst(near: Site, far: Site, cable: Cable, *, pace: float = PACE) -> Iterator[Copying]:
    """The large layer has come some way; nothing is seen at the far site yet. Afterwards it goes on at full speed."""
    repository = f"{unused('fault')}/app"
    content = near.push(repository, heavy())
    policy = near.policy(repository, to=near.endpoint_of(far, cable.url))
    cable.pace = pace
    number = near.start(policy)
    eventually(lambda: cable.uploading() > HARM_AT, "the large layer isn't on its way")
    eventually(lambda: MIB < near.execution(number)["bytes_done"] < BIG, "how far it has come isn't told", seconds=5)
    assert not digest_at(far.wire, repository, "v1"), "the tag is there before its artifact is whole"
    try:
        yield Copying(near, far, cable, content, repository, number)
    finally:
        cable.pace = None


def kill_family(site: Site, piece: str) -> None:
    pid = site.stack.pid_of(piece)
    assert pid, f"{piece} does not run"
    havoc.send(havoc.family(pid), signal.SIGKILL)


HARMS: dict[str, Callable[[Copying], None]] = {
    "a cut line": lambda copying: copying.cable.cut(),
    "worker": lambda copying: kill_family(copying.near, "replicator"),
    "redis": lambda copying: kill_family(copying.near, "redis"),
    "far web": lambda copying: kill_family(copying.far, "web"),
    "far distribution": lambda copying: kill_family(copying.far, "registry"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_it_goes_on_by_itself_after(harm: str, near: Site, far: Site, cable: Cable):
    with in_the_midst(near, far, cable) as copying:
        before = copying.finished_blobs()
        assert len(before) == len(copying.content.blobs) - 1, "the large layer alone is on its way"
        HARMS[harm](copying)
    copying.ends_well(before)


def test_a_line_that_is_cut_again_and_again_takes_up_where_it_broke(near: Site, far: Site, cable: Cable):
    repository = f"{unused('fault')}/app"
    content = near.push(repository, heavy())
    cable.cuts += [place * 5 * MIB for place in (1, 2, 3)]
    near.run(near.policy(repository, to=near.endpoint_of(far, cable.url)), seconds=120)
    assert not cable.cuts
    assert_the_same(far.wire, repository, content)


def test_a_source_that_is_cut_off_in_the_midst_is_read_on(near: Site, far: Site):
    """The other direction: the far site pulls through a line that breaks."""
    repository = f"{unused('fault')}/app"
    content = near.push(repository, heavy())
    with cable_to(near.stack.url) as cable:
        policy = far.policy(repository, by=far.endpoint_of(near, cable.url))
        cable.pace = PACE
        number = far.start(policy)
        eventually(lambda: cable.received > HARM_AT, "the large layer isn't on its way")
        cable.cut()
        cable.pace = None
        far.succeeds(number, seconds=120)
        assert_the_same(far.wire, repository, content)
        assert cable.received < 2 * BIG, "what had come was asked for again"


@pytest.mark.parametrize("swallowed", [False, True], ids=["slow", "hanging"])
def test_it_stops_in_the_midst_of_a_layer(swallowed: bool, near: Site, far: Site, cable: Cable):
    with in_the_midst(near, far, cable, pace=MIB * 2) as copying:
        cable.swallows = swallowed
        near.stop(copying.number)
        found = near.finished(copying.number, seconds=20)
        assert (found["status"], found["stopped"]) == ("Stopped", 1)
        assert {each["status"] for each in near.tasks(copying.number)} == {"Stopped"}
        assert not digest_at(far.wire, copying.repository, "v1")
        cable.swallows = False


def test_executions_that_overlap_send_each_blob_once(near: Site, far: Site, cable: Cable):
    """Two policies, three repositories, one large layer that all of them want."""
    project = unused("shared")
    content = heavy(8 * MIB)
    for name in ("a", "b", "c"):
        near.push(f"{project}/{name}", content)
    endpoint = near.endpoint_of(far, cable.url)
    policies = [near.policy(f"{project}/**", to=endpoint) for _ in range(2)]
    cable.pace = 4 * MIB
    running = [near.start(policy) for policy in policies]
    for number in running:
        near.succeeds(number, seconds=90)
    for name in ("a", "b", "c"):
        assert_the_same(far.wire, f"{project}/{name}", content)
    assert cable.sent_of() == {digest: len(payload) for digest, payload in content.blobs.items()}
    assert cable.committed == dict.fromkeys(content.blobs, 1)


def test_what_goes_on_while_redis_is_gone_is_caught_up_with(near: Site, far: Site):
    """Pushes that nobody could be told of: the rows remember them."""
    project = unused("caught")
    near.policy(f"{project}/**", to=near.endpoint_of(far), trigger="event_based")
    with havoc.held_down(near.stack, "redis"):
        content = near.push(f"{project}/app", image())
    far.comes_to_hold(f"{project}/app", content, seconds=60)


def test_a_copy_by_chunk_that_is_cut_goes_on_with_its_chunk(near: Site, far: Site, cable: Cable):
    repository = f"{unused('fault')}/app"
    content = near.push(repository, heavy(32 * MIB))
    cable.cuts.append(14 * MIB)
    near.run(near.policy(repository, to=near.endpoint_of(far, cable.url), copy_by_chunk=True))
    assert not cable.cuts
    assert_the_same(far.wire, repository, content)
    assert cable.count("PATCH", "/blobs/uploads/") >= 3
    assert cable.uploading() <= 10 * MIB, "no chunk is larger than Harbor's"
    assert cable.uploaded < 45 * MIB, "the chunks that had come were sent again"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Distribution]:
    """A registry that is killed and comes back with what it had."""
    registry = Distribution(tmp_path)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


def waits(near: Site, number: int) -> bool:
    """Whether the execution and each of its tasks say what they wait for."""
    told = [near.execution(number)["status_text"], *(each["explanation"] for each in near.tasks(number))]
    return all("is away since" in each and "next try at" in each for each in told)


def test_a_registry_that_is_away_is_waited_for_and_a_stop_is_heeded_meanwhile(near: Site, elsewhere: Distribution):
    project = unused("waited")
    contents = {f"{project}/app{place}": near.push(f"{project}/app{place}", image()) for place in range(3)}
    policy = near.policy(f"{project}/**", to=near.endpoint(elsewhere.url, kind="docker-registry"))
    elsewhere.stop()
    number, stopped = near.start(policy), near.start(policy)
    eventually(lambda: waits(near, number), "it isn't said that the registry is away")
    near.stop(stopped)
    assert near.finished(stopped, seconds=20)["status"] == "Stopped"
    assert near.execution(number)["status"] == "InProgress"
    elsewhere.start()
    near.succeeds(number, seconds=120)
    for repository, content in contents.items():
        assert_the_same(Wire(elsewhere.url), repository, content)


@pytest.mark.longhaul
def test_a_registry_that_is_away_for_minutes_is_waited_for(near: Site, elsewhere: Distribution):
    """While other sites go on as ever."""
    repository = f"{unused('waited')}/app"
    content = near.push(repository, heavy())
    with cable_to(elsewhere.url) as cable:
        policy = near.policy(repository, to=near.endpoint(cable.url, kind="docker-registry"))
        cable.pace = PACE
        number = near.start(policy)
        eventually(lambda: cable.uploading() > HARM_AT, "the large layer isn't on its way")
        elsewhere.stop()
        cable.cut()
        cable.pace = None
        eventually(lambda: waits(near, number), "it isn't said that the registry is away")
        threading.Event().wait(180)
        assert near.execution(number)["status"] == "InProgress"
        elsewhere.start()
        near.succeeds(number, seconds=180)
    assert_the_same(Wire(elsewhere.url), repository, content)


@pytest.mark.longhaul
def test_two_hundred_artifacts_come_though_everything_is_killed(near: Site, far: Site):
    """Pieces of both sites die at random moments, as long as the execution goes on."""
    project, seed = unused("havoc"), int.from_bytes(os.urandom(4))
    chance, pause = random.Random(seed), threading.Event()
    contents = {
        f"{project}/app{place}": near.push(f"{project}/app{place}", image(layers=3, size=300_000))
        for place in range(200)
    }
    number = near.start(near.policy(f"{project}/**", to=near.endpoint_of(far)))
    killed = []
    for site, piece in chance.choices([(near, each) for each in NEAR] + [(far, each) for each in havoc.PIECES], k=40):
        pause.wait(chance.uniform(0.2, 2))
        before = site.stack.pid_of(piece)
        if before:
            kill_family(site, piece)
        killed.append(piece)
        havoc.comes_again(site.stack, piece, before)
    for site in (near, far):
        site.stack.wait_until_it_answers()
    found = near.finished(number, seconds=600)
    assert found["status"] == "Succeed", f"seed {seed}, killed {killed}: {found}"
    for repository, content in contents.items():
        assert_the_same(far.wire, repository, content)
