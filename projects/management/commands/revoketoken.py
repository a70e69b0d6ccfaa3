"""`manage.py revoketoken`: end a personal access token."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects import personal
from projects.errors import ProjectError
from rbac.actions import find_user
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Revoke a user's token."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("name")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError, ProjectError):
            token = personal.find(find_user(options["username"]), options["name"])
            personal.revoke(token, actor=SYSTEM, context=CONTEXT)
        self.stdout.write(f"token {options['name']} of {options['username']} revoked")
