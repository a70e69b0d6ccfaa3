"""An artifact is copied into another repository."""

from __future__ import annotations

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from artifacts import copying
from oci.digest import Digest
from oci.reference import parse_repository
from portal import rooms
from portal.forms import TYPED, PortalForm, Text
from portal.visit import Visit, visited


class Target(PortalForm):
    project = Text(label=gettext_lazy("Project"), max_length=255, widget=forms.TextInput(attrs=TYPED))
    repository = Text(label=gettext_lazy("Repository"), max_length=255, widget=forms.TextInput(attrs=TYPED),
                      help_text=gettext_lazy("One that isn't there is made."))  # fmt: skip


@visited("GET", "HEAD", "POST")
def copy(visit: Visit, name: str, repository: str, digest: str) -> HttpResponse:
    """Where to, and then the copy: with its tags, its parts and all that refers to it."""
    room = rooms.enter(visit, name, "repository:pull")
    held = rooms.repository(room, repository)
    found = rooms.artifact(held, digest)
    form = Target(visit.posted, initial={"project": name, "repository": repository})

    def carry(given: dict[str, str]) -> str:
        target = rooms.enter(visit, given["project"], "artifact:create")
        full = parse_repository(f"{target.project.name}/{given['repository']}")
        copying.copy(held.name, Digest.parse(found.digest), full, actor=visit.actor, context=visit.context)
        return full

    if visit.is_post and (made := form.attempt(carry)):
        project, _separator, rest = made.partition("/")
        return visit.to("artifact", project, rest, found.digest, said=_("Copied to %(name)s.") % {"name": made})
    facts = {"form": form, "title": _("Copy the artifact"), "repository": held, "artifact": found,
             "back": reverse("artifact", args=[name, repository, found.digest]), "button": _("Copy")}  # fmt: skip
    return room.show("form", "project", facts, status=form.status)
