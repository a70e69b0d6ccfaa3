"""`manage.py oidc`: try the OpenID provider."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rbac import oidc
from rbac.errors import ProviderUnavailable
from rbac.management.console import one_line


class Command(BaseCommand):
    help = "Try the OpenID provider that the oidc_ configuration items describe."

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        deeds.add_parser("test", help="read what the provider says of itself, and its keys")

    def handle(self, *_: Any, **options: Any) -> None:  # noqa: ARG002  there is one deed
        provider = oidc.configured()
        with one_line(ProviderUnavailable):
            oidc.test(provider)
        self.stdout.write(f"{provider.endpoint} answers and can be used")
