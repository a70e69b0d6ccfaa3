"""What an administrator sees of the platform as a whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse

from artifacts import activity, figures, health
from portal.visit import Visit, visited
from projects import quotas
from projects.models import Project, Quota
from rbac.policy import SYSTEM_SCOPE

_LARGEST = 6  # projects by their storage
MANY = 10_000  # rows that are counted


def picture() -> dict[str, Any]:
    """Storage, sizes, pulls and pushes. Costs the same whatever there is."""
    rows = list(Quota.objects.select_related("project").order_by("-used", "-id")[:_LARGEST])
    largest = [(row.project, found) for row, found in zip(rows, quotas.figures_of(rows), strict=True)]
    return {
        **amounts(),
        "days": activity.recent(datetime.now(UTC).date()),
        "largest": [(project, found) for project, found in largest if found.used],
        "most_used": max((found.used for _, found in largest), default=0),
    }


def amounts() -> dict[str, int]:
    """How much there is in all; beyond `many` it isn't counted further."""
    return {
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
