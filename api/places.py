"""What a path names: projects, repositories, references and numbers, each read once into what it stands for."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, unquote

from api.endpoint import Endpoint
from api.errors import BadRequest, NotFound, Unprocessable
from artifacts.models import Repository
from oci.digest import Digest
from oci.errors import NameInvalid, RegistryError
from oci.reference import parse_reference, parse_repository
from projects import actions
from projects.errors import ProjectUnknown
from projects.models import Project, ProjectQuerySet
from rbac.actors import Actor
from rbac.policy import ALL_PROJECTS, can

_NUMBER = re.compile(r"[0-9]{1,30}", re.ASCII)
_BIGGEST = 2**63 - 1


def number(text: str, name: str, place: str = "path") -> int:
    """An id in a path or query. Unprocessable for what is no number; NotFound for one that no row can have."""
    if not _NUMBER.fullmatch(text):
        raise Unprocessable(f"{name} in {place} must be of type integer")
    if int(text) > _BIGGEST:
        raise NotFound(f"there is no {name} {text}")
    return int(text)


def project(view: Endpoint, name_or_id: str, permission: str, *, named: bool = False) -> Project:
    """The project, when the caller may do `permission` there.

    One that isn't there is answered as one that isn't the caller's; only who may see all is told that it isn't.
    `named`: the path holds a name, whatever it looks like.
    """
    by_id = not named and _is_id(view, name_or_id)
    return _allowed(view, lambda: _by_id(int(name_or_id)) if by_id else actions.find(name_or_id), permission)


def project_by_id(view: Endpoint, project_id: int, permission: str) -> Project:
    """The same for an id that comes in a body or a query."""
    return _allowed(view, lambda: _by_id(project_id), permission)


def _allowed(view: Endpoint, find: Callable[[], Project], permission: str) -> Project:
    try:
        found = find()
    except ProjectUnknown:
        if can(view.actor, permission, ALL_PROJECTS):
            raise
        raise view.refusal() from None
    view.require(permission, found)
    return found


def _is_id(view: Endpoint, text: str) -> bool:
    """Harbor's rule: a number is an id, unless X-Is-Resource-Name says that it is a name."""
    named = view.request.headers.get("X-Is-Resource-Name", "").lower() in {"true", "1"}
    return not named and _NUMBER.fullmatch(text) is not None


def _by_id(project_id: int) -> Project:
    found = Project.objects.filter(pk=project_id).first() if project_id <= _BIGGEST else None
    if found is None:
        raise ProjectUnknown(f"there is no project {project_id}")
    return found


def repository(view: Endpoint, project_name: str, repository_name: str, permission: str) -> Repository:
    """The repository `project_name`/`repository_name`, whose slashes may come encoded twice or once (WSGI has
    decoded once). The permission is asked first: a stranger doesn't learn what a project holds."""
    found = project(view, project_name, permission, named=True)
    name = _full_name(found, repository_name)
    row = Repository.objects.filter(name=name).first()
    if row is None:
        raise NotFound(f"there is no repository {name}")
    row.project = found
    return row


def target(view: Endpoint, project_name: str, repository_name: str, permission: str) -> str:
    """The full name of a repository for something to come to, which makes it where it isn't there."""
    return _full_name(project(view, project_name, permission, named=True), repository_name)


def _full_name(found: Project, repository_name: str) -> str:
    try:
        return parse_repository(f"{found.name}/{unquote(repository_name)}")
    except NameInvalid as error:
        raise BadRequest(str(error)) from error


def path_of(repository: str) -> str:
    """Where the repository of this full name is in the API; its slashes are encoded twice, as clients expect."""
    project_name, _, rest = repository.partition("/")
    return f"/api/v2.0/projects/{project_name}/repositories/{quote(quote(rest, safe=''), safe='')}"


def projects_with(actor: Actor, permission: str) -> ProjectQuerySet:
    """The projects in which `actor` may do `permission`, for a list over all of them."""
    return Project.objects.with_permission(actor, permission)


def reference(text: str) -> Digest | str:
    """A digest or a tag; NotFound for what can be neither."""
    try:
        return parse_reference(unquote(text))
    except RegistryError as error:
        raise NotFound(f"there is no artifact {text[:140]}") from error
