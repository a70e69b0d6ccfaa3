"""Projects: those one can see, a new one, the star, and a project's end."""

from __future__ import annotations

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from artifacts import sizes
from portal import confirming, rooms
from portal.forms import TYPED, PortalForm, Text
from portal.lists import ordered, page_of, searched
from portal.pages import own_path
from portal.undo import Facts, Undo, way
from portal.visit import Visit, visited
from projects import actions, favourites, held, metadata, quotas
from projects.models import Project, ProjectQuerySet, Quota
from rbac.models import Role, User
from rbac.policy import SYSTEM_SCOPE, can

ORDERS = {"name": ["name"], "created": ["id"]}
SHOWN = {"": gettext_lazy("All"), "mine": gettext_lazy("Mine"), "public": gettext_lazy("Public"),
         "starred": gettext_lazy("Favourites")}  # fmt: skip


class NewProject(PortalForm):
    name = Text(
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("Lower-case letters and digits, with single . _ or - between them. It stays."),
        widget=forms.TextInput(attrs=TYPED),
    )
    public = forms.BooleanField(label=gettext_lazy("Public: anybody may pull, without signing in"), required=False)
    limit = Text(
        label=gettext_lazy("Storage limit"),
        required=False,
        help_text=gettext_lazy("As 10GiB, 1.5T, or unlimited. Without one, what the configuration gives."),
    )


@visited("GET", "HEAD")
def projects(visit: Visit) -> HttpResponse:
    """Those that the visitor may know of."""
    shown = visit.asked("show") if visit.asked("show") in SHOWN else ""
    q = visit.asked("q")
    visible = _shown(visit, shown)
    rows, more = searched(visible, "name", q)
    rows, order = ordered(visit, rows, ORDERS, "name")
    page = page_of(visit, rows)
    offered = SHOWN if visit.session else {}
    facts = {
        "section": "projects", "page": page, "entries": entries(visit, page.rows), "order": order, "q": q,
        "show": shown, "more": more,
        "kept": {"show": shown, "sort": visit.asked("sort")}, "chips": offered.items(),
        "may_create": actions.may_create(visit.actor),
    }  # fmt: skip
    return visit.show("projects", facts)


def _shown(visit: Visit, shown: str) -> ProjectQuerySet:
    visible = Project.objects.visible_to(visit.actor)
    if shown == "mine" and visit.actor.user_id is not None:
        return Project.objects.joined_by(visit.actor)
    if shown == "public":
        return visible.filter(public=True)
    if shown == "starred":
        return favourites.of(visit.actor)
    return visible


def entries(visit: Visit, found: list[Project]) -> list[dict[str, object]]:
    """What a list tells of projects: five queries for any number of them."""
    ids = [project.pk for project in found]
    roles, names = held.roles(ids, visit.actor), dict(Role.objects.values_list("pk", "name"))
    counts, starred = sizes.repositories(ids), favourites.among(ids, visit.actor)
    limits = dict(Quota.objects.filter(project__in=ids).values_list("project", "used"))
    changes = quotas.unfolded(ids)
    return [
        {
            "project": project,
            "role": names.get(held.strongest(roles.get(project.pk, [])), ""),
            "repositories": counts.get(project.pk),
            "used": limits.get(project.pk, 0) + changes.get(project.pk, 0),
            "starred": project.pk in starred,
        }
        for project in found
    ]


@visited("GET", "HEAD", "POST")
def new(visit: Visit) -> HttpResponse:
    visit.require_somebody()
    if not actions.may_create(visit.actor):
        raise visit.refusal()
    form = NewProject(visit.posted)
    if not can(visit.actor, "quota:update", SYSTEM_SCOPE):
        del form.fields["limit"]

    def create(given: dict[str, str]) -> Project:
        limit = given.get("limit")
        return metadata.create_project(
            given["name"],
            {"public": "true" if given["public"] else "false"},
            storage_limit=quotas.parse(limit) if limit else None,
            owner=User.objects.filter(pk=visit.actor.user_id or 0).first(),
            actor=visit.actor,
            context=visit.context,
        )

    if visit.is_post and (made := form.attempt(create)):
        return visit.to("project", made.name, said=_("The project %(name)s is there.") % {"name": made.name})
    return visit.show("new_project", {"form": form, "section": "projects"}, status=form.status)


@visited("POST", works_in_read_only=True)
def star(visit: Visit, name: str) -> HttpResponse:
    """The star on or off, and back to where it was set."""
    room = rooms.enter(visit, name, "project:read")
    is_on = visit.request.POST.get("on") == "true"
    (favourites.add if is_on else favourites.remove)(room.project, actor=visit.actor)
    if visit.is_partial:
        return visit.show("parts/star", {"project": room.project, "starred": is_on})
    said = _("%(name)s is a favourite now.") if is_on else _("%(name)s is no favourite any more.")
    undo = Undo("star", room.project, {"project": name, "on": not is_on})
    then = own_path(visit.request.POST.get("then", "") or reverse("projects"))
    return visit.to_path(then, said=said % {"name": name}, undo=undo)


@way("star", "project:read")
def _star_back(visit: Visit, facts: Facts) -> str:
    room = rooms.enter(visit, facts["project"], "project:read")
    (favourites.add if facts["on"] else favourites.remove)(room.project, actor=visit.actor)
    said = _("%(name)s is a favourite again.") if facts["on"] else _("%(name)s is no favourite again.")
    return said % {"name": room.project.name}


@visited("GET", "HEAD", "POST")
def delete(visit: Visit, name: str) -> HttpResponse:
    room = rooms.enter(visit, name, "project:delete")
    return confirming.confirmed(
        visit,
        lambda: actions.delete(room.project, actor=visit.actor, context=visit.context),
        name=name,
        title=_("Delete the project %(name)s") % {"name": name},
        words=_("Members, robots, labels and rules go with it. Only a project without repositories can be deleted."),
        back=reverse("project", args=[name]),
        button=_("Delete the project"),
        then=reverse("projects"),
        said=_("The project %(name)s is deleted.") % {"name": name},
        section="projects",
    )
