"""Executions: begun, stopped, tried again, and ended when the last of their tasks is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Greatest, Now
from django.utils import timezone

import audit
from audit import Context
from rbac.actors import Actor
from replication import absence, claims, cursor, dispatch
from replication.errors import AlreadyRunning, ExecutionUnknown, PolicyDisabled, PolicyUnknown, TaskUnknown
from replication.models import Execution, Policy, State, Task, Trigger

_BATCH = 2000  # tasks ended by one statement


@transaction.atomic
def start(
    policy: Policy,
    *,
    trigger: str = Trigger.MANUAL,
    actor: Actor,
    context: Context,
    dry_run: bool = False,
    event: list[dict[str, Any]] | None = None,
) -> Execution:
    """Carry the policy out. Raises PolicyUnknown, PolicyDisabled, and AlreadyRunning where it is to run alone."""
    held = _held(policy.pk)
    if not held.enabled:
        raise PolicyDisabled(f"the replication policy {held.name} is disabled: enable it first")
    if held.single_active:
        _check_alone(held)
    execution = Execution.objects.create(policy=held, trigger=trigger, dry_run=dry_run, event=event)
    _record("start", execution, actor, context, trigger=str(trigger), dry_run=dry_run)
    transaction.on_commit(lambda: dispatch.plan(execution))
    return execution


def find(execution_id: int) -> Execution:
    """With its policy and that one's endpoint. ExecutionUnknown."""
    related = ("policy__source", "policy__destination")
    execution = Execution.objects.select_related(*related).filter(pk=execution_id).first()
    if execution is None:
        raise ExecutionUnknown(f"there is no replication execution {execution_id}")
    return execution


def task_of(execution: Execution, task_id: int) -> Task:
    """TaskUnknown where the execution has no such task."""
    task = Task.objects.filter(execution=execution, pk=task_id).first()
    if task is None:
        raise TaskUnknown(f"the execution {execution.pk} has no task {task_id}")
    return task


def _held(policy_id: int) -> Policy:
    """The policy's row, which one at a time begins an execution under."""
    held = Policy.objects.select_for_update(of=("self",)).filter(pk=policy_id)
    policy = held.select_related("source", "destination").first()
    if policy is None:
        raise PolicyUnknown(f"there is no replication policy {policy_id}")
    return policy


def _check_alone(policy: Policy) -> None:
    if running := Execution.objects.filter(policy=policy, ended_at=None).values_list("pk", flat=True).first():
        raise AlreadyRunning(f"{policy.name} runs alone, and its execution {running} still goes on")


def start_scheduled(policy_id: int, *, actor: Actor, context: Context) -> Execution | None:
    """Carry a policy out because it is time. What keeps it from that is written down as an execution of its own; once,
    where an earlier one waits for a site that is away, which may be for days."""
    policy = Policy.objects.filter(pk=policy_id, enabled=True, trigger=Trigger.SCHEDULED).first()
    if policy is None:
        return None  # changed since the clock read it
    try:
        with transaction.atomic():
            earlier = _that_waits(_held(policy_id))
            if earlier is not None:
                return _skip_beside(earlier)
            return start(policy, trigger=Trigger.SCHEDULED, actor=actor, context=context)
    except AlreadyRunning as error:
        return _skip(policy, f"skipped: {error}")
    except (PolicyDisabled, PolicyUnknown):
        return None


def _that_waits(policy: Policy) -> Execution | None:
    """The policy's execution that waits for a site that is away: another one would only wait beside it, and be carried
    out with it when the site is back. What events began is no such one: it is about those alone."""
    if not absence.held_up(Policy.objects.filter(pk=policy.pk)).exists():
        return None
    open_ones = Execution.objects.filter(policy=policy, ended_at=None, stop_asked=False, dry_run=False)
    return open_ones.exclude(trigger=Trigger.EVENT_BASED).order_by("pk").first()


def _skip_beside(earlier: Execution) -> Execution | None:
    text = (
        f"skipped: the execution {earlier.pk} waits for a site that is away, and until that is over the schedule begins"
        " no other"
    )
    since = Execution.objects.filter(policy=earlier.policy_id, started_at__gte=earlier.started_at)
    return None if since.filter(text=text).exists() else _skip(earlier.policy, text)


def _skip(policy: Policy, text: str) -> Execution:
    return Execution.objects.create(
        policy=policy, trigger=Trigger.SCHEDULED, state=State.STOPPED, planned=True, text=text, ended_at=timezone.now()
    )


@transaction.atomic
def stop(execution: Execution, *, actor: Actor, context: Context) -> None:
    """End it: what waits is never begun, what is at work is broken off. Nothing to do for one that has ended."""
    if not Execution.objects.filter(pk=execution.pk, ended_at=None, stop_asked=False).update(stop_asked=True):
        return
    _record("stop", execution, actor, context)
    transaction.on_commit(lambda: dispatch.wind_up(execution))


@transaction.atomic
def retry(execution: Execution, *, actor: Actor, context: Context) -> Execution:
    """Go on with an execution that has ended: with what failed of it or was stopped, what was refused, and its planning
    if that broke off. Raises PolicyDisabled, AlreadyRunning."""
    policy = _held(execution.policy_id)
    if not policy.enabled:
        raise PolicyDisabled(f"the replication policy {policy.name} is disabled: enable it first")
    row = Execution.objects.select_for_update().get(pk=execution.pk)
    row.policy = policy
    if row.ended_at is None:
        raise AlreadyRunning(f"the execution {row.pk} still goes on")
    if policy.single_active:
        _check_alone(policy)
    place = cursor.plan_again(row)
    taken = _take_up(row)
    if not sum(taken.values()) and not place:
        return row
    Execution.objects.filter(pk=row.pk).update(
        state=State.IN_PROGRESS, text="", ended_at=None, stop_asked=False, planned=not place, attempts=0, failures=0,
        planner="", sent_at=None, not_before=Now(), waits_since=None, cursor=place or row.cursor,
        **{name: F(name) - number for name, number in taken.items()},
    )  # fmt: skip
    _record("retry", row, actor, context)
    transaction.on_commit(lambda: _go_on(row, unplanned=bool(place)))
    return row


def _take_up(execution: Execution) -> dict[str, int]:
    """Have what failed or was stopped wait again; by what the execution's figures are less then."""
    over = Task.objects.filter(execution=execution, state__in=[State.FAILED, State.STOPPED]).exclude(reference="")
    taken = over.aggregate(
        failed=Count("pk", filter=Q(state=State.FAILED)), stopped=Count("pk", filter=Q(state=State.STOPPED)),
        bytes_done=Sum("bytes_done", default=0), bytes_sent=Sum("bytes_sent", default=0),
    )  # fmt: skip
    over.update(
        state=State.PENDING, text="", attempts=0, failures=0, not_before=Now(), sent_at=None, ended_at=None,
        bytes_done=0, bytes_sent=0,
    )  # fmt: skip
    return taken


def _go_on(execution: Execution, *, unplanned: bool) -> None:
    if unplanned:
        dispatch.plan(execution)
    dispatch.refill(execution)


def wind_up(execution_id: int) -> None:
    """Stop all that waits of an execution that is to stop, and end it when nothing is at work any more."""
    while _end_some(execution_id, State.STOPPED, "stopped before it began", stop_asked=True):
        pass
    with connection.cursor() as each:
        each.execute(_STOP_PLANNING, [execution_id])
    settle(execution_id)


def give_up() -> None:
    """End what has waited for too long for a site that is away. What events began waits on: it would be missed. So does
    what waits for a site that is back: if that takes nothing, it is away again soon."""
    waiting = Execution.objects.filter(ended_at=None, waits_since__lt=Now() - settings.REPLICATION_PATIENCE)
    waiting = waiting.filter(policy__in=absence.held_up(Policy.objects.all())).exclude(trigger=Trigger.EVENT_BASED)
    for execution in waiting.select_related("policy"):
        reason = f"given up after {settings.REPLICATION_PATIENCE}: {absence.account(execution.policy)}"
        while _end_some(execution.pk, State.FAILED, reason):
            pass
        unplanned = Execution.objects.filter(pk=execution.pk, planned=False, ended_at=None)
        idle, attempts = unplanned.filter(Q(planner="") | Q(lease_until__lt=Now())), Greatest("attempts", 1)
        claims.release_planning(idle, planned=True, state=State.FAILED, attempts=attempts, text=f"planning: {reason}")
        settle(execution.pk)


_END_SOME = """
WITH waiting AS (
    SELECT id FROM replication_task WHERE execution_id = %(execution)s AND state = 'Pending'
    LIMIT %(batch)s FOR UPDATE SKIP LOCKED
), over AS (
    UPDATE replication_task t SET state = %(state)s, text = %(text)s, ended_at = now(), sent_at = NULL
    FROM waiting WHERE t.id = waiting.id RETURNING t.bytes_done, t.bytes_sent
)
SELECT count(*), coalesce(sum(bytes_done), 0)::bigint, coalesce(sum(bytes_sent), 0)::bigint FROM over
"""
_STOP_PLANNING = """
UPDATE replication_execution SET planned = true, planner = '', attempts = greatest(attempts, 1)
WHERE id = %s AND stop_asked AND NOT planned AND (planner = '' OR lease_until < now())
"""


@transaction.atomic
def _end_some(execution_id: int, state: State, text: str, **only: bool) -> int:
    """End tasks that wait; how many those were."""
    if not Execution.objects.select_for_update().filter(pk=execution_id, ended_at=None, **only).exists():
        return 0
    values: dict[str, Any] = {"execution": execution_id, "batch": _BATCH, "state": state, "text": text}
    with connection.cursor() as each:
        each.execute(_END_SOME, values)
        number, done, sent = each.fetchone() or (0, 0, 0)
    claims.count(execution_id, state, number, done, sent)
    return int(number)


# One statement: of two tasks that end at once, one ends the execution.
_SETTLE = """
UPDATE replication_execution SET
    ended_at = now(), planner = '', rate = 0,
    state = CASE
        WHEN failed > 0 OR state = 'Failed' THEN 'Failed' WHEN stop_asked THEN 'Stopped' ELSE 'Succeed' END,
    text = concat_ws('; ', nullif(text, ''), CASE
        WHEN dry_run THEN format('dry run: %%s to copy or delete, %%s unchanged', total, unchanged)
        ELSE concat_ws(', ',
            format('%%s done', succeeded), CASE WHEN failed > 0 THEN format('%%s failed', failed) END,
            CASE WHEN stopped > 0 THEN format('%%s stopped', stopped) END,
            CASE WHEN unchanged > 0 THEN format('%%s unchanged', unchanged) END)
    END)
WHERE id = %s AND ended_at IS NULL AND planned AND (dry_run OR succeeded + failed + stopped >= total)
"""


def settle(execution_id: int) -> bool:
    """End the execution if all that it has to do is done; whether it was this call that did."""
    with connection.cursor() as each:
        each.execute(_SETTLE, [execution_id])
        return bool(each.rowcount)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an execution is; bytes. `rate` a second; None: it can't be told."""

    tasks_total: int
    tasks_over: int
    at_work: int
    bytes_total: int
    bytes_done: int
    bytes_sent: int
    rate: int | None
    seconds_left: int | None


def progress(execution: Execution) -> Progress:
    return progress_of([execution])[execution.pk]


def progress_of(executions: Iterable[Execution]) -> dict[int, Progress]:
    """By the ids of executions; one statement for all of those that go on."""
    wanted = list(executions)
    going = [execution.pk for execution in wanted if execution.ended_at is None]
    at_work = Task.objects.filter(execution__in=going, state=State.IN_PROGRESS).values_list("execution")
    sums = at_work.annotate(Count("pk"), Sum("bytes_done"), Sum("bytes_sent")).order_by() if going else []
    known = {pk: (number, done, sent) for pk, number, done, sent in sums}
    return {each.pk: _progress(each, *known.get(each.pk, (0, 0, 0))) for each in wanted}


def _progress(execution: Execution, at_work: int, done: int, sent: int) -> Progress:
    bytes_done = execution.bytes_done + done
    left = max(execution.bytes_total - bytes_done, 0)
    rate = execution.rate if execution.ended_at is None else None
    return Progress(
        tasks_total=execution.total,
        tasks_over=execution.succeeded + execution.failed + execution.stopped,
        at_work=at_work,
        bytes_total=execution.bytes_total,
        bytes_done=bytes_done,
        bytes_sent=execution.bytes_sent + sent,
        rate=rate,
        seconds_left=round(left / rate) if rate else None,
    )


_MEASURE = """
UPDATE replication_execution e SET
    rate = greatest(0, (now_done.done - e.measured)
        / greatest(extract(epoch FROM now() - coalesce(e.measured_at, e.started_at)), 0.1))::bigint,
    measured = now_done.done, measured_at = now()
FROM (
    SELECT x.id, x.bytes_done + coalesce((
        SELECT sum(t.bytes_done) FROM replication_task t WHERE t.execution_id = x.id AND t.state = 'InProgress'
    ), 0)::bigint AS done
    FROM replication_execution x WHERE x.ended_at IS NULL
) AS now_done
WHERE e.id = now_done.id AND (e.measured_at IS NULL OR e.measured_at < now() - interval '3 seconds')
"""


def measure() -> None:
    """How fast each execution goes: what was done since it was measured last, some seconds ago."""
    with connection.cursor() as each:
        each.execute(_MEASURE)


def open_executions() -> Iterable[Execution]:
    """Those that haven't ended, with their policies and endpoints."""
    rows = Execution.objects.filter(ended_at=None).order_by("pk")
    return rows.select_related("policy__source", "policy__destination").iterator(chunk_size=200)


def _record(operation: str, execution: Execution, actor: Actor, context: Context, **detail: object) -> None:
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="replication",
        resource=execution.policy.name,
        context=context,
        detail={"execution": execution.pk, **detail},
    )
