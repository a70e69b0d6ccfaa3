"""`manage.py creategroup`: a new group of users."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from rbac import actions
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, one_line
from rbac.models import Group


class Command(BaseCommand):
    help = "Create a group, with the users named after it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("usernames", nargs="*")
        parser.add_argument("--oidc", action="store_true", help="one that the OpenID provider calls so and fills")

    def handle(self, *_: Any, **options: Any) -> None:
        kind = Group.Kind.OIDC if options["oidc"] else Group.Kind.LOCAL
        with one_line(RbacError), transaction.atomic():
            users = [actions.find_user(username) for username in options["usernames"]]
            group = actions.create_group(options["name"], actor=SYSTEM, context=CONTEXT, kind=kind)
            for user in users:
                actions.add_to_group(group, user, actor=SYSTEM, context=CONTEXT)
        self.stdout.write(f"group {group.name} created, id {group.pk}")
