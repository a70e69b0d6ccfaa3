"""Tasks and plannings are claimed by a conditional update and held by a lease, so that one process is at each.

All moments are the database's: processes at several sites never agree on the time.
"""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import F, QuerySet

from replication import absence
from replication.failures import is_worth_retrying, seconds_asked
from replication.models import Execution, State, Task
from replication.pulse import Word
from replication.work import Work

LEASE = 30  # seconds
TRIES = 5  # attempts that fail and bring nothing on
LIVES = 20  # attempts altogether, with those whose process died
BACK_OFF = 2  # seconds before the second attempt, and twice as many before each further one
LONGEST_WAIT = 3600  # seconds between attempts, if the other side asks for that

_TAKE = f"""
UPDATE replication_task t
SET state = 'InProgress', worker = %(claim)s, lease_until = now() + interval '{LEASE} seconds',
    attempts = t.attempts + 1, started_at = coalesce(t.started_at, now())
FROM replication_execution e JOIN replication_policy p ON p.id = e.policy_id
WHERE t.id = %(id)s AND e.id = t.execution_id AND NOT e.stop_asked AND NOT e.dry_run AND e.ended_at IS NULL
  AND (t.state = 'Pending' AND t.not_before <= now() OR t.state = 'InProgress' AND t.lease_until < now())
  AND NOT {absence.IS_AWAY}
RETURNING t.*, {absence.WAS_AWAY} AS was_away
"""  # noqa: S608 - of constants
_RENEW = f"""
UPDATE replication_task t
SET lease_until = now() + interval '{LEASE} seconds', bytes_done = %(done)s, bytes_sent = %(sent)s
FROM replication_execution e JOIN replication_policy p ON p.id = e.policy_id
WHERE t.id = %(id)s AND t.worker = %(claim)s AND t.state = 'InProgress' AND e.id = t.execution_id
RETURNING e.stop_asked, p.speed, CASE WHEN p.speed > 0 THEN (
    SELECT count(*) FROM replication_task w JOIN replication_execution x ON x.id = w.execution_id
    WHERE x.policy_id = p.id AND x.ended_at IS NULL AND w.state = 'InProgress'
) ELSE 1 END
"""  # noqa: S608
_RENEW_TRANSFERS = f"""
UPDATE replication_transfer SET lease_until = now() + interval '{LEASE} seconds'
WHERE id IN (
    SELECT id FROM replication_transfer WHERE done_at IS NULL AND worker = %(claim)s ORDER BY digest FOR UPDATE
)
"""  # noqa: S608


def take(task_id: int, claim: str) -> Task | None:
    """The task, if it is this process's now: nobody was at it, or whose lease has run out, and no site is away."""
    task: Task | None = next(iter(Task.objects.raw(_TAKE, {"id": task_id, "claim": claim})), None)
    if task is not None:
        task.execution = _execution(task.execution_id)
    return task


_executions: dict[int, tuple[float, Execution]] = {}  # that this process has read lately, with when


def _execution(execution_id: int) -> Execution:
    """With its policy and that one's endpoint: as they are, or were a second ago. Tasks come in rows of the same."""
    read_at, execution = _executions.get(execution_id, (float("-inf"), None))
    if execution is None or time.monotonic() - read_at > 1:
        _executions.clear()
        related = Execution.objects.select_related("policy__source", "policy__destination")
        execution = related.get(pk=execution_id)
        _executions[execution_id] = time.monotonic(), execution
    return execution


def renew(task: Task, work: Work) -> Word | None:
    """Hold the task, and the transfers of its blobs, for another lease; None where it is somebody else's by now."""
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, {"id": task.pk, "claim": work.claim, "done": work.done, "sent": work.sent})
        row = cursor.fetchone()
        if row is None:
            return None
        cursor.execute(_RENEW_TRANSFERS, {"claim": work.claim})
    return Word(*row)


class Rest(NamedTuple):
    """What an execution has before it: `tasks` that aren't over. `planned`: no more will come."""

    tasks: int
    planned: bool


# The lines of its log too: each commit waits for the disk.
_FINISH = """
WITH told AS (
    INSERT INTO replication_logline (task_id, at, level, text)
    SELECT %(id)s, l.at, l.level, l.text
    FROM jsonb_to_recordset(%(lines)s::jsonb) AS l(at timestamptz, level text, text text)
), ended AS (
    UPDATE replication_task
    SET state = %(state)s::text, text = %(text)s, ended_at = now(), worker = '', lease_until = NULL, sent_at = NULL,
        bytes_total = %(total)s::bigint, bytes_done = %(done)s::bigint, bytes_sent = %(sent)s::bigint,
        disputed = %(disputed)s::text[]
    WHERE id = %(id)s AND worker = %(claim)s AND state = 'InProgress'
    RETURNING execution_id
)
UPDATE replication_execution e
SET succeeded = e.succeeded + (%(state)s::text = 'Succeed')::int, failed = e.failed + (%(state)s::text = 'Failed')::int,
    stopped = e.stopped + (%(state)s::text = 'Stopped')::int, bytes_done = e.bytes_done + %(done)s::bigint,
    bytes_sent = e.bytes_sent + %(sent)s::bigint, bytes_total = e.bytes_total + %(total)s::bigint - %(counted)s::bigint
FROM ended WHERE e.id = ended.execution_id
RETURNING e.total - e.succeeded - e.failed - e.stopped, e.planned
"""


def finish(task: Task, work: Work, state: State, text: str) -> Rest | None:
    """Write a task's end, once: in its row, its log, and its execution's figures, of which the rest is told. None
    where it isn't ours any more: then its log alone."""
    values: dict[str, Any] = {
        "id": task.pk, "claim": work.claim, "state": str(state), "text": text, "total": max(work.total, work.done),
        "done": work.done, "sent": work.sent, "counted": task.bytes_total,
        "disputed": sorted(work.disputed) or None,
    }  # fmt: skip
    with work.journal.taken() as lines, connection.cursor() as cursor:
        told = [{"at": line.at.isoformat(), "level": line.level, "text": line.text} for line in lines]
        cursor.execute(_FINISH, values | {"lines": json.dumps(told)})
        row = cursor.fetchone()
    return Rest(*row) if row else None


def count(execution_id: int, state: State, number: int, done: int, sent: int) -> None:
    """So many tasks of the execution were ended without being carried out; `done` and `sent` are their bytes."""
    counter = {State.FAILED: "failed", State.STOPPED: "stopped"}[state]
    if number:
        Execution.objects.filter(pk=execution_id).update(
            **{counter: F(counter) + number}, bytes_done=F("bytes_done") + done, bytes_sent=F("bytes_sent") + sent
        )


@transaction.atomic
def resize(task: Task, total: int) -> None:
    """What the task's size turns out to be (bytes); nothing for one that is another's by now, who says so too."""
    ours = Task.objects.filter(pk=task.pk, worker=task.worker, state=State.IN_PROGRESS)
    if total != task.bytes_total and ours.update(bytes_total=total):
        added = total - task.bytes_total
        Execution.objects.filter(pk=task.execution_id).update(bytes_total=F("bytes_total") + added)
        task.bytes_total = total  # what its execution counts it with


_BACK = """
UPDATE replication_task
SET state = 'Pending', text = %(text)s, worker = '', lease_until = NULL, sent_at = NULL, bytes_sent = %(sent)s,
    bytes_done = %(done)s, attempts = attempts - %(undone)s, failures = %(failures)s,
    not_before = now() + make_interval(secs => %(seconds)s), disputed = %(disputed)s::text[]
WHERE id = %(id)s AND worker = %(claim)s AND state = 'InProgress'
"""


def give_back(task: Task, work: Work, text: str, *, seconds: float, failures: int = 0, undone: bool = False) -> bool:
    """Let another attempt at the task be made after some seconds; `undone`: this one doesn't count."""
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "id": task.pk,
            "claim": work.claim,
            "text": text,
            "seconds": seconds,
            "sent": work.sent,
            "done": max(work.done, task.bytes_done),
            "undone": int(undone),
            "failures": failures,
            "disputed": sorted(work.disputed) or None,
        }
        cursor.execute(_BACK, values)
        return bool(cursor.rowcount)


def failures(task: Task, work: Work) -> int:
    """Of the task, with this one, since it came further than ever before: a site that forgets doesn't bring it on."""
    return 1 if work.done > task.bytes_done else task.failures + 1


def wait_after(failures: int, error: Exception) -> float | None:
    """Seconds until another attempt than these, the last of which failed by `error`; None where none is worth it."""
    if failures >= TRIES or not is_worth_retrying(error, failures):
        return None
    return back_off(failures, seconds_asked(error))


def back_off(failures: int, asked: float | None) -> float:
    """Seconds to wait after so many failures, or as long as the other side asked for."""
    return min(max(BACK_OFF * 2.0 ** (failures - 1), asked or 0.0), LONGEST_WAIT)


_TAKE_PLANNING = f"""
UPDATE replication_execution e
SET planner = %(claim)s, lease_until = now() + interval '{LEASE} seconds', attempts = attempts + 1
FROM replication_policy p
WHERE e.id = %(id)s AND NOT planned AND NOT stop_asked AND ended_at IS NULL AND not_before <= now()
  AND (planner = '' OR lease_until < now()) AND p.id = e.policy_id AND NOT {absence.IS_AWAY}
RETURNING e.id
"""  # noqa: S608
_RENEW_PLANNING = f"""
UPDATE replication_execution SET lease_until = now() + interval '{LEASE} seconds'
WHERE id = %(id)s AND planner = %(claim)s AND NOT planned AND ended_at IS NULL
RETURNING stop_asked, 0, 1
"""  # noqa: S608


def take_planning(execution_id: int, claim: str) -> Execution | None:
    """The execution, if it is this process that plans it now."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_PLANNING, {"id": execution_id, "claim": claim})
        if cursor.fetchone() is None:
            return None
    return Execution.objects.select_related("policy__source", "policy__destination").get(pk=execution_id)


def planning(execution_id: int, claim: str) -> QuerySet[Execution]:
    """The execution, as long as its planning is the claim's."""
    return Execution.objects.filter(pk=execution_id, planner=claim, planned=False, ended_at=None)


def release_planning(rows: QuerySet[Execution], **changes: Any) -> int:
    """Let others plan these executions on."""
    return rows.update(planner="", lease_until=None, sent_at=None, **changes)


def renew_planning(execution_id: int, work: Work) -> Word | None:
    with connection.cursor() as cursor:
        cursor.execute(_RENEW_PLANNING, {"id": execution_id, "claim": work.claim})
        row = cursor.fetchone()
    return Word(*row) if row else None
