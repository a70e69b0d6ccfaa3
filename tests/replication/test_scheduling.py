"""Policies on schedule are known to the clock, and carried out when it says so."""

from config import schedule
from config.celery import app
from replication.models import Execution, Policy, Trigger
from replication.tasks import run_scheduled


def test_the_clock_knows_the_policies_that_are_due_by_schedule(bench, remote):
    endpoint = bench.endpoint(remote.url)
    due = bench.policy(destination=endpoint, trigger=Trigger.SCHEDULED, cron="0 30 4 * * 1")
    either = bench.policy(destination=endpoint, trigger=Trigger.SCHEDULED, cron="0 0 0 1 * 1")
    bench.policy(destination=endpoint, trigger=Trigger.SCHEDULED, cron="0 0 0 * * *", enabled=False)
    bench.policy(destination=endpoint, trigger=Trigger.SCHEDULED, cron="nonsense")
    bench.policy(destination=endpoint)
    found = {item.name: (item.task, item.cron, item.args) for source in schedule.SOURCES for item in source()}
    assert found[f"replication-{due.pk}-0"] == ("replication.run_scheduled", "30 4 * * 1", (due.pk,))
    assert {name for name in found if name.startswith(f"replication-{either.pk}-")} == {
        f"replication-{either.pk}-0",
        f"replication-{either.pk}-1",
    }
    assert len(found) == 3


def test_a_tick_begins_an_execution_unless_the_policy_was_changed_since(bench, remote):
    policy = bench.policy(destination=bench.endpoint(remote.url), trigger=Trigger.SCHEDULED, cron="0 0 0 * * *")
    run_scheduled(policy.pk)
    assert Execution.objects.get().trigger == Trigger.SCHEDULED
    Policy.objects.update(enabled=False)
    run_scheduled(policy.pk)
    run_scheduled(policy.pk + 1)
    assert Execution.objects.count() == 1


def test_every_task_that_the_clock_sends_is_there():
    app.loader.import_default_modules()
    assert {item.task for item in schedule.FIXED} <= set(app.tasks)
    long = app.tasks["replication.carry_out"]
    assert (long.time_limit or 0) > 24 * 3600
