"""Executions are begun, stopped and tried again; what can't be done says why."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from audit import Context
from audit.models import AuditRecord
from oci.listener import Reply
from oci.registry import MemoryRegistry
from rbac.actors import SYSTEM
from replication import executions, leaving, running
from replication.errors import AlreadyRunning, PolicyDisabled
from replication.models import Execution, LogLine, State, Task, Transfer
from tests.door import image
from tests.flows.content import Content
from tests.flows.stacks import eventually
from tests.replication.conftest import fill


@pytest.fixture
def policy(bench, remote, door):
    return bench.policy(destination=bench.endpoint(remote.url), names=door.repository)


def large(size: int = 1_000_000) -> Content:
    content = Content()
    content.add_image(layers=1, size=size, compressed=False)
    return content.tag("v1")


def stop(execution: Execution) -> None:
    executions.stop(execution, actor=SYSTEM, context=Context())


def test_a_disabled_policy_is_not_carried_out(bench, policy):
    policy.enabled = False
    policy.save()
    with pytest.raises(PolicyDisabled, match="enable it first"):
        bench.start(policy)


def test_of_many_that_begin_an_execution_that_runs_alone_one_does(bench, policy):
    policy.single_active = True
    policy.save()

    def begin(_: int) -> bool:
        try:
            bench.start(policy)
        except AlreadyRunning:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(begin, range(4))) == [False] * 3 + [True]
    assert Execution.objects.count() == 1


def test_a_schedule_that_comes_while_the_last_one_runs_alone_leaves_words(bench, policy):
    policy.single_active, policy.trigger, policy.cron = True, "scheduled", "0 0 * * * *"
    policy.save()
    running_one = bench.start(policy)
    skipped = executions.start_scheduled(policy.pk, actor=SYSTEM, context=Context())
    assert skipped is not None
    assert (skipped.state, skipped.text) == (State.STOPPED, f"skipped: {policy.name} runs alone, and its execution "
            f"{running_one.pk} still goes on")  # fmt: skip


def test_what_waits_is_stopped_and_the_trail_says_who_asked(bench, policy, door):
    door.push(image(tag="v1"))
    execution = bench.start(policy)
    bench.deliver()
    stop(execution)
    bench.work()
    ended = bench.seen(execution)
    assert (ended.state, ended.stopped, ended.text) == (State.STOPPED, 1, "0 done, 1 stopped")
    deeds = AuditRecord.objects.filter(resource=policy.name).order_by("at").values_list("operation", flat=True)
    assert list(deeds) == ["start", "stop"]


def test_an_execution_is_stopped_before_it_is_planned(bench, policy, door):
    door.push(image(tag="v1"))
    execution = bench.start(policy)
    bench.messages.clear()
    stop(execution)
    bench.work()
    assert (bench.seen(execution).state, Task.objects.count()) == (State.STOPPED, 0)


class Worker(threading.Thread):
    """Carries out a task beside the test."""

    def __init__(self, task: Task) -> None:
        super().__init__(daemon=True)
        self.key = task.pk
        self.start()

    def run(self) -> None:
        running.carry_out(self.key)
        connection.close()


def test_a_blob_that_goes_slowly_is_stopped_on_its_way_and_gone_on_with_later(bench, policy, door, elsewhere):
    door.push(large())
    policy.destination.url = elsewhere.url
    policy.destination.save()
    policy.speed, policy.by_chunk = 64, True
    policy.save()
    execution = bench.start(policy)
    bench.deliver()
    task = bench.tasks(execution)[0]
    worker = Worker(task)
    eventually(lambda: Task.objects.get(pk=task.pk).bytes_sent > 0, "nothing is on its way")
    seen = executions.progress(bench.seen(execution))
    assert seen.at_work == 1
    assert 0 < seen.bytes_done < seen.bytes_total
    stop(execution)
    worker.join(30)
    assert not worker.is_alive()
    bench.work()
    stopped = bench.seen(execution)
    assert (stopped.state, stopped.stopped) == (State.STOPPED, 1)
    assert Transfer.objects.filter(done_at=None, lease_until__isnull=False).exists()
    policy.speed = -1
    policy.save()
    executions.retry(execution, actor=SYSTEM, context=Context())
    bench.work()
    ended = bench.seen(execution)
    assert (ended.state, ended.succeeded, ended.stopped) == (State.SUCCEED, 1, 0)
    assert ended.bytes_done == ended.bytes_total


class Silent(MemoryRegistry):
    """Takes what comes, and never says so."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def _put_upload(self, call):
        self._lock.release()
        self.release.wait(60)
        self._lock.acquire()
        return super()._put_upload(call)


def test_a_registry_that_does_not_answer_holds_up_no_stop(bench, policy, door):
    door.push(large(10_000))
    with Silent() as silent:
        policy.destination.url = silent.url
        policy.destination.save()
        execution = bench.start(policy)
        bench.deliver()
        worker = Worker(bench.tasks(execution)[0])
        eventually(lambda: any(method == "PUT" for method, _ in silent.calls), "no upload ends")
        stop(execution)
        worker.join(30)
        assert not worker.is_alive()
        silent.release.set()
    assert bench.tasks(execution)[0].state == State.STOPPED


def test_a_worker_that_is_shut_down_lets_go_and_another_goes_on_at_once(bench, policy, door, elsewhere, monkeypatch):
    door.push(large())
    policy.destination.url = elsewhere.url
    policy.destination.save()
    policy.speed, policy.by_chunk = 64, True
    policy.save()
    execution = bench.start(policy)
    bench.deliver()
    task = bench.tasks(execution)[0]
    bench.messages.clear()
    worker = Worker(task)
    eventually(lambda: Task.objects.get(pk=task.pk).bytes_sent > 0, "nothing is on its way")
    with monkeypatch.context() as shutdown:
        shutdown.setattr(leaving, "asked", lambda: True)
        worker.join(30)
    assert not worker.is_alive()
    left = Task.objects.get(pk=task.pk)
    assert (left.state, left.attempts, left.worker) == (State.PENDING, 0, "")
    assert bench.messages == [("carry_out", task.pk)]
    policy.speed = -1
    policy.save()
    bench.work()
    assert bench.seen(execution).state == State.SUCCEED


def test_what_failed_is_tried_again_by_the_same_execution(bench, policy, remote, door):
    door.push(image(tag="v1"))
    door.push(image(tag="v2"))
    execution = bench.start(policy)
    bench.deliver()
    Task.objects.update(failures=4)
    remote.guard = lambda _: Reply(500)
    bench.work()
    failed = bench.seen(execution)
    assert (failed.state, failed.failed, failed.text) == (State.FAILED, 2, "0 done, 2 failed")
    remote.guard = None
    executions.retry(execution, actor=SYSTEM, context=Context())
    bench.work()
    ended = bench.seen(execution)
    assert (ended.state, ended.total, ended.succeeded, ended.failed) == (State.SUCCEED, 2, 2, 0)


def test_a_registry_that_fails_is_tried_again_later_and_the_task_says_what_it_waits_for(bench, policy, remote, door):
    door.push(image(tag="v1"))
    execution = bench.start(policy)
    bench.deliver()
    remote.guard = lambda _: Reply(500)
    bench.work()
    task = bench.tasks(execution)[0]
    assert (task.state, task.attempts) == (State.PENDING, 1)
    assert task.not_before > task.started_at
    assert task.text.startswith(f"destination {policy.destination.name}: ")
    assert "see whether the registry is up" in task.text
    remote.guard = None
    bench.sweep()
    assert bench.messages == []
    Task.objects.update(not_before=task.started_at)
    bench.sweep()
    bench.work()
    assert bench.seen(execution).state == State.SUCCEED
    levels = LogLine.objects.filter(task=task).values_list("level", flat=True)
    assert set(levels) == {"INFO", "WARNING"}


def test_a_source_that_fails_the_planning_does_so_in_words_and_it_can_be_tried_again(bench, remote):
    fill(remote.url, "far/app", image(tag="v1"))
    policy = bench.policy(source=bench.endpoint(remote.url), names="far/**")
    execution = bench.start(policy)
    Execution.objects.update(failures=4)
    remote.guard = lambda _: Reply(500)
    bench.work()
    failed = bench.seen(execution)
    assert failed.state == State.FAILED
    assert failed.text.startswith(f"planning: source {policy.source.name}: listing what is to be replicated: ")
    remote.guard = None
    executions.retry(execution, actor=SYSTEM, context=Context())
    bench.work()
    ended = bench.seen(execution)
    assert (ended.state, ended.succeeded, ended.text) == (State.SUCCEED, 1, "1 done")
