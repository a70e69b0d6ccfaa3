"""`manage.py refreshrobot`: a new secret for a robot, printed once."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects import robots
from projects.errors import ProjectError
from rbac.actors import SYSTEM
from rbac.management.console import CONTEXT, one_line


class Command(BaseCommand):
    help = "Give a robot a new secret, printed on standard output. The old one is dead at once, or after --overlap."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("robot", help="its name, with or without the prefix")
        parser.add_argument("--overlap", type=int, default=0, metavar="HOURS", help="how long the old one stays good")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(ProjectError):
            robot = robots.find(options["robot"])
            overlap = timedelta(hours=max(-1, min(options["overlap"], 10**6)))
            secret = robots.refresh(robot, overlap=overlap, actor=SYSTEM, context=CONTEXT)
        self.stderr.write(f"new secret of {robots.login_name(robot.name)}:")
        self.stdout.write(secret)
