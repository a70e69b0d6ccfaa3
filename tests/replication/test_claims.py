"""A task is one worker's at a time; who dies loses it, who is stopped lets it go, and its end is written once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from audit import Context
from rbac.actors import SYSTEM
from replication import claims, executions, running, sweeper
from replication.journal import Journal
from replication.models import Execution, LogLine, State, Task
from replication.work import Work
from tests.door import image


@pytest.fixture
def task(bench, remote, door):
    """One that waits, of an execution that is planned."""
    door.push(image(tag="v1"))
    execution = bench.start(bench.policy(destination=bench.endpoint(remote.url), names=door.repository))
    bench.deliver()
    (made,) = bench.tasks(execution)
    return made


def worker() -> Work:
    return Work(Journal(None))


def expire(task: Task) -> None:
    Task.objects.filter(pk=task.pk).update(lease_until=Now() - timedelta(seconds=1))


def test_of_many_that_want_a_task_one_gets_it(task):
    def take(_: int) -> bool:
        try:
            return claims.take(task.pk, worker().claim) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(take, range(6))) == [False] * 5 + [True]
    assert Task.objects.get(pk=task.pk).attempts == 1


def test_a_task_whose_worker_is_dead_is_taken_over_and_the_dead_one_is_told(task):
    dead, heir = worker(), worker()
    assert claims.take(task.pk, dead.claim)
    assert claims.take(task.pk, heir.claim) is None
    expire(task)
    assert claims.take(task.pk, heir.claim)
    assert claims.renew(task, dead) is None
    assert claims.renew(task, heir) == (False, -1, 1)


def test_what_a_worker_writes_that_has_lost_its_task_counts_for_nothing(task):
    dead, heir = worker(), worker()
    claims.take(task.pk, dead.claim)
    expire(task)
    claims.take(task.pk, heir.claim)
    assert not claims.finish(task, dead, State.FAILED, "late")
    assert not claims.give_back(task, dead, "late", seconds=0)
    assert claims.finish(task, heir, State.SUCCEED, "done")
    assert not claims.finish(task, heir, State.SUCCEED, "twice")
    execution = Execution.objects.get()
    assert (execution.succeeded, execution.failed) == (1, 0)


def test_the_sweeper_sends_a_task_again_whose_worker_was_lost_and_says_so_in_its_log(bench, task):
    claims.take(task.pk, worker().claim)
    bench.messages.clear()
    bench.sweep()
    assert bench.messages == []
    expire(task)
    bench.sweep()
    assert bench.messages == [("carry_out", task.pk)]
    assert "worker was lost" in LogLine.objects.get(task=task).text
    bench.work()
    assert bench.seen(task.execution).state == State.SUCCEED


def test_a_task_that_loses_worker_after_worker_is_given_up_in_the_end(bench, task):
    claims.take(task.pk, worker().claim)
    Task.objects.filter(pk=task.pk).update(attempts=claims.LIVES)
    expire(task)
    bench.sweep()
    ended = bench.seen(task.execution)
    assert (ended.state, ended.failed) == (State.FAILED, 1)
    assert "memory" in Task.objects.get(pk=task.pk).text


def test_the_bytes_of_a_task_that_is_given_up_count_until_it_is_tried_again(bench, task):
    claims.take(task.pk, worker().claim)
    Task.objects.filter(pk=task.pk).update(attempts=claims.LIVES, bytes_done=70, bytes_sent=50)
    expire(task)
    bench.sweep()
    ended = bench.seen(task.execution)
    assert (ended.bytes_done, ended.bytes_sent) == (70, 50)
    executions.retry(ended, actor=SYSTEM, context=Context())
    again = bench.seen(task.execution)
    assert (again.bytes_done, again.bytes_sent) == (0, 0)


def test_the_size_of_a_task_is_told_by_the_one_who_has_it_alone(task):
    dead = claims.take(task.pk, worker().claim)
    expire(task)
    heir = claims.take(task.pk, worker().claim)
    assert dead is not None
    assert heir is not None
    claims.resize(dead, 1000)
    claims.resize(heir, 1000)
    assert (Task.objects.get().bytes_total, Execution.objects.get().bytes_total) == (1000, 1000)


def test_a_planning_that_failed_behind_lost_workers_is_not_forgotten(bench, remote, door):
    door.push(image(tag="v1"))
    execution = bench.start(bench.policy(destination=bench.endpoint(remote.url), names=door.repository))
    bench.messages.clear()
    Execution.objects.update(attempts=claims.LIVES, failures=1, sent_at=None)
    bench.sweep()
    bench.work()
    assert bench.seen(execution).state == State.SUCCEED


def test_a_planning_that_loses_worker_after_worker_is_given_up_in_the_end(bench, remote, door):
    execution = bench.start(bench.policy(destination=bench.endpoint(remote.url), names=door.repository))
    bench.messages.clear()
    assert claims.take_planning(execution.pk, worker().claim)
    Execution.objects.update(attempts=claims.LIVES, lease_until=Now() - timedelta(seconds=1))
    bench.sweep()
    bench.sweep()
    ended = bench.seen(execution)
    assert (ended.state, bench.messages) == (State.FAILED, [])
    assert "memory" in ended.text


def test_nothing_of_an_execution_that_is_to_stop_is_taken(bench, task):
    Execution.objects.update(stop_asked=True)
    assert claims.take(task.pk, worker().claim) is None
    assert not running.carry_out(task.pk)


def test_the_last_two_tasks_end_at_once_and_the_execution_ends_once(bench, remote, door):
    door.push(image(tag="v1"))
    door.push(image(tag="v2"))
    execution = bench.start(bench.policy(destination=bench.endpoint(remote.url), names=door.repository))
    bench.deliver()
    works = [worker(), worker()]
    for work, task in zip(works, bench.tasks(execution), strict=True):
        assert claims.take(task.pk, work.claim)

    def end(pair: tuple[Work, Task]) -> bool:
        try:
            claims.finish(pair[1], pair[0], State.SUCCEED, "done")
            return executions.settle(execution.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(end, zip(works, bench.tasks(execution), strict=True)))
    assert sorted(ends) == [False, True]
    assert bench.seen(execution).state == State.SUCCEED


def test_an_end_comes_with_its_log_and_tells_what_is_left_to_do(bench, task):
    work = Work(Journal(task.pk))
    claims.take(task.pk, work.claim)
    work.journal.info("it is done")
    work.total = work.done = work.sent = task.bytes_total + 5
    assert claims.finish(task, work, State.SUCCEED, "done") == (0, True)
    execution = bench.seen(task.execution)
    assert (execution.succeeded, execution.bytes_total, execution.bytes_done) == (1, work.done, work.done)
    assert list(LogLine.objects.filter(task=task).values_list("level", "text")) == [("INFO", "it is done")]


def test_of_an_end_that_comes_too_late_the_log_is_kept(bench, task):
    work = Work(Journal(task.pk))
    work.journal.warning("too late")
    assert claims.finish(task, work, State.SUCCEED, "done") is None
    assert bench.seen(task.execution).succeeded == 0
    assert LogLine.objects.filter(task=task, text="too late").exists()


def test_an_end_that_nobody_wrote_is_written_by_the_sweeper(bench, task):
    work = worker()
    claims.take(task.pk, work.claim)
    claims.finish(task, work, State.SUCCEED, "done")
    assert bench.seen(task.execution).ended_at is None
    bench.sweep()
    assert bench.seen(task.execution).state == State.SUCCEED


def test_one_sweeps_at_a_time(bench, monkeypatch):
    seen: list[bool] = []

    def another() -> bool:
        try:
            return sweeper.sweep()
        finally:
            connection.close()

    def meanwhile() -> int:
        with ThreadPoolExecutor(1) as pool:
            seen.append(pool.submit(another).result())
        return 0

    monkeypatch.setattr(sweeper, "take_over", meanwhile)
    bench.sweep()
    assert seen == [False]


@pytest.mark.parametrize(
    ("attempts", "asked", "seconds"), [(1, None, 2), (2, None, 4), (4, None, 16), (1, 30.0, 30), (2, 1e6, 3600)]
)
def test_attempts_come_ever_later_and_not_before_the_other_side_wants_them(attempts, asked, seconds):
    assert claims.back_off(attempts, asked) == seconds
