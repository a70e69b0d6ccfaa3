"""Ids go to the broker: of executions to be planned, and of a few tasks at a time of each execution.

The database knows what was sent and when; what the broker loses is sent again by the sweeper.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from replication import absence
from replication.models import Endpoint, Execution, Policy, Task

QUEUE = "replication"
SHORT = "maintenance"  # short work's, see config.celery
WINDOW = 32  # messages and tasks at work of one execution at once
LOST = 15  # seconds after which a message is taken for lost, while its queue is empty
OLD = 900  # seconds after which it is, whatever the queue is

logger = logging.getLogger(__name__)

_REFILL = f"""
WITH waiting AS (
    SELECT t.id FROM replication_task t
    WHERE t.execution_id = %(execution)s AND t.state = 'Pending' AND t.not_before <= now()
      AND (t.sent_at IS NULL OR t.sent_at < now() - make_interval(secs => %(lost)s))
    ORDER BY t.not_before, t.id
    LIMIT greatest(0, %(window)s - (
        SELECT count(*) FROM replication_task s
        WHERE s.execution_id = %(execution)s AND s.state = 'Pending'
          AND s.sent_at >= now() - make_interval(secs => %(lost)s)
    ) - (SELECT count(*) FROM replication_task w WHERE w.execution_id = %(execution)s AND w.state = 'InProgress'))
    FOR UPDATE SKIP LOCKED
)
UPDATE replication_task t SET sent_at = now()
FROM waiting, replication_execution e JOIN replication_policy p ON p.id = e.policy_id
WHERE t.id = waiting.id AND e.id = t.execution_id AND NOT e.stop_asked AND NOT e.dry_run AND e.ended_at IS NULL
  AND NOT {absence.IS_AWAY}
RETURNING t.id
"""  # noqa: S608 - of constants


def queue_of(policy: Policy) -> str:
    """The queue of the policy's tasks: the endpoint's own where it is among ROADSTEAD_SITE_QUEUES."""
    endpoint = policy.source or policy.destination
    return _own_queue(endpoint) if endpoint is not None and endpoint.name in settings.SITE_QUEUES else QUEUE


def _own_queue(endpoint: Endpoint) -> str:
    return f"{QUEUE}.{endpoint.name}"


def queues() -> list[str]:
    """All queues that workers have to take from."""
    own = Endpoint.objects.filter(name__in=settings.SITE_QUEUES).order_by("name")
    return [QUEUE, *map(_own_queue, own)]


def plan(execution: Execution) -> None:
    """Have the execution planned."""
    Execution.objects.filter(pk=execution.pk).update(sent_at=Now())
    if not _send("plan", execution.pk, queue_of(execution.policy)):
        Execution.objects.filter(pk=execution.pk).update(sent_at=None)


def refill(execution: Execution, *, lost: float = OLD) -> int:
    """Send as many of the execution's tasks as may be under way; how many that were. `lost`: seconds after which a
    message is sent again."""
    values = {"execution": execution.pk, "window": WINDOW, "lost": float(lost)}
    with connection.cursor() as cursor:
        cursor.execute(_REFILL, values)
        ids = sorted(row[0] for row in cursor.fetchall())
    queue = queue_of(execution.policy)
    for place, task_id in enumerate(ids):
        if not _send("carry_out", task_id, queue):
            _unsent(ids[place:])
            break
    return len(ids)


def wind_up(execution: Execution) -> None:
    """Have an execution that is to stop stopped."""
    _send("wind_up", execution.pk, queue_of(execution.policy))


def check(endpoint: Endpoint) -> None:
    """Have an endpoint looked at: by a worker of its own queue, if it has one."""
    _send("check_endpoint", endpoint.pk, _own_queue(endpoint) if endpoint.name in settings.SITE_QUEUES else SHORT)


def check_here() -> None:
    """Have this installation looked at, as one that replicates."""
    _send("check_here", 0, SHORT)


def _unsent(ids: Sequence[int]) -> None:
    Task.objects.filter(pk__in=ids).update(sent_at=None)


def _send(task: str, key: int, queue: str) -> bool:
    """Whether the broker took it. It is never waited for: what it doesn't take is sent again."""
    from celery import current_app  # noqa: PLC0415 - half a second, for those who send

    try:
        current_app.send_task(f"replication.{task}", args=[key], queue=queue, retry=False)
    except Exception as error:
        logger.warning("Replication: the broker took no %s: %s", task, type(error).__name__)
        return False
    return True


def backlog(queue: str) -> int | None:
    """Messages that wait in the queue; None where the broker is away."""
    from celery import current_app  # noqa: PLC0415
    from kombu.exceptions import ChannelError  # noqa: PLC0415

    try:
        with current_app.connection_for_write() as broker:
            try:
                channel: Any = broker.default_channel
                return int(channel.queue_declare(queue, passive=True).message_count)
            except ChannelError:  # an empty queue is no queue in Redis
                return 0
    except Exception as error:
        logger.warning("Replication: the broker can't be asked: %s", type(error).__name__)
        return None
