"""Celery's entry points."""

from datetime import UTC, datetime, timedelta

from celery import shared_task

from artifacts import activity, blobs, configs, figures

COMMITS_KEPT = timedelta(days=7)  # as long as the upstream registry keeps an unfinished upload


@shared_task(name="artifacts.forget_commits")
def forget_commits() -> int:
    return blobs.forget_commits(datetime.now(UTC) - COMMITS_KEPT)


@shared_task(name="artifacts.read_configs")
def read_configs() -> int:
    return configs.read_missing()


@shared_task(name="artifacts.measure")
def measure() -> None:
    figures.measure()
    activity.measure(datetime.now(UTC).date())
