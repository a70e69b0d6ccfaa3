"""The queues: what waits, who is at work and how fast it goes, of all policies and of each."""

from __future__ import annotations

from django.http import HttpResponse

from portal.visit import Visit, visited
from rbac.policy import SYSTEM_SCOPE
from replication import figures
from replication.models import Policy


@visited("GET", "HEAD")
def queues(visit: Visit) -> HttpResponse:
    """The whole page, or for htmx the figures alone."""
    visit.require("replication:list", SYSTEM_SCOPE)
    each = figures.by_policy()
    names = dict(Policy.objects.filter(pk__in=each).values_list("pk", "name"))
    rows = [(pk, names[pk], found) for pk, found in each.items() if pk in names]
    facts = {
        "section": "queues", "overall": figures.overall(), "rows": sorted(rows, key=lambda row: row[1]),
        "minutes": int(figures.WINDOW.total_seconds() / 60),
    }  # fmt: skip
    return visit.show("parts/queues" if visit.is_partial else "queues", facts)
