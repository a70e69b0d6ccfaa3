"""Celery's entry points. `carry_out` has no limit of time to speak of: a lease says whether it is still at work."""

from celery import shared_task

from audit import Context
from rbac.actors import SYSTEM
from replication import dispatch, executions, health, leaving, planning, running, sweeper

__all__ = ["leaving"]  # which Celery's signals reach once it is imported

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


@shared_task(name="replication.forget", soft_time_limit=3000, time_limit=3100)
def forget() -> int:
    return sweeper.forget()


@shared_task(name="replication.run_scheduled")
def run_scheduled(policy_id: int) -> None:
    executions.start_scheduled(policy_id, actor=SYSTEM, context=Context())


@shared_task(name="replication.check_endpoints", soft_time_limit=120, time_limit=150)
def check_endpoints() -> None:
    """Which registries are well. The clock sends this every minute."""
    health.check_all()
    for endpoint in health.of_sites():
        dispatch.check(endpoint)


@shared_task(name="replication.check_endpoint", soft_time_limit=120, time_limit=150)
def check_endpoint(endpoint_id: int) -> None:
    health.check(endpoint_id)


@shared_task(name="replication.check_here", soft_time_limit=120, time_limit=150)
def check_here(_: int) -> None:
    health.check_here()
