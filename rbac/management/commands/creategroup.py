"""`manage.py creategroup`: a new group of users."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rbac import actions
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Create a group, with the users named after it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("usernames", nargs="*")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError):
            users = [actions.find_user(username) for username in options["usernames"]]
            group = actions.create_group(options["name"], actor=SYSTEM, context=CONTEXT)
            for user in users:
                actions.add_to_group(group, user, actor=SYSTEM, context=CONTEXT)
        self.stdout.write(f"group {group.name} created, id {group.pk}")
