"""A project's repositories, and a repository's description and end. What a repository holds is `portal.artifacts`."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from artifacts import repositories, sizes
from artifacts.models import Repository
from artifacts.sizes import Amount
from portal import confirming, rooms
from portal.forms import PortalForm, Text
from portal.lists import ordered, page_of, searched
from portal.rooms import Room
from portal.visit import Visit, visited

BY_NAME = {"name": ["name"]}  # on an index, whatever the project holds
FEW = {
    **BY_NAME, "artifacts": ["artifact_count", "pk"], "pulls": ["pull_count", "pk"], "pushed": ["last_push", "pk"],
}  # fmt: skip
SMALL = {**FEW, "size": ["stored_bytes", "pk"]}


class Description(PortalForm):
    description = Text(
        label=gettext_lazy("Description"), required=False, max_length=65_536, strip=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy("What people read who look for something to pull."),
    )  # fmt: skip


@visited("GET", "HEAD")
def repositories_of(visit: Visit, name: str) -> HttpResponse:
    room = rooms.enter(visit, name, "repository:list")
    q, few = visit.asked("q"), sizes.repositories([room.project.pk])[room.project.pk]
    # Their names begin with the project's: so the index of names has them in order.
    rows = Repository.objects.filter(project=room.project, name__startswith=f"{name}/")
    rows, more = searched(rows, "name", q, within=f"{name}/")
    orders = _orders(room, few)
    rows, order = ordered(visit, _with_figure(visit, rows, orders), orders, "name")
    page = page_of(visit, rows)
    ids = [row.pk for row in page.rows]
    stored, pushed = sizes.stored(ids), sizes.last_pushes(ids)
    facts = {
        "page": page,
        "entries": [(row, stored.get(row.pk), pushed.get(row.pk)) for row in page.rows],
        "order": order, "q": q,
        "sorts": orders, "kept": {"sort": visit.asked("sort")}, "here_is_project": True, "amount": few,
        "more": more,
    }  # fmt: skip
    return room.show("repositories", "project", facts)


def _orders(room: Room, repositories: Amount) -> Mapping[str, list[str]]:
    """What the project's repositories can be put in order by within a page's time."""
    if repositories.more:
        return BY_NAME
    return SMALL if sizes.are_few_links(room.project.pk) else FEW


def _with_figure(visit: Visit, rows: QuerySet[Repository], orders: Mapping[str, list[str]]) -> QuerySet[Repository]:
    """With what the order asks for, where rows don't hold it."""
    asked = visit.asked("sort").removeprefix("-")
    figure = {"size": sizes.with_stored, "pushed": sizes.with_last_push}.get(asked) if asked in orders else None
    return figure(rows) if figure else rows


@visited("GET", "HEAD", "POST")
def describe(visit: Visit, name: str, repository: str) -> HttpResponse:
    room = rooms.enter(visit, name, "repository:update")
    held = rooms.repository(room, repository)
    form = Description(visit.posted, initial={"description": held.description})

    def write(given: dict[str, str]) -> bool:
        repositories.describe(held, given["description"], actor=visit.actor, context=visit.context)
        return True

    if visit.is_post and form.attempt(write):
        return visit.to("repository", name, repository, said=_("The description is saved."))
    facts = {"form": form, "repository": held, "title": _("Description of %(name)s") % {"name": held.name},
             "back": reverse("repository", args=[name, repository]), "button": _("Save")}  # fmt: skip
    return room.show("form", "project", facts, status=form.status)


@visited("GET", "HEAD", "POST")
def delete(visit: Visit, name: str, repository: str) -> HttpResponse:
    room = rooms.enter(visit, name, "repository:delete")
    held = rooms.repository(room, repository)
    return confirming.confirmed(
        visit,
        lambda: repositories.delete(held.name, actor=visit.actor, context=visit.context),
        name=held.name,
        title=_("Delete the repository %(name)s") % {"name": held.name},
        words=_("All its artifacts and tags go with it, and nobody can pull them any more. This can't be undone."),
        back=reverse("repository", args=[name, repository]),
        button=_("Delete the repository"),
        then=reverse("project", args=[name]),
        said=_("The repository %(name)s is deleted.") % {"name": held.name},
        section="projects",
    )
