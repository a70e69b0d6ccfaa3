"""`manage.py disablerobot`: give a robot nothing from now on, or again what it holds."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects import robots
from projects.errors import ProjectError
from rbac.actors import SYSTEM
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Disable a robot (--enable: let it work again)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("robot", help="its name, with or without the prefix")
        parser.add_argument("--enable", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(ProjectError):
            robot = robots.find(options["robot"])
            robots.update(robot, disabled=not options["enable"], actor=SYSTEM, context=CONTEXT)
        self.stdout.write(f"robot {robots.login_name(robot.name)} {'enabled' if options['enable'] else 'disabled'}")
