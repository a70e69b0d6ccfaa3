"""Executions: policies carried out. Started, stopped, taken up again, and how far each has come."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Sum

import audit
from audit import Context
from rbac.actors import Actor
from replication.errors import AlreadyRunning, ExecutionUnknown, PolicyDisabled
from replication.models import OVER, Execution, Policy, State, Task


class Progress(NamedTuple):
    """Bytes, of all tasks planned so far. `rate` in bytes a second; None while it can't be told."""

    bytes_total: int
    bytes_done: int
    bytes_sent: int
    rate: int | None = None
    seconds_left: int | None = None


def find(execution_id: int) -> Execution:
    """With its policy. ExecutionUnknown."""
    execution = Execution.objects.select_related("policy").filter(pk=execution_id).first()
    if execution is None:
        raise ExecutionUnknown(f"there is no replication execution {execution_id}")
    return execution


@transaction.atomic
def start(
    policy: Policy,
    *,
    trigger: str,
    actor: Actor,
    context: Context,
    dry_run: bool = False,
    event: dict[str, Any] | None = None,
) -> Execution:
    """Raises PolicyDisabled, and AlreadyRunning for a policy of which one goes on and only one may."""
    held = Policy.objects.select_for_update().get(pk=policy.pk)
    if not held.enabled:
        raise PolicyDisabled(f"the replication policy {held.name} is disabled")
    if held.single_active and Execution.objects.filter(policy=held, ended_at=None).exists():
        raise AlreadyRunning(f"an execution of {held.name} goes on, and only one may at a time")
    execution = Execution.objects.create(policy=held, trigger=trigger, dry_run=dry_run, event=event)
    _record(actor, "start", execution, context, trigger=str(trigger), dry_run=dry_run)
    return execution


@transaction.atomic
def stop(execution: Execution, *, actor: Actor, context: Context) -> None:
    """What goes on ends within seconds. Nothing for an execution that is over."""
    if Execution.objects.filter(pk=execution.pk, ended_at=None, stop_asked=False).update(stop_asked=True):
        _record(actor, "stop", execution, context)


@transaction.atomic
def retry(execution: Execution, *, actor: Actor, context: Context) -> Execution:
    """Carry out the tasks that failed or were stopped again. Raises AlreadyRunning while it goes on."""
    held = Execution.objects.select_for_update().get(pk=execution.pk)
    if held.ended_at is None:
        raise AlreadyRunning(f"the execution {held.pk} goes on")
    again = Task.objects.filter(execution=held, state__in=[State.FAILED, State.STOPPED])
    again.update(state=State.PENDING, attempts=0, ended_at=None, sent_at=None)
    Execution.objects.filter(pk=held.pk).update(
        state=State.IN_PROGRESS, ended_at=None, stop_asked=False, failed=0, stopped=0
    )
    _record(actor, "retry", held, context)
    return held


def progress(execution: Execution) -> Progress:
    """With what the tasks that go on have done so far."""
    going = Task.objects.filter(execution=execution).exclude(state__in=OVER)
    live = going.aggregate(done=Sum("bytes_done", default=0), sent=Sum("bytes_sent", default=0))
    done, sent = execution.bytes_done + live["done"], execution.bytes_sent + live["sent"]
    return Progress(execution.bytes_total, done, sent)


def _record(actor: Actor, operation: str, execution: Execution, context: Context, **detail: object) -> None:
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="replication",
        resource=execution.policy.name,
        context=context,
        detail={"execution": execution.pk, **detail},
    )
