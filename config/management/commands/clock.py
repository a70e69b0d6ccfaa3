"""`manage.py clock`: the scheduler and its worker, in the foreground."""

from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Run the clock: every schedule's ticks, handed to Celery. Waits for Redis where it is away."

    def handle(self, *_args: Any, **_options: Any) -> None:
        from config import clock  # noqa: PLC0415  Celery and rq, half a second that other commands need not spend

        clock.run()
