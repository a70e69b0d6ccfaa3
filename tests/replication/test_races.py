"""Two things at once, or one in the middle of another: both sides end up the same, and nothing stays open."""

from datetime import datetime, timedelta

import pytest
from django.db import connection

from artifacts import tagging
from audit import Context
from oci.digest import Digest
from rbac.actors import SYSTEM
from replication import events, policies, sweeper
from replication.errors import PolicyInUse
from replication.journal import Journal
from replication.models import Event, Execution, LogLine, State, Task, Trigger
from replication.policies import Content
from replication.pulse import _beat
from replication.work import Work
from tests.door import image
from tests.people import CONTEXT
from tests.replication.test_executions import stop


@pytest.fixture
def follow(bench, remote, door):
    """A policy that follows what happens at the door."""

    def make(**fields):
        fields = {"names": door.repository, "trigger": Trigger.EVENT_BASED, "override": True} | fields
        return bench.policy(destination=bench.endpoint(remote.url), **fields)

    return make


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


def test_events_that_wait_for_a_policy_that_is_gone_hold_up_no_others(bench, follow, door, monkeypatch):
    monkeypatch.setattr(events, "BATCH", 2)
    gone, stays = follow(single_active=True), follow(single_active=True)
    Event.objects.bulk_create(
        Event(kind="push", repository=door.repository, digest=f"sha256:{'a' * 64}", waiting=[gone.pk]) for _ in range(3)
    )
    Event.objects.create(kind="push", repository=door.repository, digest=f"sha256:{'b' * 64}", waiting=[stays.pk])
    policies.delete(gone.pk, actor=SYSTEM, context=Context())
    for _ in range(4):
        bench.sweep()
        bench.work()
    assert not Event.objects.exists()
    assert Execution.objects.filter(policy=stays).exists()


def test_events_that_wait_for_one_policy_hold_up_no_other(bench, follow, door, monkeypatch):
    monkeypatch.setattr(events, "BATCH", 2)
    slow, free = follow(single_active=True), follow(single_active=True)
    bench.start(slow)
    Event.objects.bulk_create(
        Event(kind="push", repository=door.repository, digest=f"sha256:{'a' * 64}", waiting=[slow.pk]) for _ in range(3)
    )
    Event.objects.create(kind="push", repository=door.repository, digest=f"sha256:{'b' * 64}", waiting=[free.pk])
    bench.sweep()
    assert Execution.objects.filter(policy=free).exists()


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
