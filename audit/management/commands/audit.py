"""`manage.py audit`: the audit trail, newest first."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime

from audit import spool
from audit.entry import RESULTS
from audit.models import AuditRecord
from audit.trail import Cursor, Filters, newest


class Command(BaseCommand):
    help = "List the audit trail, newest first. What is still spooled on this machine is carried in first."

    def add_arguments(self, parser: CommandParser) -> None:
        for name in ("--actor", "--operation", "--resource-type", "--resource", "--project"):
            parser.add_argument(name, default="", help=f"only records with exactly this {name[2:]}")
        parser.add_argument("--result", default="", choices=RESULTS)
        parser.add_argument("--since", help="from this day or moment on (ISO 8601, UTC unless it says otherwise)")
        parser.add_argument("--until", help="before this day or moment")
        _add_page(parser)
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *_args: Any, **options: Any) -> None:
        spool.drain()
        texts = ("actor", "operation", "resource_type", "resource", "project", "result")
        filters = Filters(
            **{name: options[name] for name in texts},
            since=_moment(options["since"]),
            until=_moment(options["until"]),
        )
        limit = options["limit"]
        if limit < 1:
            raise CommandError("--limit must be at least 1")
        records = newest(filters, limit=limit, before=_cursor(options["before"]))
        for record in records:
            self.stdout.write(_as_json(record) if options["json"] else _as_text(record))
        if len(records) == limit:
            self.stderr.write(f"Older ones: --before {Cursor.of(records[-1])}")


def _add_page(parser: ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=50, help="how many records (50)")
    parser.add_argument("--before", help="the cursor that the page before ended with")


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment: datetime | date | None = parse_date(text) or parse_datetime(text)
    except ValueError:  # it has the form of a day, but there is no 30th of February
        moment = None
    if moment is None:
        raise CommandError(f"{text!r} is no day or moment: write 2026-07-31 or 2026-07-31T12:00:00+02:00")
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.min)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _cursor(text: str | None) -> Cursor | None:
    try:
        return Cursor.parse(text) if text else None
    except ValueError as error:
        raise CommandError(str(error)) from error


def _as_json(record: AuditRecord) -> str:
    names = [field.name for field in record._meta.concrete_fields]
    return json.dumps({name: getattr(record, name) for name in names}, default=datetime.isoformat)


def _as_text(record: AuditRecord) -> str:
    words = [
        f"{record.at:%Y-%m-%d %H:%M:%S}",
        record.result,
        record.actor or "-",
        record.operation,
        record.resource_type,
        record.resource or "-",
        record.address or "-",
        record.request_id or "-",
    ]
    return "  ".join(words)
