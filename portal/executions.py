"""Executions of policies: their list, one with how far it is while it goes on, its tasks and what each tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import policies as policy_pages
from portal.lists import page_of
from portal.visit import Visit, visited
from rbac.policy import SYSTEM_SCOPE, can
from replication import absence, executions, overview
from replication.executions import Progress
from replication.models import Execution, State, Task

STATES = {
    "": gettext_lazy("All"),
    State.PENDING: gettext_lazy("Waiting"),
    State.IN_PROGRESS: gettext_lazy("At work"),
    State.SUCCEED: gettext_lazy("Done"),
    State.FAILED: gettext_lazy("Failed"),
    State.STOPPED: gettext_lazy("Stopped"),
}
OVER = 286  # htmx' status for: ask no more
_GOING = 5  # executions that the home page shows
_STEP = 10  # percent; by so much the progress that is spoken differs


@dataclass(frozen=True, slots=True)
class Bar:
    """How far an execution is, for a bar: in bytes where it has any, else in tasks."""

    done: int
    total: int

    @property
    def percent(self) -> int:
        return min(100, self.done * 100 // self.total) if self.total else 0

    @property
    def step(self) -> int:
        return self.percent // _STEP * _STEP


def bar(execution: Execution, progress: Progress) -> Bar:
    if execution.state == State.SUCCEED:
        return Bar(1, 1)
    if progress.bytes_total:
        return Bar(min(progress.bytes_done, progress.bytes_total), progress.bytes_total)
    return Bar(progress.tasks_over, progress.tasks_total)


@visited("GET", "HEAD")
def listed(visit: Visit) -> HttpResponse:
    visit.require("replication:list", SYSTEM_SCOPE)
    page = page_of(visit, Execution.objects.select_related("policy").order_by("-started_at", "-id"))
    facts = {"page": page, "figures": executions.progress_of(page.rows)}
    return policy_pages.show(visit, "executions", "executions", facts)


@visited("GET", "HEAD")
def execution(visit: Visit, execution: int) -> HttpResponse:
    """The whole page, or for htmx what changes of it while the execution goes on."""
    visit.require("replication:read", SYSTEM_SCOPE)
    found = executions.find(execution)
    facts = _facts(visit, found)
    if visit.is_partial:
        return visit.show("parts/execution", facts, status=OVER if found.ended_at else 200)
    return policy_pages.show(visit, "execution", "executions", facts)


def _facts(visit: Visit, found: Execution) -> dict[str, Any]:
    state = visit.asked("state") if visit.asked("state") in STATES else ""
    counts = _counts(found, progress := executions.progress(found))
    page = page_of(visit, _tasks(found, state) if counts[state] else Task.objects.none().order_by("id"))
    chips = [(key, title, counts[key]) for key, title in STATES.items() if counts[key] or key in {"", state}]
    return {
        "execution": found, "policy": found.policy, "progress": progress, "bar": bar(found, progress),
        "page": page, "state": state, "chips": chips, "rights": policy_pages.rights(visit),
        "again": visit.request.get_full_path(), "waits": absence.words([found]).get(found.pk, ""),
    }  # fmt: skip


def _tasks(found: Execution, state: str) -> QuerySet[Task]:
    """In the order of an index that has those of the state alone, however many others there are."""
    rows = Task.objects.filter(execution=found)
    if not state:
        return rows.order_by("id")
    return rows.filter(state=state).order_by(*(["not_before", "id"] if state == State.PENDING else ["id"]))


def _counts(found: Execution, progress: Progress) -> dict[str, int]:
    """How many tasks are in each state, by the figures that are kept: none is counted."""
    waiting = max(0, progress.tasks_total - progress.tasks_over - progress.at_work)
    return {
        "": found.total, State.PENDING: waiting, State.IN_PROGRESS: progress.at_work, State.SUCCEED: found.succeeded,
        State.FAILED: found.failed, State.STOPPED: found.stopped,
    }  # fmt: skip


@visited("POST")
def stop(visit: Visit, execution: int) -> HttpResponse:
    visit.require("replication:create", SYSTEM_SCOPE)
    found = executions.find(execution)
    executions.stop(found, actor=visit.actor, context=visit.context)
    return visit.to("execution", found.pk, said=_("It is being stopped. What was copied stays."))


@visited("POST")
def retry(visit: Visit, execution: int) -> HttpResponse:
    visit.require("replication:create", SYSTEM_SCOPE)
    found = executions.retry(executions.find(execution), actor=visit.actor, context=visit.context)
    return visit.to("execution", found.pk, said=_("What failed or was stopped is tried again."))


@visited("GET", "HEAD")
def going(visit: Visit) -> HttpResponse:
    """What goes on, for the home page, which asks for it again and again."""
    visit.require("replication:list", SYSTEM_SCOPE)
    return visit.show("parts/going", going_on(visit))


def going_on(visit: Visit) -> dict[str, Any]:
    """For the home page of whoever may know: the replications that go on. Two queries."""
    if not can(visit.actor, "replication:list", SYSTEM_SCOPE):
        return {}
    found = overview.going(_GOING)
    figures = executions.progress_of(found)
    return {"going": [(each, figures[each.pk], bar(each, figures[each.pk])) for each in found], "shows_going": True}
