"""`manage.py removemember`: take a user's or a group's role in a project away."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects import actions
from projects.errors import ProjectError
from projects.management.members import add_who_arguments, find_who
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Take a member out of a project."

    def add_arguments(self, parser: CommandParser) -> None:
        add_who_arguments(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError, ProjectError):
            project, who = actions.find(options["project"]), find_who(options)
            actions.remove_member(actions.find_member(project, who), actor=SYSTEM, context=CONTEXT)
        self.stdout.write(f"{who} is no longer a member of {project.name}")
