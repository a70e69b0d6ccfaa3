"""`manage.py replicate`, for operators."""

import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import AuditRecord
from replication.models import Endpoint, Execution, Policy, State, Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def policy():
    remote = Endpoint.objects.create(name="site-b", kind="harbor", url="https://b.example")
    return Policy.objects.create(name="nightly", destination=remote, trigger="scheduled", cron="0 0 3 * * *")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("replicate", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def worker(monkeypatch):
    """Does in one step, whenever the command waits, what the workers would."""

    def work(state, **fields):
        def step(_):
            Execution.objects.update(state=state, ended_at=timezone.now(), planned=True, **fields)

        monkeypatch.setattr(time, "sleep", step)

    return work


def test_it_lists_the_policies(policy):
    assert run() == "nightly  enabled  to site-b  scheduled 0 0 3 * * *\n"


def test_it_follows_an_execution_to_its_end(policy, worker):
    worker(State.SUCCEED, text="3 done")
    assert run("nightly") == "Succeed: 3 done\n"
    assert AuditRecord.objects.get(resource_type="replication").actor == "system"


def test_it_says_what_failed(policy, worker):
    execution = Execution.objects.create(policy=policy, trigger="manual")
    Task.objects.create(
        execution=execution, source="team/app", destination="team/app", reference="sha256:1", tags=["v1"],
        state=State.FAILED, text="site-b is full",
    )  # fmt: skip
    worker(State.FAILED, text="1 failed")
    out = StringIO()
    with pytest.raises(CommandError, match="ended as Failed"):
        call_command("replicate", "--follow", str(execution.pk), stdout=out, stderr=StringIO())
    assert "copy team/app:v1 -> team/app: site-b is full" in out.getvalue()


def test_a_dry_run_tells_what_would_move(policy, monkeypatch):
    def plan(_):
        execution = Execution.objects.get()
        assert execution.dry_run
        Task.objects.create(
            execution=execution, source="team/app", destination="team/app", reference="sha256:1", tags=["v1"],
            text="would be copied: 2 blob(s), 7 MiB",
        )  # fmt: skip
        Execution.objects.update(state=State.SUCCEED, ended_at=timezone.now(), planned=True)

    monkeypatch.setattr(time, "sleep", plan)
    assert "team/app:v1 -> team/app: would be copied: 2 blob(s), 7 MiB" in run("nightly", "--dry-run")


def test_it_begins_without_waiting_and_stops(policy):
    assert run("nightly", "--detach") == ""
    execution = Execution.objects.get()
    run("--stop", str(execution.pk))
    assert Execution.objects.get().stop_asked


@pytest.mark.parametrize("arguments", [("none",), ("--follow", "999"), ("--stop", "999")])
def test_what_is_not_there_is_said(policy, arguments):
    with pytest.raises(CommandError, match="there is no replication"):
        run(*arguments)
