"""What goes wrong on the way: it is made good, or said in words that a person can act on."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from artifacts import blobs, manifests
from audit import Context
from configuration import values
from oci.client import RegistryClient
from oci.digest import Digest
from oci.errors import Denied
from oci.listener import Reply
from oci.referrers import tag_of
from oci.registry import MemoryRegistry
from projects import quotas
from projects.models import Project, Quota
from rbac.actors import SYSTEM
from replication import executions, running
from replication.models import LogLine, State, Task, Transfer
from tests.door import Door, image, unique
from tests.flows.content import Content
from tests.flows.liars import Renaming
from tests.flows.stacks import eventually
from tests.people import make_project
from tests.replication.conftest import fill
from tests.replication.test_executions import Worker, large


def uploads(registry: MemoryRegistry) -> int:
    return sum(method == "PUT" and "/blobs/uploads/" in path for method, path in registry.calls)


def only_task(execution) -> Task:
    return Task.objects.get(execution=execution)


def again(bench) -> None:
    """What is to be tried again is, now, until it isn't any more."""
    while Task.objects.filter(state=State.PENDING).update(not_before=Now()):
        bench.sweep()
        bench.work()


@pytest.fixture
def push(bench, door):
    """Push one image of the door's to a registry."""

    def run(registry: MemoryRegistry, content: Content | None = None, **fields) -> Task:
        door.push(content or image(tag="v1"))
        execution = bench.start(bench.policy(destination=bench.endpoint(registry.url), names=door.repository, **fields))
        bench.deliver()
        bench.work()
        again(bench)
        return only_task(execution)

    return run


def test_a_worker_that_was_taken_for_dead_and_its_heir_leave_the_content_whole(bench, elsewhere):
    """Both send the same blob for a while, as after a pause longer than a lease."""
    name = f"far{unique()}/app"
    content = fill(elsewhere.url, name, large())
    policy = bench.policy(source=bench.endpoint(elsewhere.url), names=name, speed=100, namespace=f"near{unique()}")
    execution = bench.start(policy)
    bench.deliver()
    task = only_task(execution)
    sleeper = Worker(task)
    eventually(lambda: Task.objects.get(pk=task.pk).bytes_sent > 100_000, "nothing is on its way")
    for rows in (Task.objects.filter(pk=task.pk), Transfer.objects.filter(done_at=None)):
        rows.update(lease_until=Now() - timedelta(seconds=60))
    policy.speed = -1
    policy.save()
    assert running.carry_out(task.pk)
    sleeper.join(30)
    Task.objects.filter(state=State.PENDING).update(not_before=task.not_before)
    bench.sweep()
    bench.work()
    assert bench.seen(execution).state == State.SUCCEED, only_task(execution).text
    there = Door(f"{policy.namespace}/app")
    assert there.get("manifests/v1").content == content.top.payload
    for digest in content.blobs:
        assert b"".join(blobs.read(there.repository, Digest.parse(digest))) == content.blobs[digest]


def test_an_upload_into_this_registry_goes_on_where_it_broke_off(bench, elsewhere, settings):
    settings.REGISTRY_HTTP_SECRET = "for tests"
    name = f"far{unique()}/app"
    content = fill(elsewhere.url, name, large())
    policy = bench.policy(
        source=bench.endpoint(elsewhere.url), names=name, speed=200, namespace=f"near{unique()}", single_active=True
    )
    execution = bench.start(policy)
    bench.deliver()
    task = only_task(execution)
    worker = Worker(task)
    eventually(lambda: Task.objects.get(pk=task.pk).bytes_sent > 200_000, "nothing is on its way")
    executions.stop(execution, actor=SYSTEM, context=Context())
    worker.join(30)
    bench.work()
    policy.speed = -1
    policy.save()
    executions.retry(execution, actor=SYSTEM, context=Context())
    bench.work()
    assert bench.seen(execution).state == State.SUCCEED
    assert LogLine.objects.filter(task=task, text__contains="going on from").exists()
    there = Door(f"{policy.namespace}/app")
    for digest, payload in content.blobs.items():
        assert b"".join(blobs.read(there.repository, Digest.parse(digest))) == payload
    assert only_task(execution).bytes_sent < 1.5 * sum(map(len, content.blobs.values()))


def test_two_executions_at_once_send_each_blob_once(bench, remote, door):
    shared = Content()
    layers = [shared.add_layer(size=20_000) for _ in range(3)]
    names = [f"{door.repository}-{place}" for place in range(4)]
    for name in names:
        content = Content()
        content.blobs.update(shared.blobs)
        config = content.add_blob(b"{}", "application/vnd.oci.image.config.v1+json")
        content.add_manifest(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": config,
                "layers": [descriptor for descriptor, _ in layers],
                "annotations": {"of": name},
            }
        )
        Door(name).push(content.tag("v1"))
    endpoint = bench.endpoint(remote.url)
    started = [
        bench.start(bench.policy(destination=endpoint, names=pattern))
        for pattern in (f"{door.repository}-{{0,1,2}}", f"{door.repository}-{{1,2,3}}")
    ]
    bench.deliver()
    bench.deliver()
    tasks = [key for task, key in bench.messages]
    assert len(tasks) == 6

    def carry(key: int) -> bool:
        try:
            return running.carry_out(key)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(carry, tasks))
    assert [bench.seen(execution).state for execution in started] == [State.SUCCEED] * 2
    assert uploads(remote) == 4
    for name in names:
        assert len(remote.repositories[name].blobs) == 4


def test_a_blob_that_the_site_lost_since_is_sent_again(bench, remote, door):
    content = door.push(image(tag="v1"))
    policy = bench.policy(destination=bench.endpoint(remote.url), names=door.repository)
    bench.run(policy)
    remote.repositories.clear()
    assert bench.run(policy).state == State.SUCCEED
    assert {str(digest) for digest in remote.repositories[door.repository].blobs} == set(content.blobs)


class Lying(MemoryRegistry):
    """Takes a manifest, and has another one under its tag: under each, or one."""

    about = ""

    def _get_manifest(self, call):
        reply = super()._get_manifest(call)
        wrong = {"Docker-Content-Digest": str(Digest.of(b"another"))}
        true = ":" in call.reference or self.about not in {"", call.reference}
        return reply if true else Reply(reply.status, reply.headers | wrong, reply.payload)


@pytest.mark.parametrize("override", [False, True])
@pytest.mark.parametrize("kind", [Lying, Renaming])
def test_a_destination_that_lies_about_a_digest_is_told_on(push, door, kind, override):
    with kind() as lying:
        task = push(lying, override=override)
    assert task.state == State.FAILED
    assert re.search("says that (the tag is on|it has stored) sha256:", task.text)
    assert task.text.startswith("destination site ")


def test_a_destination_that_lies_about_a_signature_s_tag_is_told_on(push, door):
    content = image(tag="v1")
    name = content.top.digest.replace(":", "-") + ".sig"
    cosign = content.add_artifact("application/x.cosign")
    with Lying() as lying:
        lying.about = name
        task = push(lying, content.tag(name, cosign), filters=[{"type": "tag", "value": "v1"}])
    assert task.state == State.FAILED
    assert f"{name}, and says that the tag is on sha256:" in task.text


def test_a_destination_that_lied_is_told_on_at_each_retry_until_it_tells_the_truth(bench, push, door):
    with Lying() as lying:
        task = push(lying)
        executions.retry(task.execution, actor=SYSTEM, context=Context())
        bench.work()
        again(bench)
        assert Task.objects.get(pk=task.pk).state == State.FAILED
        lying.about = "nothing"
        executions.retry(task.execution, actor=SYSTEM, context=Context())
        bench.work()
        assert Task.objects.get(pk=task.pk).state == State.SUCCEED


def test_a_tag_that_somebody_sets_there_meanwhile_stays_where_override_is_off(push, remote, door):
    """Between the first look and the last a large blob may be on its way for hours."""
    other = fill(remote.url, door.repository, image(tag="other"))

    def meanwhile(call):
        if "/blobs/uploads/" in call.path:
            remote.repositories[door.repository].tags["v1"] = Digest.parse(other.top.digest)

    remote.guard = meanwhile
    task = push(remote)
    assert task.state == State.SUCCEED
    assert remote.repositories[door.repository].tags["v1"] == Digest.parse(other.top.digest)
    warned = "".join(LogLine.objects.filter(task=task, level="WARNING").values_list("text", flat=True))
    assert f"{door.repository}:v1 is on something else there: left alone" in warned


class Full(MemoryRegistry):
    """Has no room, and says so as Harbor and Roadstead do."""

    def _put_upload(self, _):
        raise Denied("adding 64 B to the 1 GiB used would exceed the limit of 1 GiB of the project library")


def test_a_destination_that_is_full_is_not_tried_again_and_its_words_are_the_task_s(push, door):
    with Full() as full:
        task = push(full)
    assert (task.state, task.attempts) == (State.FAILED, 1)
    assert "would exceed the limit of 1 GiB of the project library (DENIED)" in task.text
    assert f"to {door.repository}" in task.text
    assert "the room of the project" in task.text


@pytest.mark.parametrize("override", [False, True])
def test_a_destination_that_may_not_be_reached_fails_the_planning_and_no_tasks_are_made(
    bench, remote, door, monkeypatch, override
):
    door.push(image(tag="v1"))
    policy = bench.policy(destination=bench.endpoint(remote.url), names=door.repository, override=override)
    monkeypatch.setenv("ROADSTEAD_CONFIG_REPLICATION_LOCAL_ADDRESSES", "false")
    values.forget()
    execution = bench.run(policy)
    assert (execution.state, execution.total) == (State.FAILED, 0)
    assert "replication_local_addresses" in execution.text


def test_a_source_whose_content_is_corrupt_is_named_and_nothing_becomes_visible(bench, remote):
    content = fill(remote.url, "far/app", image(tag="v1"))
    spoilt = Digest.parse(next(iter(content.blobs)))
    remote.content[spoilt] = b"x" * len(remote.content[spoilt])
    policy = bench.policy(source=bench.endpoint(remote.url), names="far/**", namespace=f"near{unique()}")
    execution = bench.start(policy)
    bench.deliver()
    bench.work()
    again(bench)
    task = only_task(execution)
    assert task.state == State.FAILED
    assert task.text.startswith(f"source {policy.source.name}: reading far/app@{spoilt}")
    assert task.bytes_done <= task.bytes_total - len(content.blobs[str(spoilt)]) - len(content.top.payload)
    assert Door(f"{policy.namespace}/app").get("manifests/v1").status_code == 404


def test_a_project_here_that_is_full_refuses_what_comes_as_it_does_a_push(bench, remote):
    fill(remote.url, "far/app", large())
    target = make_project(f"near{unique()}")
    Quota.objects.filter(project=target).update(hard=1000)
    policy = bench.policy(source=bench.endpoint(remote.url), names="far/**", namespace=target.name)
    execution = bench.run(policy)
    task = only_task(execution)
    assert (task.state, task.attempts) == (State.FAILED, 1)
    assert "destination this registry: " in task.text
    assert f"of the project {target.name}" in task.text
    figures = quotas.figures(target.pk)
    assert figures is not None
    assert figures.used == 0


def test_a_name_that_can_be_none_here_fails_in_words(bench, remote):
    fill(remote.url, "alone", image(tag="v1"))
    execution = bench.run(bench.policy(source=bench.endpoint(remote.url), names="alone"))
    (task,) = bench.tasks(execution)
    assert task.state == State.FAILED
    assert "choose a destination namespace" in task.text
    assert not Project.objects.filter(name="alone").exists()


def test_a_level_too_many_to_replace_is_said_of_the_repository_and_the_others_go(bench, remote):
    fill(remote.url, "far/away/app", image(tag="v1"))
    fill(remote.url, "far/app", image(tag="v1"))
    policy = bench.policy(source=bench.endpoint(remote.url), names="far/**", namespace=f"near{unique()}", flatten=2)
    execution = bench.run(policy)
    assert (execution.state, execution.total, execution.failed, execution.succeeded) == (State.FAILED, 2, 1, 1)
    assert "far/app has 1 components" in Task.objects.get(execution=execution, reference="").text


def test_a_manifest_that_vanished_meanwhile_is_said_and_not_waited_for(bench, remote):
    fill(remote.url, "far/app", image(tag="v1"))
    policy = bench.policy(source=bench.endpoint(remote.url), names="far/**", namespace=f"near{unique()}")
    execution = bench.start(policy)
    bench.deliver()
    remote.repositories["far/app"].manifests.clear()
    bench.work()
    task = only_task(execution)
    assert (task.state, task.attempts) == (State.FAILED, 1)
    assert "isn't at the source" in task.text


@pytest.fixture
def signed(bench, remote, door):
    """A policy of an image and its signature, and the path of that at the destination."""
    content = image(tag="v1")
    signature = content.add_artifact("application/x.signature", subject=content.manifests[0].descriptor)
    door.push(content)
    policy = bench.policy(destination=bench.endpoint(remote.url), names=door.repository)
    return policy, f"/v2/{door.repository}/manifests/{signature.digest}"


def test_a_fault_while_referrers_are_listed_is_of_the_destination_and_passes(bench, signed, remote):
    policy, _ = signed
    execution = bench.start(policy)
    bench.deliver()
    remote.guard = lambda call: Reply(500) if "/referrers/" in call.path else None
    bench.work()
    task = only_task(execution)
    assert (task.state, task.failures) == (State.PENDING, 1)
    assert task.text.startswith(f"destination {policy.destination.name}: listing what refers to ")
    remote.guard = None
    again(bench)
    assert bench.seen(execution).state == State.SUCCEED


def test_a_tag_for_referrers_that_is_on_something_else_becomes_their_list(bench, signed, remote):
    policy, path = signed
    remote.has_referrers = False
    repository, signature = path.removeprefix("/v2/").split("/manifests/")
    found = manifests.find(repository, Digest.parse(signature))
    subject = Digest.parse(json.loads(bytes(found.payload))["subject"]["digest"])
    fill(remote.url, repository, image(tag=tag_of(subject)))
    assert bench.run(policy).state == State.SUCCEED
    listed = RegistryClient(remote.url).referrers(repository, subject)
    assert [str(each.digest) for each in listed] == [signature]


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_destination_that_fails_while_it_is_compared_is_not_taken_for_the_source(bench, signed, remote, dry_run):
    policy, path = signed
    if not dry_run:
        bench.run(policy)
    remote.guard = lambda call: Reply(500) if call.path == path else None
    execution = bench.run(policy, dry_run=dry_run)
    assert execution.state == State.IN_PROGRESS
    assert execution.text.startswith(f"planning: destination {policy.destination.name}: looking up ")
