"""A site that is away is waited for: nobody hammers it, everybody is told, and all goes on when it is back."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from audit import Context
from oci.listener import Reply
from rbac.actors import SYSTEM
from replication import absence, claims, executions, health
from replication.models import Absence, Event, Execution, LogLine, Policy, Postponed, State, Task, Trigger
from tests.door import Door, image, unique
from tests.replication.conftest import fill
from tests.replication.test_executions import stop


@pytest.fixture
def policy(bench, remote, door):
    """With two artifacts that are to be copied."""
    for tag in ("v1", "v2"):
        door.push(image(tag=tag))
    return bench.policy(destination=bench.endpoint(remote.url), names=door.repository)


@pytest.fixture
def waiting(bench, policy, remote):
    """An execution of it that is planned; then the destination went away."""
    execution = bench.start(policy)
    bench.deliver()
    remote.stop()
    bench.work()
    return execution


def look(bench) -> Absence | None:
    """The site is looked at, as the sweeper has it when it is time."""
    Absence.objects.update(look_at=Now())
    bench.sweep()
    assert bench.messages[0][0].startswith("check_")
    bench.deliver()
    return Absence.objects.filter(back_at=None).first()


def words_of(execution) -> str:
    return absence.words([Execution.objects.get(pk=execution.pk)]).get(execution.pk, "")


def test_one_task_finds_it_away_and_the_others_wait_without_a_try(bench, waiting):
    assert sorted(task.attempts for task in bench.tasks(waiting)) == [0, 1]
    Task.objects.update(not_before=Now())
    bench.sweep()
    assert bench.messages == []
    assert [bench.seen(waiting).state, *(task.state for task in bench.tasks(waiting))] == [
        State.IN_PROGRESS, State.PENDING, State.PENDING,
    ]  # fmt: skip


def test_it_is_said_what_is_waited_for_and_until_when(bench, waiting, policy):
    told = words_of(waiting)
    assert told.startswith(f"destination {policy.destination.name} is away since 20")
    assert "refuses the connection; next try at 20" in told
    (at_it,) = [task for task in bench.tasks(waiting) if task.attempts]
    assert LogLine.objects.filter(task=at_it, level="WARNING").exists()


def test_it_is_looked_at_ever_later_and_all_goes_on_when_it_is_back(bench, waiting, remote):
    first, second = look(bench), look(bench)
    assert first is not None
    assert second is not None
    assert (first.tries, second.tries) == (2, 3)
    assert first.look_at < second.look_at
    remote.start()
    assert look(bench) is None
    assert words_of(waiting) == ""
    Task.objects.update(not_before=Now())
    bench.sweep()
    bench.work()
    ended = bench.seen(waiting)
    assert (ended.state, ended.succeeded, ended.waits_since) == (State.SUCCEED, 2, None)
    assert not Absence.objects.exists(), "it has worked: it is well"


def test_no_wait_counts_as_a_try_however_often_it_is_away(bench, waiting, remote):
    for _ in range(2 * claims.TRIES):
        remote.start()
        assert look(bench) is None
        Task.objects.update(not_before=Now())
        bench.sweep()
        remote.stop()
        bench.work()
    assert {task.state for task in bench.tasks(waiting)} == {State.PENDING}
    assert max(task.attempts for task in bench.tasks(waiting)) <= 1
    assert Absence.objects.get().tries > 2 * claims.TRIES


def test_what_waits_is_stopped_at_once(bench, waiting):
    stop(waiting)
    bench.work()
    assert (bench.seen(waiting).state, bench.seen(waiting).stopped) == (State.STOPPED, 2)


def test_patience_ends_and_a_retry_begins_it_anew(bench, waiting, remote, settings):
    bench.sweep()
    Execution.objects.update(waits_since=Now() - settings.REPLICATION_PATIENCE - timedelta(seconds=1))
    bench.sweep()
    failed = bench.seen(waiting)
    assert (failed.state, failed.failed) == (State.FAILED, 2)
    assert "given up after 1:00:00: destination site" in bench.tasks(waiting)[0].text
    assert bench.tasks(waiting)[0].text.endswith("refuses the connection")
    executions.retry(waiting, actor=SYSTEM, context=Context())
    bench.work()
    bench.sweep()
    assert bench.seen(waiting).state == State.IN_PROGRESS
    remote.start()
    assert look(bench) is None
    bench.sweep()
    bench.work()
    assert bench.seen(waiting).state == State.SUCCEED


def test_patience_does_not_end_for_a_site_that_is_back(bench, waiting, remote, settings):
    bench.sweep()
    remote.start()
    assert look(bench) is None
    Execution.objects.update(waits_since=Now() - settings.REPLICATION_PATIENCE - timedelta(seconds=1))
    Task.objects.update(not_before=Now())
    bench.sweep()
    bench.work()
    assert (bench.seen(waiting).state, bench.seen(waiting).failed) == (State.SUCCEED, 0)


def test_a_planning_waits_too_and_is_given_up_in_the_end(bench, remote, settings):
    fill(remote.url, "far/app", image(tag="v1"))
    policy = bench.policy(source=bench.endpoint(remote.url), names="far/**", namespace=f"near{unique()}")
    remote.stop()
    execution, another = bench.start(policy), bench.start(policy)
    bench.work()
    bench.sweep()
    assert words_of(execution).startswith(f"source {policy.source.name} is away")
    assert [bench.seen(each).attempts for each in (execution, another)] == [1, 0]
    waited = settings.REPLICATION_PATIENCE + timedelta(seconds=1)
    Execution.objects.filter(pk=another.pk).update(waits_since=Now() - waited)
    bench.sweep()
    assert bench.seen(another).state == State.FAILED
    assert bench.seen(another).text.startswith("planning: given up after")
    remote.start()
    assert look(bench) is None
    Execution.objects.update(not_before=Now())
    bench.sweep()
    bench.work()
    assert bench.seen(execution).state == State.SUCCEED


def test_a_schedule_begins_nothing_beside_what_waits_and_goes_on_when_it_is_over(bench, waiting, policy, remote):
    def fire():
        return executions.start_scheduled(policy.pk, actor=SYSTEM, context=Context())

    Policy.objects.update(trigger=Trigger.SCHEDULED, cron="0 0 * * * *")
    skipped = fire()
    assert skipped is not None
    assert (skipped.state, skipped.ended_at is None) == (State.STOPPED, False)
    assert skipped.text.startswith(f"skipped: the execution {waiting.pk} waits for a site that is away")
    assert [fire(), fire()] == [None, None], "it is said once"
    assert Execution.objects.filter(ended_at=None).count() == 1
    Execution.objects.filter(pk=waiting.pk).update(ended_at=Now(), state=State.FAILED)
    another = fire()
    assert another is not None
    assert another.ended_at is None, "the one that waited was given up"
    told = fire()
    assert told is not None
    assert f"the execution {another.pk} waits" in told.text
    bench.messages.clear()
    remote.start()
    assert look(bench) is None
    beside = fire()
    assert beside is not None
    assert beside.ended_at is None, "the policy needn't be carried out alone"


@pytest.mark.parametrize("fields", [{"dry_run": True}, {"trigger": Trigger.EVENT_BASED}, {"stop_asked": True}])
def test_a_schedule_is_not_kept_by_what_does_not_carry_all_of_it_out(bench, waiting, policy, fields):
    Policy.objects.update(trigger=Trigger.SCHEDULED, cron="0 0 * * * *")
    Execution.objects.filter(pk=waiting.pk).update(**fields)
    begun = executions.start_scheduled(policy.pk, actor=SYSTEM, context=Context())
    assert begun is not None
    assert begun.ended_at is None


def test_what_happens_meanwhile_is_followed_when_it_is_back_and_never_given_up(bench, follow, remote, door, settings):
    policy = follow()
    remote.stop()
    door.push(image(tag="v1"))
    bench.sweep()
    bench.work()
    (execution,) = Execution.objects.all()
    bench.sweep()
    Execution.objects.update(waits_since=Now() - 100 * settings.REPLICATION_PATIENCE)
    door.push(image(tag="v2"))
    bench.sweep()
    assert bench.seen(execution).state == State.IN_PROGRESS
    assert set(Postponed.objects.values_list("policy", flat=True)) == {policy.pk}
    assert Execution.objects.count() == 1
    remote.start()
    assert look(bench) is None
    for _ in range(3):
        Task.objects.update(not_before=Now())
        Execution.objects.update(not_before=Now())
        bench.sweep()
        bench.work()
    assert sorted(remote.repositories[door.repository].tags) == ["v1", "v2"]
    assert not Event.objects.exists()


def test_a_site_that_answers_looks_and_takes_nothing_is_tried_ever_later(bench, policy, remote):
    execution = bench.start(policy)
    bench.deliver()
    remote.guard = lambda call: Reply(503) if "/uploads/" in call.path else None
    bench.work()
    tries = []
    for _ in range(3):
        assert look(bench) is None
        Task.objects.update(not_before=Now())
        bench.sweep()
        bench.work()
        tries.append(Absence.objects.get(back_at=None).tries)
    assert tries == [2, 3, 4]
    bench.sweep()
    assert bench.seen(execution).waits_since is not None


def test_an_artifact_over_which_it_goes_away_fails_while_others_are_copied(bench, remote, door):
    names = [f"{door.repository}-{place}" for place in range(claims.TRIES + 2)]
    for name in names:
        Door(name).push(image(tag="v1"))
    ill = names[0]
    remote.guard = lambda call: Reply(503) if call.method == "POST" and ill in call.path else None
    execution = bench.start(bench.policy(destination=bench.endpoint(remote.url), names=f"{door.repository}-*"))
    bench.deliver()
    for _ in range(claims.TRIES):
        # The ill one, and then another, which shows that the registry is well.
        first, second = Task.objects.filter(state=State.PENDING).order_by("pk").values_list("pk", flat=True)[:2]
        Task.objects.update(not_before=Now())
        bench.messages[:] = [("carry_out", first)]
        bench.deliver()
        assert look(bench) is None
        bench.messages[:] = [("carry_out", second)]
        bench.deliver()
        assert not Absence.objects.exists()
    assert Task.objects.get(execution=execution, source=ill).state == State.FAILED


def test_a_site_that_asks_to_be_left_alone_is_for_as_long(bench, policy, remote):
    bench.start(policy)
    bench.deliver()
    remote.guard = lambda _: Reply(429, {"Retry-After": "900"})
    bench.work()
    (row,) = Absence.objects.all()
    assert timedelta(seconds=890) < row.look_at - row.since <= timedelta(seconds=900)
    remote.guard = None
    health.check_all()
    assert Absence.objects.get().back_at is None, "that it answers a ping doesn't lift what it asked for"


def test_this_installation_may_be_what_is_away(bench, remote, distribution):
    fill(remote.url, "far/app", image(tag="v1"))
    policy = bench.policy(source=bench.endpoint(remote.url), names="far/**", namespace=f"near{unique()}")
    execution = bench.start(policy)
    bench.deliver()
    distribution.stop()
    bench.work()
    assert words_of(execution).startswith("destination this registry is away")
    assert look(bench) is not None
    distribution.start()
    assert look(bench) is None
    Task.objects.update(not_before=Now())
    bench.sweep()
    bench.work()
    assert bench.seen(execution).state == State.SUCCEED


def test_a_site_that_forgets_what_it_takes_brings_no_task_on(bench, remote, door):
    door.push(image(tag="v1"))
    execution = bench.start(bench.policy(destination=bench.endpoint(remote.url), names=door.repository))
    bench.deliver()

    def forgetful(call):
        if call.method == "PUT" and "/manifests/" in call.path:
            remote.repositories.clear()

    remote.guard = forgetful
    for _ in range(claims.TRIES):
        bench.work()
        Task.objects.filter(state=State.PENDING).update(not_before=Now())
        bench.sweep()
    task = Task.objects.get(execution=execution)
    assert (task.state, task.attempts) == (State.FAILED, claims.TRIES)


def test_a_line_that_breaks_after_each_blob_fails_no_task_that_comes_on(bench, remote, door):
    """More failures than tries; each time there was a blob more."""
    content = image(tag="v1", layers=claims.TRIES + 2)
    door.push(content)
    execution = bench.start(bench.policy(destination=bench.endpoint(remote.url), names=door.repository))
    bench.deliver()
    taken: list[str] = []

    def one_each(call):
        if call.method != "PUT" or "/uploads/" not in call.path:
            return None
        taken.append(call.path)
        return Reply(500) if len(taken) > 1 else None

    remote.guard = one_each
    for _ in range(claims.TRIES + 2):
        bench.work()
        taken.clear()
        assert Task.objects.filter(state=State.PENDING).update(not_before=Now())
        bench.sweep()
    remote.guard = None
    bench.work()
    assert bench.seen(execution).state == State.SUCCEED
