"""The queues: what waits, which processes are at work and how fast it goes, of all policies and of each."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone

from artifacts import processes
from portal.visit import Visit, visited
from rbac.policy import SYSTEM_SCOPE
from replication import dispatch, figures
from replication.models import Policy


@visited("GET", "HEAD")
def queues(visit: Visit) -> HttpResponse:
    """The whole page, or for htmx the figures alone."""
    visit.require("replication:list", SYSTEM_SCOPE)
    each = figures.by_policy()
    names = dict(Policy.objects.filter(pk__in=each).values_list("pk", "name"))
    rows = [(pk, names[pk], found) for pk, found in each.items() if pk in names]
    overall, now = figures.together(each.values()), timezone.now()
    found = processes.groups()
    facts = {
        "groups": found, "unserved": processes.unserved([processes.SHORT, *dispatch.queues()], found),
        "section": "queues", "overall": overall, "rows": sorted(rows, key=lambda row: row[1]),
        "since": overall.oldest if overall.oldest and overall.oldest < now else None,  # later: it waits to be retried
        "minutes": int(figures.WINDOW.total_seconds() / 60),
    }  # fmt: skip
    return visit.show("parts/queues" if visit.is_partial else "queues", facts)
