"""`manage.py deleterobot`: remove a robot."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects import robots
from projects.errors import ProjectError
from rbac.actors import SYSTEM
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Delete a robot."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("robot", help="its name, with or without the prefix")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(ProjectError):
            robot = robots.find(options["robot"])
            robots.delete(robot, actor=SYSTEM, context=CONTEXT)
        self.stdout.write(f"robot {robots.login_name(robot.name)} deleted")
