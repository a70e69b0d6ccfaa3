"""Labels, of a project or (for administrators) for all of them: made, changed and deleted."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from artifacts import labelling
from portal import confirming, errors
from portal.forms import PortalForm, Text
from portal.lists import page_of
from portal.scopes import Scope, entered
from portal.undo import Facts, Undo, way
from portal.visit import Visit, visited
from projects import labels
from projects.models import Label

_COLOR = "#4263eb"
_MOST = 150  # artifacts that a deleted label is put on again


class LabelText(PortalForm):
    name = Text(label=gettext_lazy("Name"), max_length=128, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    color = Text(label=gettext_lazy("Colour"), initial=_COLOR, widget=forms.TextInput(attrs={"type": "color"}))
    description = Text(
        label=gettext_lazy("Description"), required=False, strip=False, widget=forms.Textarea(attrs={"rows": 3})
    )


def _text(given: dict[str, str]) -> labels.Text:
    return labels.Text(given["name"], given["description"], given["color"])


@visited("GET", "HEAD")
def labels_of(visit: Visit, name: str = "") -> HttpResponse:
    scope = entered(visit, name, "label:list")
    q = visit.asked("q")
    rows = Label.objects.filter(project=scope.project).order_by("name", "pk")
    page = page_of(visit, rows.filter(name__icontains=q) if q else rows)
    return scope.show("labels", "labels", {"page": page, "q": q})


@visited("GET", "HEAD", "POST")
def new(visit: Visit, name: str = "") -> HttpResponse:
    scope = entered(visit, name, "label:create")
    form = LabelText(visit.posted)

    def create(given: dict[str, str]) -> Label:
        return labels.create(_text(given), project=scope.project, actor=visit.actor, context=visit.context)

    if visit.is_post and (made := form.attempt(create)):
        return visit.to_path(scope.url("labels"), said=_("The label %(name)s is there.") % {"name": made.name})
    facts = {"form": form, "title": _("New label"), "back": scope.url("labels"), "button": _("Create the label")}
    return scope.show("form", "labels", facts, status=form.status)


@visited("GET", "HEAD", "POST")
def edit(visit: Visit, label_id: int, name: str = "") -> HttpResponse:
    scope = entered(visit, name, "label:update")
    label = _find(scope, label_id)
    shown = {"name": label.name, "color": label.color or _COLOR, "description": label.description}
    form = LabelText(visit.posted, initial=shown)

    def update(given: dict[str, str]) -> bool:
        labels.update(label, _text(given), actor=visit.actor, context=visit.context)
        return True

    if visit.is_post and form.attempt(update):
        return visit.to_path(scope.url("labels"), said=_("The label is saved."))
    facts = {"form": form, "title": _("Edit the label"), "back": scope.url("labels"), "button": _("Save")}
    return scope.show("form", "labels", facts, status=form.status)


@visited("GET", "HEAD", "POST")
def delete(visit: Visit, label_id: int, name: str = "") -> HttpResponse:
    scope = entered(visit, name, "label:delete")
    label = _find(scope, label_id)
    return confirming.confirmed(
        visit,
        lambda: labels.delete(label, actor=visit.actor, context=visit.context),
        name=label.name,
        title=_("Delete the label %(name)s") % {"name": label.name},
        words=_("It is taken off every artifact that has it."),
        back=scope.url("labels"),
        button=_("Delete the label"),
        then=scope.url("labels"),
        said=_("The label %(name)s is deleted.") % {"name": label.name},
        section=scope.section("labels"),
        undo=_way_back(scope, label) if visit.is_post else None,
    )


def _way_back(scope: Scope, label: Label) -> Undo | None:
    """None where so many artifacts have it that they can't be kept in mind."""
    marked = labelling.marked_with(label, _MOST + 1)
    if len(marked) > _MOST:
        return None
    facts = {"project": scope.project.name if scope.project else "", "marked": marked, "name": label.name,
             "description": label.description, "color": label.color}  # fmt: skip
    return Undo("delete-label", scope.place, facts)


@way("delete-label", "label:create")
def _create_again(visit: Visit, facts: Facts) -> str:
    scope = entered(visit, facts["project"], "label:create")
    by: Any = {"project": scope.project, "actor": visit.actor, "context": visit.context}
    labelling.restore(_text(dict(facts)), facts["marked"], **by)
    return _("The label %(name)s is there again, on the artifacts that had it.") % {"name": facts["name"]}


def _find(scope: Scope, label_id: int) -> Label:
    found = Label.objects.select_related("project").filter(project=scope.project, pk=label_id).first()
    if found is None:
        raise errors.NoPage(_("There is no such label."))
    return found
