"""`manage.py createsuperuser`: Django's, which knows nothing of our rules, says what to use."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "createuser NAME --admin does this."

    def handle(self, *_: Any, **__: Any) -> None:
        raise CommandError("createuser NAME --admin makes a system administrator")
