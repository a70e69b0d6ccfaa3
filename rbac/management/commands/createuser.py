"""`manage.py createuser`: a new local user."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rbac import actions
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, add_password_argument, one_line, read_password


class Command(BaseCommand):
    help = "Create a local user. The password is asked for, or read with --password-stdin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--email", default="")
        parser.add_argument("--realname", default="")
        parser.add_argument("--admin", action="store_true", help="a system administrator")
        add_password_argument(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        password = read_password(from_stdin=options["password_stdin"])
        with one_line(RbacError):
            user = actions.create_user(
                options["username"],
                password,
                actor=SYSTEM,
                context=CONTEXT,
                email=options["email"],
                realname=options["realname"],
                is_admin=options["admin"],
            )
        self.stdout.write(f"user {user.username} created, id {user.pk}")
