"""Celery's entry points. `carry_out` has no limit of time to speak of: a lease says whether it is still at work."""

from celery import shared_task

from audit import Context
from rbac.actors import SYSTEM
from replication import executions, planning, running, sweeper

MONTH = 30 * 86400  # seconds; none at all would mean Celery's default


@shared_task(name="replication.plan", soft_time_limit=MONTH, time_limit=MONTH)
def plan(execution_id: int) -> None:
    planning.plan(execution_id)


@shared_task(name="replication.carry_out", soft_time_limit=MONTH, time_limit=MONTH)
def carry_out(task_id: int) -> None:
    running.carry_out(task_id)


@shared_task(name="replication.wind_up")
def wind_up(execution_id: int) -> None:
    executions.wind_up(execution_id)


@shared_task(name="replication.sweep", soft_time_limit=120, time_limit=150)
def sweep() -> None:
    sweeper.sweep()


@shared_task(name="replication.forget")
def forget() -> int:
    return sweeper.forget()


@shared_task(name="replication.run_scheduled")
def run_scheduled(policy_id: int) -> None:
    executions.start_scheduled(policy_id, actor=SYSTEM, context=Context())
