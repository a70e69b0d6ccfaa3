"""`manage.py createrobot`: an account for machines. Its secret is printed once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects import actions, robots
from projects.errors import ProjectError
from projects.management.robots import permissions_in
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Create a robot. Its name goes to standard error, its secret to standard output: nobody sees it again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("permissions", nargs="+", metavar="resource:action", help="as listed by setrole --list")
        level = parser.add_mutually_exclusive_group(required=True)
        level.add_argument("--project", help="a robot of this project: PROJECT+NAME")
        level.add_argument(
            "--on",
            action="append",
            metavar="PROJECT",
            help="a robot of the system; '*' is every project, / the system itself",
        )
        parser.add_argument(
            "--days", type=int, default=robots.NEVER, help="how long it lives (for ever); 0: as configured"
        )
        parser.add_argument("--description", default="")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError, ProjectError):
            project = actions.find(options["project"]) if options["project"] else None
            robot, secret = robots.create(
                options["name"],
                permissions_in(options["on"] or [options["project"]], options["permissions"]),
                project=project,
                duration=options["days"],
                description=options["description"],
                actor=SYSTEM,
                context=CONTEXT,
            )
        self.stderr.write(f"robot {robots.login_name(robot.name)} created, id {robot.pk}; its secret:")
        self.stdout.write(secret)
