"""Registries elsewhere: those that are set up with how they are, a new one, changes, a try, and the end of one."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from portal import confirming
from portal.lists import page_of
from portal.registry_form import RegistryForm, title_of
from portal.visit import Visit, visited
from rbac.policy import SYSTEM_SCOPE
from replication import endpoints, health, overview
from replication.models import Endpoint


@visited("GET", "HEAD")
def registries(visit: Visit) -> HttpResponse:
    visit.require("registry:list", SYSTEM_SCOPE)
    q = visit.asked("q")
    rows = Endpoint.objects.filter(name__icontains=q) if q else Endpoint.objects.all()
    page = page_of(visit, rows.order_by("name"))
    used = overview.policies_of([row.pk for row in page.rows])
    facts = {
        "page": page, "q": q, "section": "registries", "rights": visit.deeds("registry"),
        "entries": [(row, title_of(row.kind), used.get(row.pk, 0)) for row in page.rows],
    }  # fmt: skip
    return visit.show("registries", facts)


@visited("GET", "HEAD", "POST")
def new(visit: Visit) -> HttpResponse:
    visit.require("registry:create", SYSTEM_SCOPE)
    form = RegistryForm(visit.posted, kind=visit.asked("kind"))

    def create(given: dict[str, Any]) -> Endpoint:
        settings = endpoints.Settings(**form.settings(given))
        return endpoints.create(settings, actor=visit.actor, context=visit.context)

    if _asks_for(visit, "save") and (made := form.attempt(create)):
        return visit.to("registries", said=_kept(_("The registry %(name)s is set up, and answers."), made.name))
    return _form(visit, form, _("New registry"))


@visited("GET", "HEAD", "POST")
def edit(visit: Visit, registry: int) -> HttpResponse:
    visit.require("registry:update", SYSTEM_SCOPE)
    kept = endpoints.find(registry)
    form = RegistryForm(visit.posted, kind=visit.asked("kind"), kept=kept)

    def change(given: dict[str, Any]) -> bool:
        endpoints.update(kept.pk, form.settings(given), actor=visit.actor, context=visit.context)
        return True

    if _asks_for(visit, "save") and form.attempt(change):
        return visit.to("registries", said=_kept(_("The registry %(name)s is saved, and answers."), kept.name))
    return _form(visit, form, _("Registry %(name)s") % {"name": kept.name})


def _kept(words: str, name: str) -> str:
    """What to say of one that is kept now: whether it answers, only workers of its own may know."""
    looked = endpoints.is_reached_from_here(name)
    return words % {"name": name} if looked else _("A worker at that site looks at it within moments.")


def _asks_for(visit: Visit, deed: str) -> bool:
    """A form has buttons beside the one that saves."""
    return visit.is_post and visit.request.POST.get("deed", "save") == deed


def _form(visit: Visit, form: RegistryForm, title: str) -> HttpResponse:
    tried = _tried(form) if _asks_for(visit, "test") else None
    if tried is not None and visit.is_partial:
        return visit.show("parts/tried", {"tried": tried})
    if _asks_for(visit, "kind"):
        form.errors.clear()
    facts = {"form": form, "title": title, "section": "registries", "kept": form.kept, "tried": tried}
    return visit.show("registry_form", facts, status=200 if tried is not None else form.status)


def _tried(form: RegistryForm) -> str:
    """What a registry answers that would be as the form says: "" when it is well, else what fails."""

    def look(given: dict[str, Any]) -> bool:
        changes = form.settings({**given, "name": given["name"] or "test"})
        settings = endpoints.changed(form.kept, changes) if form.kept else endpoints.Settings(**changes)
        health.try_out(settings, form.kept)
        return True

    form.fields["name"].required = False
    if form.attempt(look):
        return ""
    wrong = [str(each) for found in form.errors.values() for each in found]
    form.errors.pop("__all__", None)
    return " ".join(wrong)


@visited("POST", works_in_read_only=True)
def check(visit: Visit, registry: int) -> HttpResponse:
    """Look at one that is kept, and say how it is."""
    visit.require("registry:read", SYSTEM_SCOPE)
    is_done = health.ask(endpoints.find(registry))
    found = endpoints.find(registry)
    if visit.is_partial:
        return visit.show("parts/registry_health", {"registry": found})
    if not is_done:
        return visit.to("registries", said=_("A worker at that site looks at it within moments."))
    words = _("%(name)s answers.") if found.healthy else _("%(name)s can't be used: see below.")
    return visit.to("registries", said=words % {"name": found.name})


@visited("GET", "HEAD", "POST")
def delete(visit: Visit, registry: int) -> HttpResponse:
    visit.require("registry:delete", SYSTEM_SCOPE)
    found = endpoints.find(registry)
    return confirming.confirmed(
        visit,
        lambda: endpoints.delete(found.pk, actor=visit.actor, context=visit.context),
        name=found.name,
        title=_("Delete the registry %(name)s") % {"name": found.name},
        words=_("Only what is known of it here goes, with its credential. Nothing that it holds is touched."),
        back=reverse("registries"),
        button=_("Delete the registry"),
        then=reverse("registries"),
        said=_("The registry %(name)s is deleted.") % {"name": found.name},
        section="registries",
    )
