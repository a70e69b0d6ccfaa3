"""`manage.py bootstrap`: the first administrator, the first project and the signing key, where they are missing."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rbac.errors import InvalidPassword, RbacError
from rbac.management.console import CONTEXT, one_line
from tokens.bootstrap import PasswordMissing, bootstrap


class Command(BaseCommand):
    help = "Make what a fresh installation needs; does nothing when it is there. Takes ROADSTEAD_ADMIN_PASSWORD."

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            with one_line(RbacError, PasswordMissing):
                made = bootstrap(os.environ.get("ROADSTEAD_ADMIN_PASSWORD"), context=CONTEXT)
        except CommandError as error:
            if isinstance(error.__cause__, InvalidPassword):
                raise CommandError(f"ROADSTEAD_ADMIN_PASSWORD is refused: {error}") from error
            raise
        self.stdout.write(f"made: {', '.join(made)}" if made else "everything is there already")
