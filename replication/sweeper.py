"""What was lost is found again: messages, workers, ends that nobody wrote. Every third second, by one process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from db.locks import try_advisory_lock
from replication import absence, claims, dispatch, events, executions, history, transfers
from replication.models import Endpoint, Execution, Policy, State

logger = logging.getLogger(__name__)

_LOST = "its worker was lost: another one goes on with it"
_WORN_OUT = f"given up after {claims.LIVES} attempts, whose workers were lost: see whether they run out of memory"

# In the same statement a line in each task's log.
_TAKE_OVER = """
WITH lost AS (
    SELECT id, attempts FROM replication_task WHERE state = 'InProgress' AND lease_until < now()
    LIMIT 1000 FOR UPDATE SKIP LOCKED
), told AS (
    INSERT INTO replication_logline (task_id, at, level, text)
    SELECT id, now(), 'WARNING', CASE WHEN attempts < %(lives)s THEN %(lost)s ELSE %(worn)s END FROM lost
), moved AS (
    UPDATE replication_task t SET
        state = CASE WHEN lost.attempts < %(lives)s THEN 'Pending' ELSE 'Failed' END,
        text = CASE WHEN lost.attempts < %(lives)s THEN %(lost)s ELSE %(worn)s END,
        ended_at = CASE WHEN lost.attempts < %(lives)s THEN NULL ELSE now() END,
        worker = '', lease_until = NULL, sent_at = NULL, not_before = now()
    FROM lost WHERE t.id = lost.id RETURNING t.execution_id, t.state, t.bytes_done, t.bytes_sent
), failed AS (
    SELECT execution_id, count(*) AS number, sum(bytes_done)::bigint AS done, sum(bytes_sent)::bigint AS sent
    FROM moved WHERE state = 'Failed' GROUP BY execution_id
)
SELECT m.execution_id, coalesce(f.number, 0), coalesce(f.done, 0), coalesce(f.sent, 0)
FROM (SELECT DISTINCT execution_id FROM moved) m LEFT JOIN failed f USING (execution_id)
"""


def sweep() -> bool:
    """One pass; whether it was this process's turn. What fails keeps nothing else from being done, and is raised in
    the end."""
    with try_advisory_lock("replication sweep") as ours:
        parts: list[Callable[[], object]] = [
            absence.note, _look_again, events.follow, take_over, executions.give_up, _tend_all, executions.measure,
        ]  # fmt: skip
        failures = [error for part in parts if (error := _failure(part)) is not None] if ours else []
    if failures:
        raise failures[0]
    return ours


def _failure(part: Callable[[], object]) -> Exception | None:
    try:
        part()
    except Exception as error:
        logger.warning("Replication: a part of the sweep failed: %s: %s", type(error).__name__, error)
        return error
    return None


@transaction.atomic
def take_over() -> int:
    """Have tasks wait again whose worker's lease has run out; of how many executions those are."""
    values: dict[str, Any] = {"lives": claims.LIVES, "lost": _LOST, "worn": _WORN_OUT}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_OVER, values)
        found = cursor.fetchall()
    for execution_id, *failed in found:
        claims.count(execution_id, State.FAILED, *failed)
    return len(found)


def _look_again() -> None:
    """Sites that are away are looked at when it is time, by workers who reach them."""
    for site in absence.due():
        if site is None:
            dispatch.check_here()
        elif endpoint := Endpoint.objects.filter(pk=site).first():
            dispatch.check(endpoint)


def _tend_all() -> None:
    """What is open is gone on with. A broker that is away is asked once, not for each."""
    lost: dict[str, float | None] = {}
    held_up = set(absence.held_up(Policy.objects.all()).values_list("pk", flat=True))
    for execution in executions.open_executions():
        queue = dispatch.queue_of(execution.policy)
        if queue not in lost:
            lost[queue] = _lost_after(queue)
        _tend(execution, None if execution.policy_id in held_up else lost[queue])


def _lost_after(queue: str) -> float | None:
    """Seconds after which a message that nobody took is taken for lost; None: the broker is away."""
    waiting = dispatch.backlog(queue)
    if waiting is None:
        return None
    return dispatch.OLD if waiting else dispatch.LOST


def _tend(execution: Execution, lost: float | None) -> None:
    """`lost`: as for `dispatch.refill`; None: nothing is sent now."""
    if execution.stop_asked:
        executions.wind_up(execution.pk)
    elif execution.planned and executions.settle(execution.pk):
        return
    elif lost is not None:
        if not execution.planned and _waits_for_planning(execution, lost):
            dispatch.plan(execution)
        dispatch.refill(execution, lost=lost)


def _waits_for_planning(execution: Execution, lost: float) -> bool:
    unplanned = Execution.objects.filter(pk=execution.pk, planned=False)
    dead = unplanned.filter(lease_until__lt=Now()).exclude(planner="")
    if execution.attempts < claims.LIVES:
        claims.release_planning(dead)
    else:
        claims.release_planning(dead, planned=True, state=State.FAILED, text=f"planning: {_WORN_OUT}")
    unsent = Q(sent_at=None) | Q(sent_at__lt=Now() - timedelta(seconds=lost))
    return unplanned.filter(unsent, planner="", not_before__lte=Now()).exists()


def forget() -> int:
    """Drop what was kept for long enough, of transfers and of executions."""
    return transfers.forget() + history.forget()
