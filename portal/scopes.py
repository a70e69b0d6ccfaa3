"""Pages that a project has and the installation too (labels, robots): which of both, and how they are framed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from portal import rooms
from portal.rooms import Room
from portal.visit import Visit
from projects.models import Project
from rbac import grantable, policy
from rbac.policy import SYSTEM_SCOPE, held
from rbac.reach import SYSTEM


@dataclass(frozen=True, slots=True)
class Scope:
    """A project, or the installation itself (`room` is None). `rights` are all that the visitor may do there."""

    visit: Visit
    room: Room | None
    rights: frozenset[str]

    @property
    def project(self) -> Project | None:
        return self.room.project if self.room else None

    @property
    def place(self) -> policy.Scope:
        """Where permissions are asked for."""
        return self.room.project if self.room else SYSTEM_SCOPE

    def section(self, name: str) -> str:
        """What is marked in the navigation."""
        return "projects" if self.room else f"system-{name}"

    def url(self, name: str, *args: object) -> str:
        """A page of this scope, by the name that both have for it."""
        if self.room:
            return reverse(name, args=[self.room.project.name, *args])
        return reverse(f"system-{name}", args=args)

    def show(self, template: str, name: str, facts: Mapping[str, Any], status: int = 200) -> HttpResponse:
        """A page in the frame of the scope. Its links are written by `{% to %}`."""
        known = {"scope": self, **facts}
        if self.room:
            return self.room.show(template, name, known, status)
        system = {"section": self.section(name), "rights": self.rights}
        return self.visit.show(template, {**system, **known}, status)


def entered(visit: Visit, name: str, permission: str) -> Scope:
    """The scope of a page, when the visitor may do `permission` there; `name` is a project's, or "" for the
    installation. Raises SignInFirst, NotAllowed, NoPage."""
    if name:
        room = rooms.enter(visit, name, permission)
        return Scope(visit, room, room.rights)
    visit.require(permission, SYSTEM_SCOPE)
    return Scope(visit, None, held(visit.actor, grantable.at(SYSTEM), SYSTEM_SCOPE))
