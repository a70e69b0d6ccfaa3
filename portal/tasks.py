"""A task of an execution with what it tells of itself, line by line as it happens."""

from __future__ import annotations

from django.http import HttpResponse

from db import keyset
from portal import policies as policy_pages
from portal.executions import OVER
from portal.lists import Page, page_of
from portal.visit import Visit, id_in, visited
from rbac.policy import SYSTEM_SCOPE
from replication import executions
from replication.models import Execution, LogLine, Task

_LINES = 200  # of a log at once


@visited("GET", "HEAD")
def task(visit: Visit, execution: int, task: int) -> HttpResponse:
    """One task with its log, the last lines of a long one; for htmx what else changes while it goes on."""
    owner, found = _find(visit, execution, task)
    going = _goes_on(owner, found)
    facts = {"execution": owner, "policy": owner.policy, "task": found, "going": going}
    if visit.is_partial:
        return visit.show("parts/task", facts, status=200 if going else OVER)
    page = _lines(visit, found)
    facts |= {"page": page, "tail": going and not page.next, "last": page.rows[-1].pk if page.rows else 0}
    return policy_pages.show(visit, "task", "executions", facts)


@visited("GET", "HEAD")
def lines(visit: Visit, execution: int, task: int) -> HttpResponse:
    """What the log has behind a line, and the place where the next ones come, unless the task is over by now."""
    owner, found = _find(visit, execution, task)
    since = id_in(visit.asked("since"))
    rows = list(LogLine.objects.filter(task=found, pk__gt=since).order_by("pk")[:_LINES])
    tail = _goes_on(owner, found) or len(rows) == _LINES  # it was looked at before the lines: what it told is there
    facts = {"execution": owner, "task": found, "rows": rows, "tail": tail, "last": rows[-1].pk if rows else since}
    return visit.show("parts/lines", facts)


def _find(visit: Visit, execution: int, task: int) -> tuple[Execution, Task]:
    visit.require("replication:read", SYSTEM_SCOPE)
    owner = executions.find(execution)
    return owner, executions.task_of(owner, task)


def _goes_on(owner: Execution, found: Task) -> bool:
    return found.ended_at is None and owner.ended_at is None


def _lines(visit: Visit, found: Task) -> Page[LogLine]:
    """The page that is asked for, or the end of the log."""
    rows = LogLine.objects.filter(task=found).order_by("id")
    if visit.asked("before") or visit.asked("after"):
        return page_of(visit, rows, _LINES)
    last = list(rows.reverse()[: _LINES + 1])
    shown = last[:_LINES][::-1]
    more = len(last) > _LINES
    return Page(shown, keyset.written(keyset.order_of(rows), shown[0]) if more else "", "")
