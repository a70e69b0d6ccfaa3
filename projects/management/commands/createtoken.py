"""`manage.py createtoken`: a personal access token for a user. Its secret is printed once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects import personal
from projects.errors import ProjectError
from projects.management.robots import permissions_in
from rbac.actions import find_user
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, one_line
from rbac.reach import ANYTHING, EVERYWHERE


class Command(BaseCommand):
    help = "Give a user a token to log in with instead of the password. Standard output gets it, nobody sees it again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("name")
        parser.add_argument(
            "permissions", nargs="*", metavar="resource:action", help="as listed by setrole --list (what the user may)"
        )
        parser.add_argument(
            "--on", action="append", metavar="PROJECT", help="where it is good (everywhere); / is the system itself"
        )
        parser.add_argument("--days", type=int, default=personal.USUAL, help="how long it lives (90); -1: for ever")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError, ProjectError):
            user = find_user(options["username"])
            permissions = permissions_in(options["on"] or [EVERYWHERE], options["permissions"] or [ANYTHING])
            token, secret = personal.create(
                user, options["name"], permissions, duration=options["days"], actor=SYSTEM, context=CONTEXT
            )
        self.stderr.write(f"token {token.name} of {user} created, id {token.pk}; its secret:")
        self.stdout.write(secret)
