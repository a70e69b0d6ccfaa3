"""The page that somebody who has signed in begins with: favourites, projects, and what came in lately."""

from __future__ import annotations

from django.http import HttpResponse

from artifacts import arrivals
from portal import executions
from portal import projects as project_pages
from portal.picture import picture
from portal.visit import Visit
from projects import actions, favourites
from projects.models import Project, ProjectQuerySet
from rbac.policy import SYSTEM_SCOPE, can

_PROJECTS = 8
_ARRIVALS = 12


def home(visit: Visit) -> HttpResponse:
    starred = list(favourites.of(visit.actor).order_by("name"))
    mine = list(_mine(visit).order_by("-pk")[:_PROJECTS])
    watched = {project.pk: project for project in (*starred, *mine)}
    entries = project_pages.entries(visit, list(watched.values()))
    facts = {
        "section": "start",
        "starred": [entry for entry in entries if entry["starred"]],
        "mine": [entry for entry in entries if not entry["starred"]],
        "arrivals": arrivals.newest(list(watched), _ARRIVALS),
        "picture": picture() if can(visit.actor, "system-volumes:read", SYSTEM_SCOPE) else None,
        "may_create": actions.may_create(visit.actor),
        **executions.going_on(visit),
    }
    return visit.show("home", facts)


def _mine(visit: Visit) -> ProjectQuerySet:
    """Those one is a member of; an administrator who is a member of none looks after all."""
    mine = Project.objects.joined_by(visit.actor)
    return Project.objects.all() if visit.actor.is_admin and not mine.exists() else mine
