"""`manage.py setrole`: a custom role, by its permissions."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rbac import roles
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Make a role of your own from permissions such as repository:pull, or give it just these from now on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", default="")
        parser.add_argument("permissions", nargs="*", metavar="resource:action")
        parser.add_argument("--delete", action="store_true", help="delete the role instead")
        parser.add_argument("--list", action="store_true", help="list the permissions there are")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["list"]:
            self.stdout.write("\n".join(sorted(roles.known_permissions())))
            return
        if not options["name"] or options["delete"] == bool(options["permissions"]):
            raise CommandError("name the role, and its permissions or --delete")
        with one_line(RbacError):
            if options["delete"]:
                roles.delete_role(options["name"], actor=SYSTEM, context=CONTEXT)
                self.stdout.write(f"role {options['name']} deleted")
            else:
                role = roles.set_role(options["name"], options["permissions"], actor=SYSTEM, context=CONTEXT)
                self.stdout.write(f"role {role.name} holds {len(set(options['permissions']))} permissions")
