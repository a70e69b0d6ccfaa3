"""`manage.py setpublic`: open a project to anybody, or close it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects import actions
from projects.errors import ProjectError
from rbac.actors import SYSTEM
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Let anybody pull from a project (--private: its members only)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--private", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(ProjectError):
            project = actions.find(options["name"])
            actions.set_public(project, not options["private"], actor=SYSTEM, context=CONTEXT)
        self.stdout.write(f"project {project.name} is {'private' if options['private'] else 'public'}")
