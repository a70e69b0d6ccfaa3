"""What an administrator sees of the platform as a whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse

from artifacts import activity, figures, health
from portal.visit import Visit, visited
from projects import quotas
from projects.models import Project, Quota
from projects.quotas import Figures
from rbac.policy import SYSTEM_SCOPE

_LARGEST = 6  # projects by their storage
MANY = 10_000  # rows that are counted


def picture() -> dict[str, Any]:
    """Storage, sizes, pulls and pushes. Costs the same whatever there is."""
    rows = list(Quota.objects.select_related("project").order_by("-used", "-id")[:_LARGEST])
    changes = quotas.unfolded([row.project_id for row in rows])
    used = {row.project_id: row.used + changes.get(row.project_id, 0) for row in rows}
    largest = [(row.project, Figures(row.project_id, row.hard, used[row.project_id])) for row in rows]
    return {
        "days": activity.recent(datetime.now(UTC).date()),
        "largest": [(project, figures_of) for project, figures_of in largest if figures_of.used],
        "most_used": max(used.values(), default=0),
        "stored": figures.stored(),
        "projects": Project.objects.all()[: MANY + 1].count(),
        "repositories": figures.repositories(public=True) + figures.repositories(public=False),
        "many": MANY,
    }


@visited("GET", "HEAD")
def states(visit: Visit) -> HttpResponse:
    """A piece of pages that is asked for anew now and then: what answers just now."""
    visit.require("system-volumes:read", SYSTEM_SCOPE)
    return visit.show("parts/health", {"states": health.states().items()})
