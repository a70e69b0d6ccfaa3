"""`manage.py groupmember`: put a user into a group, or take the user out."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rbac import actions
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Put a user into a group (--remove: take the user out)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("group")
        parser.add_argument("username")
        parser.add_argument("--remove", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError):
            group, user = actions.find_group(options["group"]), actions.find_user(options["username"])
            change = actions.remove_from_group if options["remove"] else actions.add_to_group
            changed = change(group, user, actor=SYSTEM, context=CONTEXT)
        state = "not in" if options["remove"] else "in"
        self.stdout.write(f"{user.username} is {state} {group.name}{'' if changed else ', as before'}")
