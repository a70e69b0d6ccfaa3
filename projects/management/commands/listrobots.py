"""`manage.py listrobots`: the robots there are, with what they hold and when they were used."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects import actions, robots
from projects.errors import ProjectError
from projects.management.robots import described
from projects.models import Robot
from rbac.management.console import one_line


class Command(BaseCommand):
    help = "List the robots, or those of one project."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project")

    def handle(self, *_: Any, **options: Any) -> None:
        listed = Robot.objects.order_by("name")
        if options["project"]:
            with one_line(ProjectError):
                listed = listed.filter(project=actions.find(options["project"]))
        for robot in listed.iterator(chunk_size=500):
            self.stdout.write(described(robot, robots.permissions_of(robot)))
