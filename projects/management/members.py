"""What the commands for members share: naming a user or a group."""

from typing import Any

from django.core.management.base import CommandParser

from rbac.actions import find_group, find_user
from rbac.models import Group, User


def add_who_arguments(parser: CommandParser) -> None:
    parser.add_argument("project")
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--user", metavar="USERNAME")
    who.add_argument("--group", metavar="NAME")


def find_who(options: dict[str, Any]) -> User | Group:
    """The user or group that the options name; UserUnknown, GroupUnknown."""
    return find_user(options["user"]) if options["user"] is not None else find_group(options["group"])
