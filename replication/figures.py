"""How replication is doing: what waits, what is at work, and how much was done in the last minutes; of each policy too.

All of it is read from the rows of what goes on and of what ended lately, whose number doesn't grow with the history.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

WINDOW = timedelta(minutes=5)  # that rates are of


@dataclass(frozen=True, slots=True)
class Figures:
    """`oldest` waits since then, None where nothing does. Rates are of the last `WINDOW`, bytes over the wire."""

    executions: int
    pending: int
    in_progress: int
    oldest: datetime | None
    tasks_a_minute: float
    bytes_a_minute: float


_OPEN = """
SELECT e.policy_id, count(*), sum(e.total - e.succeeded - e.failed - e.stopped)::bigint, sum(w.number)::bigint,
    min(w.oldest), sum(w.sent)::bigint
FROM replication_execution e, LATERAL (
    SELECT
        (SELECT count(*) FROM replication_task t WHERE t.execution_id = e.id AND t.state = 'InProgress') AS number,
        (SELECT coalesce(sum(t.bytes_sent), 0)
         FROM replication_task t WHERE t.execution_id = e.id AND t.state = 'InProgress') AS sent,
        (SELECT t.not_before FROM replication_task t WHERE t.execution_id = e.id AND t.state = 'Pending'
         ORDER BY t.not_before, t.id LIMIT 1) AS oldest
) AS w
WHERE e.ended_at IS NULL AND NOT e.dry_run GROUP BY e.policy_id
"""
_LATELY = """
SELECT e.policy_id, count(*), sum(t.bytes_sent)::bigint
FROM replication_task t JOIN replication_execution e ON e.id = t.execution_id
WHERE t.ended_at >= now() - make_interval(secs => %s) AND t.state IN ('Succeed', 'Failed') GROUP BY e.policy_id
"""


def by_policy() -> dict[int, Figures]:
    """Of the policies (ids) that do something, or did lately."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN)
        going = {row[0]: row[1:] for row in cursor.fetchall()}
        cursor.execute(_LATELY, [WINDOW.total_seconds()])
        lately = {row[0]: row[1:] for row in cursor.fetchall()}
    minutes = WINDOW.total_seconds() / 60
    found = {}
    for policy in sorted(going.keys() | lately.keys()):
        executions, left, at_work, oldest, sending = going.get(policy, (0, 0, 0, None, 0))
        ended, sent = lately.get(policy, (0, 0))
        found[policy] = Figures(
            executions=executions,
            pending=max(left - at_work, 0),
            in_progress=at_work,
            oldest=oldest,
            tasks_a_minute=ended / minutes,
            bytes_a_minute=(sent + sending) / minutes,
        )
    return found


def together(figures: Iterable[Figures]) -> Figures:
    """Of several policies together."""
    each = list(figures)
    return Figures(
        executions=sum(one.executions for one in each),
        pending=sum(one.pending for one in each),
        in_progress=sum(one.in_progress for one in each),
        oldest=min((one.oldest for one in each if one.oldest), default=None),
        tasks_a_minute=sum(one.tasks_a_minute for one in each),
        bytes_a_minute=sum(one.bytes_a_minute for one in each),
    )
