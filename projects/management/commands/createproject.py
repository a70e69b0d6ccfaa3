"""`manage.py createproject`: a new project."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects import actions
from projects.errors import ProjectError
from rbac.actions import find_user
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Create a project."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--public", action="store_true", help="anybody may pull from it")
        parser.add_argument("--owner", metavar="USERNAME", help="becomes its projectAdmin")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError, ProjectError):
            owner = find_user(options["owner"]) if options["owner"] else None
            project = actions.create(
                options["name"], public=options["public"], owner=owner, actor=SYSTEM, context=CONTEXT
            )
        self.stdout.write(f"project {project.name} created, id {project.pk}")
