"""What ended long ago is forgotten, the latest of each policy apart, and nothing that goes on."""

from datetime import timedelta

import pytest
from django.utils import timezone

from replication import history
from replication.models import Endpoint, Execution, LogLine, Policy, State, Task


@pytest.fixture
def policy(transactional_db) -> Policy:
    endpoint = Endpoint.objects.create(name="far", kind="docker-registry", url="http://far")
    return Policy.objects.create(name="far", destination=endpoint)


def execution(policy, days, *, ended=True) -> Execution:
    then = timezone.now() - timedelta(days=days)
    made = Execution.objects.create(
        policy=policy, trigger="manual", started_at=then, ended_at=then if ended else None, state=State.SUCCEED
    )
    task = Task.objects.create(execution=made, source="a/x", destination="a/x", reference="v1")
    LogLine.objects.create(task=task, text="done")
    return made


def test_what_is_old_goes_with_its_tasks_and_lines(policy, monkeypatch):
    monkeypatch.setattr(history, "KEPT", 2)
    recent = [execution(policy, 1), execution(policy, 2)]
    open_one = execution(policy, 400, ended=False)
    for days in (100, 200, 300):
        execution(policy, days)
    assert history.forget() == 3
    assert set(Execution.objects.all()) == {*recent, open_one}
    assert Task.objects.count() == LogLine.objects.count() == 3


def test_the_latest_of_a_policy_stay_however_old(policy, monkeypatch):
    monkeypatch.setattr(history, "KEPT", 2)
    kept = [execution(policy, 100), execution(policy, 200)]
    execution(policy, 300)
    assert history.forget() == 1
    assert set(Execution.objects.all()) == set(kept)


def test_nothing_goes_where_all_is_to_be_kept(policy, settings):
    settings.REPLICATION_HISTORY = timedelta(0)
    for days in range(100, 160):
        execution(policy, days)
    assert history.forget() == 0


def test_one_that_is_tried_again_meanwhile_loses_nothing(policy):
    old = execution(policy, 100)
    Execution.objects.update(ended_at=None)
    history._forget([old.pk])
    assert (Execution.objects.count(), Task.objects.count(), LogLine.objects.count()) == (1, 1, 1)
