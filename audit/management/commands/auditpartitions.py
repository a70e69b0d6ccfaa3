"""`manage.py auditpartitions`: make the trail's coming months, and drop old ones."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import partitions


class Command(BaseCommand):
    help = "Make the audit trail's partitions ahead of time; with --older-than-months, drop old months for good."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--ahead", type=int, default=partitions.AHEAD, help="months to make beyond this one (3)")
        parser.add_argument("--older-than-months", type=int, help="drop the months that ended this many months ago")

    def handle(self, *_args: Any, **options: Any) -> None:
        ahead, age = options["ahead"], options["older_than_months"]
        if ahead < 0 or (age is not None and age < 1):
            raise CommandError("--ahead can't be negative, --older-than-months must be at least 1")
        for month in partitions.make_ahead(ahead):
            self.stdout.write(f"made {month:%Y-%m}")
        if age is not None:
            for month in partitions.drop_before(partitions.months_later(partitions.this_month(), -age)):
                self.stdout.write(f"dropped {month:%Y-%m}")
        kept = partitions.existing()
        self.stdout.write(f"{len(kept)} months, {kept[0]:%Y-%m} to {kept[-1]:%Y-%m}" if kept else "no months")
