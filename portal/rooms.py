"""A visit to a project: found by its name, with what the visitor may do there, and the frame of its pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from artifacts.models import Manifest, Repository
from oci.digest import Digest
from oci.errors import RegistryError
from oci.reference import parse_repository
from portal import errors
from portal.visit import Visit
from projects import actions, favourites, quotas
from projects.errors import ProjectUnknown
from projects.models import Project
from rbac.policy import ALL_PROJECTS, can


@dataclass(frozen=True, slots=True)
class Tab:
    name: str
    title: str | Promise
    icon: str
    permission: str


_TABS = (
    Tab("project", gettext_lazy("Repositories"), "package", "repository:list"),
    Tab("members", gettext_lazy("Members"), "users", "member:list"),
    Tab("robots", gettext_lazy("Robots"), "robot", "robot:list"),
    Tab("labels", gettext_lazy("Labels"), "tags", "label:list"),
    Tab("rules", gettext_lazy("Immutable tags"), "lock", "immutable-tag:list"),
    Tab("logs", gettext_lazy("Logs"), "history", "log:list"),
    Tab("settings", gettext_lazy("Settings"), "settings", "project:update"),
)


@dataclass(frozen=True, slots=True)
class Room:
    """`rights` are all that the visitor may do in the project."""

    visit: Visit
    project: Project
    rights: frozenset[str]

    def show(self, template: str, tab: str, facts: Mapping[str, Any], status: int = 200) -> HttpResponse:
        """A page of the project, below its name and beside its other pages."""
        tabs = [each for each in _TABS if each.permission in self.rights]
        frame = {
            "frame": "portal/project.html",
            "project": self.project,
            "rights": self.rights,
            "tabs": [(each, reverse(each.name, args=[self.project.name])) for each in tabs],
            "tab": tab,
            "section": "projects",
            "quota": quotas.figures(self.project.pk) if "quota:read" in self.rights else None,
            "starred": bool(favourites.among([self.project.pk], self.visit.actor)),
        }
        return self.visit.show(template, {**frame, **facts}, status=status)


def enter(visit: Visit, name: str, permission: str) -> Room:
    """The project, when the visitor may do `permission` there. One that isn't there is answered as one that is none of
    the visitor's business. Raises SignInFirst, NotAllowed, NoPage."""
    try:
        project = actions.find(name)
    except ProjectUnknown:
        if can(visit.actor, permission, ALL_PROJECTS):
            raise errors.NoPage(_("There is no project %(name)s.") % {"name": name[:255]}) from None
        raise _nothing(visit) from None
    room = Room(visit, project, visit.rights(project))
    if permission not in room.rights:
        raise _nothing(visit) if "project:read" not in room.rights else visit.refusal()
    return room


def _nothing(visit: Visit) -> errors.PageError:
    if visit.session is None:
        return errors.SignInFirst()
    return errors.NotAllowed(_("There is no such project, or you may not see it."))


def repository(room: Room, name: str) -> Repository:
    """The project's repository; `name` is what comes after the project's. NoPage."""
    try:
        full = parse_repository(f"{room.project.name}/{name}")
    except RegistryError:
        raise errors.NoPage from None
    found = Repository.objects.filter(name=full).first()
    if found is None:
        raise errors.NoPage(_("There is no repository %(name)s.") % {"name": full})
    found.project = room.project
    return found


def artifact(held: Repository, digest: str) -> Manifest:
    """The repository's artifact of this digest, without its bytes. NoPage."""
    try:
        wanted = str(Digest.parse(digest))
    except RegistryError:
        raise errors.NoPage from None
    found = Manifest.objects.filter(repository=held, digest=wanted).defer("payload").first()
    if found is None:
        raise errors.NoPage(_("There is no artifact %(digest)s.") % {"digest": wanted[:80]})
    found.repository = held
    return found
