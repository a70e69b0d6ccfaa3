"""manage.py reconcile: compare the database with the blob store, adopt and repair."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from artifacts.reconcile import Difference, reconcile
from oci.errors import Unavailable


class Command(BaseCommand):
    help = (
        "Report what differs between the database and the blob store. --adopt brings into the database what the "
        "store has (an older registry's content, or ours after the database was lost); --repair puts back into the "
        "store what the database has. Exits with 1 while differences remain, with 2 when it could not be finished."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--adopt", action="store_true", help="bring what the store has into the database")
        parser.add_argument("--repair", action="store_true", help="put back into the store what the database has")
        parser.add_argument("--into", metavar="PROJECT", help="the project for repositories whose name has none")
        parser.add_argument("--repository", metavar="NAME", help="look at this repository only")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        found = mended = 0
        try:
            for difference in reconcile(
                adopt=options["adopt"], repair=options["repair"], into=options["into"], only=options["repository"]
            ):
                found += 1
                mended += difference.mended
                self.stdout.write(self._line(difference, as_json=options["json"]))
        except Unavailable as error:
            raise CommandError(f"stopped: {error.message}", returncode=2) from error
        if not options["json"]:
            self.stdout.write(f"{found} differences, {mended} mended")
        if found > mended:
            raise CommandError(f"{found - mended} differences remain", returncode=1)

    def _line(self, difference: Difference, *, as_json: bool) -> str:
        return json.dumps({**asdict(difference), "kind": difference.kind.name}) if as_json else str(difference)
