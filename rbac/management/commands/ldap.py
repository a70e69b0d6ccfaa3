"""`manage.py ldap`: try the directory, search it, import from it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rbac import directory, ldap, servers
from rbac.actors import SYSTEM
from rbac.errors import DirectoryUnavailable, RbacError
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Try the directory that the ldap_ configuration items describe, search it, import users and groups."

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        deeds.add_parser("test", help="connect to every server and bind the search account")
        search = deeds.add_parser("search", help="list people, or groups, whose name holds this")
        search.add_argument("name", nargs="?", default="")
        search.add_argument("--groups", action="store_true")
        importing = deeds.add_parser("import", help="make users known before they sign in, or a group by its DN")
        importing.add_argument("names", nargs="*")
        importing.add_argument("--group", metavar="DN")
        importing.add_argument("--as", dest="group_name", default="", help="what the group is called here")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError, DirectoryUnavailable):
            {"test": self._test, "search": self._search, "import": self._import}[options["deed"]](options)

    def _test(self, _: dict[str, Any]) -> None:
        configured = servers.configured()
        ldap.test(configured)
        self.stdout.write(f"{len(configured.urls)} of {len(configured.urls)} servers answer")

    def _search(self, options: dict[str, Any]) -> None:
        configured = servers.configured()
        if options["groups"]:
            for group in ldap.search_groups(configured, name=options["name"]):
                self.stdout.write(f"{group.name}\t{group.dn}")
        else:
            for person in ldap.search(configured, options["name"]):
                self.stdout.write(f"{person.name}\t{person.email}\t{person.dn}")

    def _import(self, options: dict[str, Any]) -> None:
        for name in options["names"]:
            user = directory.import_user(name, actor=SYSTEM, context=CONTEXT)
            self.stdout.write(f"user {user.username} imported, id {user.pk}")
        if options["group"]:
            group = directory.import_group(options["group"], actor=SYSTEM, context=CONTEXT, name=options["group_name"])
            self.stdout.write(f"group {group.name} imported, id {group.pk}")
