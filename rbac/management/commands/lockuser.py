"""`manage.py lockuser`: keep a user out, or let the user in again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rbac import actions
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Lock a user out (--unlock: let the user in again)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--unlock", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError):
            user = actions.find_user(options["username"])
            change = actions.unlock_user if options["unlock"] else actions.lock_user
            change(user, actor=SYSTEM, context=CONTEXT)
        self.stdout.write(f"user {user.username} {'unlocked' if options['unlock'] else 'locked'}")
