"""`manage.py deleteuser`: remove a user."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rbac import actions
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Delete a user with all memberships."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError):
            actions.delete_user(actions.find_user(options["username"]), actor=SYSTEM, context=CONTEXT)
        self.stdout.write(f"user {options['username']} deleted")
