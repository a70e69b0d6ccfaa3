"""Two things at once, or one in the middle of another: both sides end up the same, and nothing stays open."""

import json
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from artifacts import tagging
from audit import Context
from oci.digest import Digest
from oci.listener import Reply
from rbac.actors import SYSTEM
from replication import claims, events, policies, pulse, running, sweeper
from replication.adapters.base import Listed
from replication.copying import Copy
from replication.errors import PolicyInUse
from replication.journal import Journal
from replication.models import Execution, LogLine, Postponed, State, Task
from replication.policies import Content
from replication.pulse import _beat
from replication.work import Work
from tests.door import image, unique
from tests.people import CONTEXT
from tests.replication.conftest import fill
from tests.replication.test_executions import stop


class Ahead(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(hours=1)


def planned(bench) -> int:
    """Follow what happened and plan it; the id of the one task that comes of it, which nobody has taken yet."""
    bench.sweep()
    before = set(Task.objects.values_list("pk", flat=True))
    for message in [each for each in bench.messages if each[0] == "plan"]:
        bench.messages.remove(message)
        bench.messages.insert(0, message)
        bench.deliver()
    (task,) = Task.objects.exclude(pk__in=before)
    return task.pk


def test_a_task_that_comes_late_leaves_a_tag_where_the_source_has_moved_it_since(bench, follow, remote, door):
    follow()
    door.push(image(tag="v1"))
    late = planned(bench)
    newer = door.push(image(tag="v1"))
    soon = planned(bench)
    bench.messages.clear()
    bench.messages += [("carry_out", soon), ("carry_out", late)]
    bench.work()
    assert remote.repositories[door.repository].tags == {"v1": Digest.parse(newer.top.digest)}
    task = Task.objects.get(pk=late)
    assert task.state == State.SUCCEED
    assert "v1" in "".join(LogLine.objects.filter(task=task, level="WARNING").values_list("text", flat=True))


def test_a_task_that_comes_late_brings_back_no_tag_that_was_deleted_since(bench, follow, remote, door):
    follow(deletion=True)
    door.push(image(tag="v1"))
    late = planned(bench)
    tagging.delete(door.repository, "v1", actor=SYSTEM, context=CONTEXT)
    bench.messages.clear()
    bench.sweep()
    bench.work()
    bench.messages.append(("carry_out", late))
    bench.work()
    assert "v1" not in getattr(remote.repositories.get(door.repository), "tags", {})


def test_a_tag_that_moves_at_the_source_during_a_run_by_hand_is_told_in_the_end(bench, remote, door):
    policy = bench.policy(destination=bench.endpoint(remote.url), names=door.repository)
    door.push(image(tag="v1").tag("v2"))
    execution = bench.start(policy)
    bench.deliver()
    door.push(image(tag="v1"))
    bench.work()
    (task,) = bench.tasks(execution)
    assert set(remote.repositories[door.repository].tags) == {"v2"}
    assert task.text.endswith(", without v1: moved or deleted at the source meanwhile, run the policy again")


def postpone(policy, repository: str, *, number: int = 1) -> None:
    item = {"kind": "push", "repository": repository, "digest": f"sha256:{'a' * 64}", "tags": [], "labels": []}
    Postponed.objects.bulk_create(Postponed(policy=policy, event=item | {"types": ""}) for _ in range(number))


def test_events_that_wait_for_a_policy_that_is_gone_go_with_it(bench, follow, door):
    gone, stays = follow(single_active=True), follow(single_active=True)
    postpone(gone, door.repository, number=3)
    postpone(stays, door.repository)
    policies.delete(gone.pk, actor=SYSTEM, context=Context())
    bench.sweep()
    bench.work()
    assert not Postponed.objects.exists()
    assert Execution.objects.filter(policy=stays).exists()


def test_events_that_wait_for_one_policy_hold_up_no_other(bench, follow, door, monkeypatch):
    monkeypatch.setattr(events, "BATCH", 2)
    slow, free = follow(single_active=True), follow(single_active=True)
    bench.start(slow)
    postpone(slow, door.repository, number=3)
    postpone(free, door.repository)
    bench.sweep()
    assert Execution.objects.filter(policy=free).exists()
    assert Postponed.objects.filter(policy=slow).count() == 3


def test_lines_that_cannot_be_written_cost_no_lease(bench, follow, door):
    follow()
    door.push(image(tag="v1"))
    task = Task.objects.get(pk=planned(bench))
    work = Work(Journal(task.pk))
    work.journal.info("odd \x00 \x1b[2J \ud800 text\n2026-01-01T00:00:00Z [INFO] forged")
    beats: list[Work] = []
    _beat(work, beats.append)
    assert beats == [work]
    (line,) = LogLine.objects.filter(task=task)
    assert line.text == "odd    [2J   text 2026-01-01T00:00:00Z [INFO] forged"


def test_a_beat_whose_lines_fail_renews_all_the_same(bench, monkeypatch):
    work = Work(Journal(0))
    work.journal.info("of a task that isn't there")
    beats: list[Work] = []
    _beat(work, beats.append)
    assert beats == [work]


def test_the_clock_of_who_starts_an_execution_delays_it_not(bench, follow, monkeypatch):
    policy = follow()
    with monkeypatch.context() as patch:
        patch.setattr("django.utils.timezone.datetime", Ahead)
        execution = bench.start(policy)
    with connection.cursor() as cursor:
        cursor.execute("SELECT not_before <= now() FROM replication_execution WHERE id = %s", [execution.pk])
        assert cursor.fetchone() == (True,)


def test_a_policy_keeps_its_sides_while_it_is_carried_out(bench, follow, door):
    policy = follow()
    execution = bench.start(policy)
    fields = {"name": policy.name, "filters": policy.filters, "speed": 5}
    turned = Content(source_id=policy.destination_id, **fields)
    with pytest.raises(PolicyInUse, match="stop it first"):
        policies.update(policy.pk, turned, actor=SYSTEM, context=Context())
    kept = Content(destination_id=policy.destination_id, **fields)
    policies.update(policy.pk, kept, actor=SYSTEM, context=Context())
    stop(execution)
    bench.work()
    policies.update(policy.pk, turned, actor=SYSTEM, context=Context())


def test_a_part_of_the_sweep_that_fails_keeps_no_other_from_its_work(bench, follow, door, monkeypatch):
    door_policy = follow()
    execution = bench.start(door_policy)
    bench.messages.clear()
    Execution.objects.filter(pk=execution.pk).update(sent_at=None)

    def fail() -> int:
        raise RuntimeError("a defect")

    monkeypatch.setattr(events, "follow", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        sweeper.sweep()
    assert bench.messages == [("plan", execution.pk)]


def test_a_worker_that_was_paused_while_another_took_over_puts_nothing(bench, follow, remote, door, monkeypatch):
    """As after SIGSTOP and SIGCONT: the heartbeat has had no time yet."""
    follow()
    content = door.push(image(tag="v1"))
    task = Task.objects.get(pk=planned(bench))
    bring = Copy._bring_blobs

    def pause(copy: Copy, lacking) -> None:
        bring(copy, lacking)
        Task.objects.filter(pk=task.pk).update(worker="another")
        copy.work.heard_at -= 60

    monkeypatch.setattr(pulse, "_beat", lambda *_: None)
    monkeypatch.setattr(Copy, "_bring_blobs", pause)
    running.carry_out(task.pk)
    assert Digest.parse(content.top.digest) not in remote.repositories[door.repository].manifests
    task.refresh_from_db()
    assert (task.state, task.worker) == (State.IN_PROGRESS, "another")


@pytest.mark.parametrize("change", [{"deletion": False}, {"destination": None}])
def test_a_deletion_that_waits_is_left_alone_when_the_policy_has_none_any_more(bench, follow, remote, door, change):
    policy = follow(deletion=True)
    door.push(image(tag="v1"))
    bench.sweep()
    bench.work()
    tagging.delete(door.repository, "v1", actor=SYSTEM, context=CONTEXT)
    task = Task.objects.get(pk=planned(bench))
    if "destination" in change:
        change["source"] = policy.destination
        door.push(image(tag="v1"))
        remote.repositories[door.repository].tags.clear()
    type(policy).objects.filter(pk=policy.pk).update(**change)
    assert running.carry_out(task.pk)
    task.refresh_from_db()
    assert (task.state, "no deletions" in task.text) == (State.SUCCEED, True)
    where = remote.repositories[door.repository].tags if "source" not in change else {"v1"}
    assert "v1" in where
    assert "source" not in change or door.get("manifests/v1").status_code == 200


def test_a_planner_that_died_is_replaced_by_one_message_however_long_nobody_takes_it(bench, follow):
    execution = bench.start(follow())
    assert claims.take_planning(execution.pk, "dead") is not None
    bench.messages.clear()
    Execution.objects.update(lease_until=Now() - timedelta(seconds=1))
    for _ in range(3):
        bench.sweep()
    assert bench.messages == [("plan", execution.pk)]
    bench.work()
    assert bench.seen(execution).ended_at is not None


@pytest.mark.parametrize(("status", "code"), [(403, "DENIED"), (401, "UNAUTHORIZED")])
def test_a_repository_that_may_not_be_read_keeps_no_other_from_being_replicated(bench, remote, status, code):
    for name in ("far/closed", "far/open"):
        fill(remote.url, name, image(tag="v1"))
    answer = Reply(status, {}, json.dumps({"errors": [{"code": code, "message": "not you"}]}).encode())
    remote.guard = lambda call: answer if "far/closed/tags" in call.path else None
    policy = bench.policy(source=bench.endpoint(remote.url), names="far/**", namespace=f"near{unique()}")
    execution = bench.run(policy)
    assert (execution.state, execution.failed, execution.succeeded) == (State.FAILED, 1, 1)
    refused = Task.objects.get(execution=execution, state=State.FAILED)
    assert refused.source == "far/closed"
    assert "listing far/closed" in refused.text
    assert "credential" in refused.text or "account may do" in refused.text


def test_what_cannot_be_a_name_a_tag_or_a_digest_keeps_nothing_else_from_being_replicated(bench, remote, monkeypatch):
    content = fill(remote.url, "far/app", image(tag="v1"))
    digest = content.top.digest
    odd = [
        Listed("sha256:short", ("v2",)),
        Listed("\x00", ("v3",)),
        Listed(digest, ("v1", "v" * 129, "a/b", "\x00", ""), kind="K" * 99, size=1 << 80),
    ]
    names = ["far/APP", "far/\x00", f"far/{'a' * 600}", "far//app", "", "far/app"]
    adapter = "replication.adapters.docker_registry.Adapter"
    monkeypatch.setattr(f"{adapter}.artifacts", lambda *_: iter(odd), raising=False)
    monkeypatch.setattr(f"{adapter}.repositories", lambda *_: iter(names), raising=False)
    policy = bench.policy(source=bench.endpoint(remote.url), names="**", namespace=f"near{unique()}")
    execution = bench.run(policy)
    assert (execution.state, execution.total, execution.succeeded) == (State.SUCCEED, 1, 1), execution.text
    assert bench.tasks(execution)[0].tags == ["v1"]


def test_a_beat_that_fails_in_any_way_is_not_the_last():
    def fail(_: Work) -> None:
        raise RuntimeError("a defect")

    _beat(Work(Journal(None)), fail)


def test_work_that_was_halted_before_its_sites_were_reached_ends_their_calls_too():
    work, ended = Work(Journal(None)), list[str]()
    work.on_halt(lambda: ended.append("before"))
    work.halt(stop_asked=True)
    work.on_halt(lambda: ended.append("after"))
    assert ended == ["before", "after"]
