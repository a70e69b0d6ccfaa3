"""`manage.py resetpassword`: another password for a local user."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rbac import actions
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, add_password_argument, one_line, read_password


class Command(BaseCommand):
    help = "Set a user's password. Its refresh tokens and sessions end."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        add_password_argument(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError):
            user = actions.find_user(options["username"])
            password = read_password(from_stdin=options["password_stdin"])
            actions.set_password(user, password, actor=SYSTEM, context=CONTEXT)
        self.stdout.write(f"password of {user.username} set")
