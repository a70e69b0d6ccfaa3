"""`manage.py addmember`: give a user or a group a role in a project, or another one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects import actions
from projects.errors import MemberUnknown, ProjectError
from projects.management.members import add_who_arguments, find_who
from projects.models import Project
from rbac.actors import SYSTEM
from rbac.errors import RbacError
from rbac.management.console import CONTEXT, one_line
from rbac.models import Group, Role, User


class Command(BaseCommand):
    help = "Give a user or a group a role in a project; a member gets another role."

    def add_arguments(self, parser: CommandParser) -> None:
        add_who_arguments(parser)
        parser.add_argument("role", help="projectAdmin, maintainer, developer, guest, limitedGuest or one of your own")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError, ProjectError):
            project, who, role = actions.find(options["project"]), find_who(options), actions.find_role(options["role"])
            self._assign(project, who, role)
        self.stdout.write(f"{who} is {role} of {project.name}")

    def _assign(self, project: Project, who: User | Group, role: Role) -> None:
        try:
            member = actions.find_member(project, who)
        except MemberUnknown:
            actions.add_member(project, who, role, actor=SYSTEM, context=CONTEXT)
        else:
            actions.change_role(member, role, actor=SYSTEM, context=CONTEXT)
