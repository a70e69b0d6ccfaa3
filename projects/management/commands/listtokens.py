"""`manage.py listtokens`: a user's personal access tokens."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects import personal
from rbac.actions import find_user
from rbac.errors import RbacError
from rbac.management.console import one_line


class Command(BaseCommand):
    help = "List a user's tokens, with their expiry, last use and reach."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(RbacError):
            user = find_user(options["username"])
        for token in user.personal_tokens.order_by("name"):
            facts = [
                token.name,
                f"expires {token.expires_at:%Y-%m-%d}" if token.expires_at else "never expires",
                f"used {token.used_at:%Y-%m-%d %H:%M}" if token.used_at else "never used",
                *(f"{place}: {','.join(held)}" for place, held in personal.permissions_of(token).items()),
            ]
            self.stdout.write("  ".join(facts))
