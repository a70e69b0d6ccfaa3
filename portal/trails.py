"""The audit trail, of a project or of everything: filtered, paged by key, and taken along as CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _

from audit import trail, vocabulary
from audit.entry import RESULTS
from audit.models import AuditRecord
from audit.trail import Cursor, Filters
from db.prepared import planned_anew
from portal import errors, rooms
from portal.lists import SIZE
from portal.visit import Visit, visited
from rbac.policy import SYSTEM_SCOPE

_EXPORTED = 10_000  # records of one file
_BATCH = 1000
_COLUMNS = ("at", "actor", "address", "operation", "resource_type", "resource", "project", "result", "detail")
_ASKED = ("actor", "resource", "project", "result", "since", "until")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would carry out


@visited("GET", "HEAD")
def of_project(visit: Visit, name: str) -> HttpResponse:
    room = rooms.enter(visit, name, "log:list")
    filters = _filters(visit, project=name)
    if answer := _exported(visit, filters, name):
        return answer
    return room.show("trail", "logs", _page(visit, filters))


@visited("GET", "HEAD")
def of_everything(visit: Visit) -> HttpResponse:
    visit.require("audit-log:list", SYSTEM_SCOPE)
    filters = _filters(visit)
    if answer := _exported(visit, filters, "roadstead"):
        return answer
    return visit.show("trail", {"section": "system-trail", **_page(visit, filters)})


def _filters(visit: Visit, project: str = "") -> Filters:
    operation, _separator, resource_type = visit.asked("kind", 130).partition(" ")
    until = _day(visit, "until")
    return Filters(
        actor=visit.asked("actor"),
        operation=operation,
        resource_type=resource_type,
        resource=visit.asked("resource", 1024),
        project=project or visit.asked("project"),
        result=visit.asked("result"),
        since=_day(visit, "since"),
        until=until + timedelta(days=1) if until else None,
    )


def _day(visit: Visit, name: str) -> datetime | None:
    text = visit.asked(name, 10)
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC) if text else None
    except (ValueError, OverflowError):
        raise errors.Refused(_("%(text)s is no day: 2026-01-31 is one.") % {"text": text}, 400) from None


def _page(visit: Visit, filters: Filters) -> dict[str, Any]:
    before = _cursor(visit.asked("before", 60))
    found = _read(filters, SIZE + 1, before)
    more = len(found) > SIZE
    return {
        "records": found[:SIZE],
        "older": str(Cursor.of(found[SIZE - 1])) if more else "",
        "is_first": before is None,
        "kinds": vocabulary.kinds(),
        "results": RESULTS,
        "asked": {name: visit.asked(name, 1024) for name in _ASKED},
        "kind_asked": visit.asked("kind", 130),
    }  # fmt: skip


def _cursor(text: str) -> Cursor | None:
    try:
        return Cursor.parse(text) if text else None
    except ValueError:
        raise errors.Malformed from None


def _read(filters: Filters, limit: int, before: Cursor | None = None) -> list[AuditRecord]:
    """Raises Refused for filters that would have PostgreSQL look through millions of records."""
    with planned_anew():
        if filters != Filters() and trail.is_dear(trail.matching(filters).order_by("-at", "-id")[:limit]):
            words = _(
                "That is to look through too much of the trail. Narrow it by days, by who did it, or by what was done."
            )
            raise errors.Refused(words, 400)
        return trail.newest(filters, limit=limit, before=before)


def _exported(visit: Visit, filters: Filters, name: str) -> HttpResponse | None:
    """The records as a file, where one is asked for: at most so many, the newest."""
    wanted = visit.asked("as")
    writers = {"csv": (_csv, "text/csv; charset=utf-8"), "json": (_json, "application/json")}
    if wanted not in writers:
        return None
    write, media_type = writers[wanted]
    first = _read(filters, _BATCH)
    answer = StreamingHttpResponse(write(_all(filters, first)), content_type=media_type)
    answer["Content-Disposition"] = f'attachment; filename="{name}-audit.{wanted}"'
    return answer  # type: ignore[return-value]


def _all(filters: Filters, batch: Sequence[AuditRecord]) -> Iterator[AuditRecord]:
    sent = 0
    while batch and sent < _EXPORTED:
        yield from batch
        sent += len(batch)
        batch = trail.newest(filters, limit=_BATCH, before=Cursor.of(batch[-1])) if len(batch) == _BATCH else []


def _row(record: AuditRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _COLUMNS} | {"at": record.at.isoformat()}


def _csv(records: Iterator[AuditRecord]) -> Iterator[str]:
    yield _line(_COLUMNS)
    for record in records:
        yield _line([_plain(value) for value in _row(record).values()])


def _line(values: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue()


def _plain(value: Any) -> str:
    """For spreadsheets, which take what begins so for a formula: a name of a user may."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _json(records: Iterator[AuditRecord]) -> Iterator[str]:
    yield "["
    for place, record in enumerate(records):
        yield (",\n" if place else "\n") + json.dumps(_row(record), default=str)
    yield "\n]\n"
