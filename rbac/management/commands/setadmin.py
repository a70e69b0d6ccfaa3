"""`manage.py setadmin`: make a user a system administrator, or no longer one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rbac import actions
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Make a user a system administrator (--revoke: no longer one)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--revoke", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError):
            user = actions.find_user(options["username"])
            actions.set_admin(user, not options["revoke"], actor=SYSTEM, context=CONTEXT)
        self.stdout.write(f"{user.username} is {'no longer ' if options['revoke'] else ''}a system administrator")
