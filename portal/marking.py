"""Tags and labels, put on an artifact and taken off."""

from __future__ import annotations

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from artifacts import labelling, tagging
from artifacts.models import Tag
from oci.reference import parse_tag
from portal import confirming, errors, rooms
from portal.forms import TYPED, PortalForm, Text
from portal.lists import page_of
from portal.undo import Facts, Undo, way
from portal.visit import Visit, id_in, visited
from projects.labels import usable_in

_LABELS = 50  # on a page


class NewTag(PortalForm):
    name = Text(
        label=gettext_lazy("Tag"), max_length=128, help_text=gettext_lazy("As v1.2.3: letters, digits, . _ and -"),
        widget=forms.TextInput(attrs=TYPED),
    )  # fmt: skip


@visited("GET", "HEAD", "POST")
def add_tag(visit: Visit, name: str, repository: str, digest: str) -> HttpResponse:
    room = rooms.enter(visit, name, "tag:create")
    held = rooms.repository(room, repository)
    found = rooms.artifact(held, digest)
    form = NewTag(visit.posted)

    def create(given: dict[str, str]) -> Tag:
        return tagging.create(held.name, found.digest, given["name"], actor=visit.actor, context=visit.context)

    home = reverse("artifact", args=[name, repository, found.digest])
    if visit.is_post and (made := form.attempt(create)):
        return visit.to_path(home, said=_("The tag %(name)s is set.") % {"name": made.name})
    facts = {"form": form, "title": _("Add a tag"), "back": home, "button": _("Add the tag"), "repository": held,
             "artifact": found}  # fmt: skip
    return room.show("form", "project", facts, status=form.status)


@visited("GET", "HEAD", "POST")
def delete_tag(visit: Visit, name: str, repository: str, tag: str) -> HttpResponse:
    room = rooms.enter(visit, name, "tag:delete")
    held = rooms.repository(room, repository)
    found = Tag.objects.filter(repository=held, name=parse_tag(tag)).select_related("manifest").first()
    if found is None:
        raise errors.NoPage(_("There is no tag %(name)s.") % {"name": tag[:128]})
    where = {"project": name, "repository": repository}
    home = reverse("artifact", args=[name, repository, found.manifest.digest])
    return confirming.confirmed(
        visit,
        lambda: tagging.delete(held.name, found.name, actor=visit.actor, context=visit.context),
        name=found.name,
        title=_("Delete the tag %(name)s") % {"name": f"{held.name}:{found.name}"},
        words=_("The artifact stays, and can be pulled by its digest. Who pulls by this tag is refused."),
        back=home,
        button=_("Delete the tag"),
        then=home,
        said=_("The tag %(name)s is deleted.") % {"name": found.name},
        section="projects",
        undo=Undo("delete-tag", room.project, {**where, "digest": found.manifest.digest, "tag": found.name}),
    )


@way("delete-tag", "tag:create")
def _set_again(visit: Visit, facts: Facts) -> str:
    room = rooms.enter(visit, facts["project"], "tag:create")
    held = rooms.repository(room, facts["repository"])
    tagging.create(held.name, facts["digest"], facts["tag"], actor=visit.actor, context=visit.context)
    return _("The tag %(name)s is set again.") % {"name": facts["tag"]}


@visited("GET", "HEAD", "POST")
def labels(visit: Visit, name: str, repository: str, digest: str) -> HttpResponse:
    """The labels there are, each to be put on or taken off."""
    room = rooms.enter(visit, name, "artifact-label:create")
    held = rooms.repository(room, repository)
    found = rooms.artifact(held, digest)
    if visit.is_post:
        label = id_in(visit.request.POST.get("label", ""))
        is_on = visit.request.POST.get("on") == "true"
        deed = labelling.put_on if is_on else labelling.take_off
        deed(held, found.digest, label, actor=visit.actor, context=visit.context)
        facts = {"project": name, "repository": repository, "digest": found.digest, "label": label, "on": not is_on}
        said = _("The label is on it.") if is_on else _("The label is taken off.")
        undo = Undo("label-artifact", room.project, facts)
        return visit.to_path(visit.request.get_full_path(), said=said, undo=undo)
    page = page_of(visit, usable_in(room.project.pk).order_by("name", "pk"), _LABELS)
    on = set(found.marks.values_list("label", flat=True))
    choices = [(label, label.pk in on) for label in page.rows]
    facts = {"repository": held, "artifact": found, "page": page, "choices": choices}
    return room.show("labels_of_artifact", "project", facts)


@way("label-artifact", "artifact-label:create")
def _mark_otherwise(visit: Visit, facts: Facts) -> str:
    room = rooms.enter(visit, facts["project"], "artifact-label:create")
    held = rooms.repository(room, facts["repository"])
    deed = labelling.put_on if facts["on"] else labelling.take_off
    deed(held, facts["digest"], facts["label"], actor=visit.actor, context=visit.context)
    return _("The label is on it again.") if facts["on"] else _("The label is off it again.")
