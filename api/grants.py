"""Permissions in bodies and answers: Harbor's lists of kind, namespace and access, for robots and tokens alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from api.endpoint import Endpoint
from api.errors import BadRequest, NotFound
from projects.grants import Permissions, Place, name_of
from projects.models import Project
from rbac import grantable
from rbac.policy import ALL_PROJECTS, can
from rbac.reach import ANYTHING, EVERYWHERE, SYSTEM

_KINDS = ("system", "project")


class AccessShape(TypedDict):
    resource: str
    action: str
    effect: str


class RobotPermissionShape(TypedDict):
    kind: str
    namespace: str
    access: list[AccessShape]


def shape(permissions: Permissions) -> list[RobotPermissionShape]:
    """Permissions as Harbor writes them: an entry a place."""
    return [
        {
            "kind": "system" if place == SYSTEM else "project",
            "namespace": name_of(place),
            "access": [_access(permission) for permission in granted],
        }
        for place, granted in permissions.items()
    ]


def _access(permission: str) -> AccessShape:
    resource, _, action = permission.partition(":")
    return {"resource": resource, "action": action or ANYTHING, "effect": "allow"}


def read(view: Endpoint, given: Sequence[Mapping[str, Any]], *, whole: bool = False) -> Permissions:
    """The permissions of a body, in projects that the caller may know of. Raises BadRequest, NotFound, Forbidden.

    `whole`: everything there is can be named as such, by the resource `*`.
    """
    places = _places(view, given)
    found: dict[Place, set[str]] = {}
    for entry in given:
        place = places[entry["kind"], entry["namespace"]]
        found.setdefault(place, set()).update(access(entry["access"], name_of(place), whole=whole))
    return {place: sorted(granted) for place, granted in found.items()}


def access(given: Iterable[Mapping[str, Any]], place: str, *, whole: bool = False) -> set[str]:
    """ "resource:action" of each entry, an action `*` being every one of its resource; BadRequest."""
    granted: set[str] = set()
    for entry in given:
        resource, action = entry["resource"], entry["action"]
        if entry.get("effect") not in {None, "", "allow"}:
            raise BadRequest("permissions are granted (allow) and never denied")
        if (resource, action) == (ANYTHING, ANYTHING) and whole:
            granted |= grantable.at(place) if place == SYSTEM else {ANYTHING}
        elif action == ANYTHING:
            granted |= _every_action(resource, place)
        else:
            granted.add(f"{resource}:{action}")
    return granted


def _every_action(resource: str, place: str) -> set[str]:
    found = {permission for permission in grantable.at(place) if permission.partition(":")[0] == resource}
    if not found:
        raise BadRequest(f"there is no resource {resource[:60]!r} that could be granted here")
    return found


def _places(view: Endpoint, given: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Place]:
    """What each kind and namespace stands for: one query for all the projects."""
    named = {(entry["kind"], entry["namespace"]) for entry in given}
    names = {namespace for kind, namespace in named if kind == "project" and namespace != EVERYWHERE}
    rows = Project.objects.visible_to(view.actor).filter(name__in=names) if names else []
    projects = {project.name: project for project in rows}
    return {(kind, namespace): _place(view, kind, namespace, projects) for kind, namespace in named}


def _place(view: Endpoint, kind: str, namespace: str, projects: Mapping[str, Project]) -> Place:
    if kind not in _KINDS:
        raise BadRequest(f"the kind of a permission is one of {', '.join(_KINDS)}")
    if kind == "system":
        if namespace not in {SYSTEM, ""}:
            raise BadRequest(f"the namespace of the system is {SYSTEM}")
        return SYSTEM
    if namespace == EVERYWHERE:
        return None
    if namespace not in projects:
        # To somebody who doesn't see all projects, one that isn't there is one that isn't theirs.
        sees_all = can(view.actor, "project:read", ALL_PROJECTS)
        raise NotFound(f"there is no project {namespace[:255]}") if sees_all else view.refusal()
    return projects[namespace]
