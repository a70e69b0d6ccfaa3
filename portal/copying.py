"""An artifact is copied into another repository, or moves there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
    words = _("Its tags, its parts and all that refers to it come along. It stays here too.")
    texts = {"title": _("Copy the artifact"), "button": _("Copy"), "words": words}
    return _carry(visit, room, (repository, digest), copying.copy, said=_("Copied to %(name)s."), texts=texts)


@visited("GET", "HEAD", "POST")
def move(visit: Visit, name: str, repository: str, digest: str) -> HttpResponse:
    """Where to, and then it is there and no more here."""
    room = rooms.enter(visit, name, "artifact:delete")
    if "repository:pull" not in room.rights:
        raise visit.refusal()
    words = _(
        "It leaves this repository with its tags, its parts and all that refers to it. Who pulls it from here is"
        " refused. Labels of this project stay behind when it goes to another."
    )
    texts = {"title": _("Move the artifact"), "button": _("Move"), "words": words}
    return _carry(
        visit, room, (repository, digest), moving.move, said=_("Moved to %(name)s."), texts=texts, undo=_way_back
    )


def _carry(
    visit: Visit,
    room: Room,
    artifact: tuple[str, str],
    act: Callable[..., object],
    *,
    said: str,
    texts: Mapping[str, str],
    undo: Callable[[Room, Repository, Manifest, str], Undo | None] = lambda *_: None,
) -> HttpResponse:
    """The form that asks where to, and then `act` with the artifact, the (repository, digest) of the room."""
    held = rooms.repository(room, artifact[0])
    found = rooms.artifact(held, artifact[1])
    form = Target(visit.posted, initial={"repository": artifact[0]})  # of another project, most often

    def carry(given: dict[str, str]) -> str:
        full = _target(visit, given)
        act(held.name, Digest.parse(found.digest), full, actor=visit.actor, context=visit.context)
        return full

    if visit.is_post and (made := form.attempt(carry)):
        project, _separator, rest = made.partition("/")
        way_back = undo(room, held, found, made)
        return visit.to("artifact", project, rest, found.digest, said=said % {"name": made}, undo=way_back)
    back = reverse("artifact", args=[room.project.name, artifact[0], found.digest])
    facts = {"form": form, "repository": held, "artifact": found, "back": back, **texts}
    return room.show("form", "project", facts, status=form.status)


def _target(visit: Visit, given: dict[str, str]) -> str:
    """The repository that was typed, where the visitor may push to it."""
    target = rooms.enter(visit, given["project"], "artifact:create")
    return parse_repository(f"{target.project.name}/{given['repository']}")


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
