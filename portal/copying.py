"""An artifact is copied into another repository, or moves there."""

from __future__ import annotations

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from artifacts import copying, moving
from artifacts.models import Manifest, Repository
from oci.digest import Digest
from oci.reference import parse_repository
from portal import rooms
from portal.forms import TYPED, PortalForm, Text
from portal.rooms import Room
from portal.undo import Facts, Undo, way
from portal.visit import Visit, visited
from projects import actions


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
        full = _target(visit, given)
        copying.copy(held.name, Digest.parse(found.digest), full, actor=visit.actor, context=visit.context)
        return full

    if visit.is_post and (made := form.attempt(carry)):
        return _arrived(visit, made, found.digest, _("Copied to %(name)s."))
    words = _("Its tags, its parts and all that refers to it come along. It stays here too.")
    return _form(room, held, found, form, title=_("Copy the artifact"), button=_("Copy"), words=words)


@visited("GET", "HEAD", "POST")
def move(visit: Visit, name: str, repository: str, digest: str) -> HttpResponse:
    """Where to, and then it is there and no more here."""
    room = rooms.enter(visit, name, "artifact:delete")
    if "repository:pull" not in room.rights:
        raise visit.refusal()
    held = rooms.repository(room, repository)
    found = rooms.artifact(held, digest)
    form = Target(visit.posted, initial={"project": name, "repository": repository})

    def carry(given: dict[str, str]) -> str:
        full = _target(visit, given)
        moving.move(held.name, Digest.parse(found.digest), full, actor=visit.actor, context=visit.context)
        return full

    if visit.is_post and (made := form.attempt(carry)):
        return _arrived(visit, made, found.digest, _("Moved to %(name)s."), _way_back(room, held, found, made))
    words = _(
        "It leaves this repository with its tags, its parts and all that refers to it. Who pulls it from here is"
        " refused. Labels of this project stay behind when it goes to another."
    )
    return _form(room, held, found, form, title=_("Move the artifact"), button=_("Move"), words=words)


def _target(visit: Visit, given: dict[str, str]) -> str:
    """The repository that was typed, where the visitor may push to it."""
    target = rooms.enter(visit, given["project"], "artifact:create")
    return parse_repository(f"{target.project.name}/{given['repository']}")


def _arrived(visit: Visit, made: str, digest: str, said: str, undo: Undo | None = None) -> HttpResponse:
    project, _separator, rest = made.partition("/")
    return visit.to("artifact", project, rest, digest, said=said % {"name": made}, undo=undo)


def _way_back(room: Room, held: Repository, found: Manifest, made: str) -> Undo | None:
    if "artifact:create" not in room.rights:
        return None
    facts = {"from": made, "digest": found.digest, "to": held.name}
    here = reverse("artifact", args=[room.project.name, held.name.partition("/")[2], found.digest])
    return Undo("move", actions.find(made.partition("/")[0]), facts, back=here)


@way("move", "artifact:delete")
def _move_back(visit: Visit, facts: Facts) -> str:
    for name, permission in ((facts["from"], "artifact:delete"), (facts["to"], "artifact:create")):
        rooms.enter(visit, name.partition("/")[0], permission)
    digest = Digest.parse(facts["digest"])
    moving.move(facts["from"], digest, facts["to"], actor=visit.actor, context=visit.context)
    return _("Moved back to %(name)s.") % {"name": facts["to"]}


def _form(
    room: Room, held: Repository, found: Manifest, form: Target, *, title: str, button: str, words: str
) -> HttpResponse:
    place = [room.project.name, held.name.partition("/")[2], found.digest]
    facts = {"form": form, "title": title, "repository": held, "artifact": found, "button": button, "words": words,
             "back": reverse("artifact", args=place)}  # fmt: skip
    return room.show("form", "project", facts, status=form.status)
