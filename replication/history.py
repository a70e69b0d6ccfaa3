"""Executions of long ago are forgotten, with their tasks and logs: events alone make thousands a day."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import connection

from replication.models import Execution

KEPT = 50  # of each policy, the latest, however old
_SOME = 100  # executions at a time
_BATCH = 500  # tasks deleted by one statement

_OLD = """
SELECT e.id FROM replication_execution e
WHERE e.ended_at < now() - make_interval(days => %s) AND e.started_at < coalesce((
    SELECT k.started_at FROM replication_execution k WHERE k.policy_id = e.policy_id
    ORDER BY k.started_at DESC, k.id DESC OFFSET %s LIMIT 1
), '-infinity')
ORDER BY e.started_at LIMIT %s
"""
_TASKS = """
WITH gone AS (
    SELECT t.id FROM replication_execution e JOIN replication_task t ON t.execution_id = e.id
    WHERE e.id = ANY(%s) AND e.ended_at IS NOT NULL LIMIT %s
), lines AS (DELETE FROM replication_logline WHERE task_id IN (SELECT id FROM gone))
DELETE FROM replication_task WHERE id IN (SELECT id FROM gone)
"""


def forget() -> int:
    """Forget what ended more than REPLICATION_HISTORY ago; how many executions that are. A bit at a time."""
    kept: timedelta = settings.REPLICATION_HISTORY
    forgotten = 0
    while kept and (old := _some(kept.days)):
        _forget(old)
        forgotten += len(old)
    return forgotten


def forget_all_of(policy_id: int) -> None:
    """What a policy has done, however much; not what it does now."""
    ended = Execution.objects.filter(policy=policy_id, ended_at__isnull=False).order_by("pk")
    while some := list(ended.values_list("pk", flat=True)[:_SOME]):
        _forget(some)


def _some(days: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_OLD, [days, KEPT - 1, _SOME])
        return [row[0] for row in cursor.fetchall()]


def _forget(executions: list[int]) -> None:
    """With tasks and lines, by statements that each take moments."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_TASKS, [executions, _BATCH])
            if cursor.rowcount < _BATCH:
                break
        cursor.execute("DELETE FROM replication_execution WHERE id = ANY(%s) AND ended_at IS NOT NULL", [executions])
