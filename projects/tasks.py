"""Celery's entry points."""

from celery import shared_task

from projects import quotas


@shared_task(name="projects.fold_usage", soft_time_limit=120, time_limit=150)
def fold_usage() -> int:
    return quotas.fold()
