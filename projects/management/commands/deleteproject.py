"""`manage.py deleteproject`: remove an empty project."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects import actions
from projects.errors import ProjectError
from rbac.actors import SYSTEM
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Delete a project that holds no repositories."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(ProjectError):
            actions.delete(actions.find(options["name"]), actor=SYSTEM, context=CONTEXT)
        self.stdout.write(f"project {options['name']} deleted")
