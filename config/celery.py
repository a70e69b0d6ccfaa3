"""The Celery app: tasks take an id and may run twice; the database is the truth, the broker may forget everything."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.exceptions import CPendingDeprecationWarning
from celery.loaders.base import BaseLoader
from celery.signals import task_prerun, worker_ready, worker_shutdown
from django.conf import settings
from django.db import connections
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Advice to set worker_cancel_long_running_tasks_on_connection_loss, at every lost connection. It is set, below.
warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)

MAINTENANCE = "maintenance"  # the default queue: short work of the clock's
QUEUES = (MAINTENANCE,)  # what a worker started without -Q takes from

TASK_SECONDS = 3600  # a task with more to do sets limits of its own, and renews its lease in the database


def _configuration() -> dict[str, Any]:
    return {
        "broker_url": settings.CELERY_BROKER_URL,
        # A worker waits for its broker for ever, a few seconds at a time; who sends a task doesn't wait at all.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 2,
        "broker_transport_options": {
            # A worker that died holding a task: another gets it when no worker can still be at it.
            "visibility_timeout": TASK_SECONDS + 600,
            "socket_connect_timeout": 2,
            "socket_timeout": 10,
            "health_check_interval": 5,
        },
        "task_publish_retry": False,
        # Acknowledged when done, one at a time: a task whose worker is killed is delivered again.
        "task_acks_late": True,
        "worker_prefetch_multiplier": 1,
        # Redis gone for a while: what runs goes on to its end, and runs once more when its message comes again.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "task_soft_time_limit": TASK_SECONDS - 30,
        "task_time_limit": TASK_SECONDS,
        "task_ignore_result": True,
        "result_backend": None,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": MAINTENANCE,
        "task_queues": [Queue(name) for name in QUEUES],
        "timezone": "UTC",
        "worker_hijack_root_logger": False,
        "worker_max_memory_per_child": 300_000,  # KiB; the child is replaced after its task
        # Celery's Django fixup would connect to PostgreSQL anew for each task: see `_drop_dead_connections`.
        "CELERY_DB_REUSE_MAX": 2**31,
    }


class Loader(BaseLoader):
    """Reads the configuration from Django's settings, for our app and for a process that has none (see config.apps)."""

    def read_configuration(self, env: str = "") -> dict[str, Any]:  # noqa: ARG002  Celery's signature
        return _configuration()


@task_prerun.connect
def _drop_dead_connections(**_: Any) -> None:
    """What died since the last task is connected anew by the next statement."""
    for each in connections.all(initialized_only=True):
        if each.connection is not None and not each.is_usable():
            each.close()


_leave: list[Callable[[], None]] = []


@worker_ready.connect
def _arrive(sender: Any, **_: Any) -> None:
    """The worker's main process, which has no tasks of its own, says what it serves."""
    from artifacts import processes  # noqa: PLC0415 - once Django is set up

    queues = sorted(queue.name for queue in sender.task_consumer.queues)
    _leave.append(processes.begin(processes.kind_of(queues), queues, sender.controller.concurrency))


@worker_shutdown.connect
def _go(**_: Any) -> None:
    while _leave:
        _leave.pop()()


app = Celery("roadstead", loader="config.celery:Loader")
app.autodiscover_tasks()
