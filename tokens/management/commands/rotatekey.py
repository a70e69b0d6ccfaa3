"""`manage.py rotatekey`: sign tokens with a new key from now on."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rbac.actors import SYSTEM
from rbac.management.console import CONTEXT
from tokens import keys


class Command(BaseCommand):
    help = "Make a new signing key. Tokens of the old one stay good; --prune removes keys whose tokens have expired."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--prune", action="store_true", help="only remove retired keys that no token needs any more"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if options["prune"]:
            self.stdout.write(f"{keys.prune()} retired keys removed")
        else:
            self.stdout.write(
                f"tokens are signed with the key {keys.rotate(actor=SYSTEM, context=CONTEXT).kid} within a minute"
            )
