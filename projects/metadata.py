"""A project's metadata: Harbor's switches as text by key. `public` among them is the project's own column."""

import re
from collections.abc import Mapping

from django.db import transaction

import audit
from audit import Context
from projects import actions
from projects.errors import ProjectError
from projects.models import Project
from rbac.actors import Actor
from rbac.models import User

PUBLIC = "public"
_SWITCHES = {
    PUBLIC,
    "auto_sbom_generation",
    "auto_scan",
    "enable_content_trust",
    "enable_content_trust_cosign",
    "prevent_vul",
    "proxy_cache_local_on_not_found",
    "proxy_referrer_api",
    "reuse_sys_cve_allowlist",
}
_NUMBERS = {"max_upstream_conn", "proxy_speed_kb", "retention_id"}
_TEXTS = {"proxy_cache_filter_kind", "proxy_cache_filter_pattern"}
SEVERITIES = {"none", "unknown", "negligible", "low", "medium", "high", "critical"}
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_LONGEST = 255


class InvalidMetadata(ProjectError):
    """A key or a value that no project has."""


class MetadataUnknown(ProjectError):
    pass


class MetadataExists(ProjectError):
    pass


@transaction.atomic
def create_project(
    name: str,
    given: Mapping[str, object],
    *,
    storage_limit: int | None = None,
    owner: User | None,
    actor: Actor,
    context: Context,
) -> Project:
    """A new project with this metadata. Raises InvalidMetadata, and what `projects.actions.create` does."""
    values = parse(given)
    public = values.pop(PUBLIC, "false") == "true"
    project = actions.create(
        name, public=public, storage_limit=storage_limit, owner=owner, actor=actor, context=context
    )
    if values:
        project.metadata = values
        project.save(update_fields=["metadata"])
    return project


def parse(given: Mapping[str, object]) -> dict[str, str]:
    """What of `given` is set (a None isn't), checked; InvalidMetadata."""
    return {key: _parse(key, value) for key, value in given.items() if value is not None}


def _parse(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidMetadata(f"the value of {key[:60]!r} is expected as text")
    if key in _SWITCHES:
        if value.lower() not in {"true", "false"}:
            raise InvalidMetadata(f"{key} is true or false")
        return value.lower()
    if key in _NUMBERS:
        if not _NUMBER.fullmatch(value):
            raise InvalidMetadata(f"{key} is a number")
        return value
    if key == "severity":
        if value.lower() not in SEVERITIES:
            raise InvalidMetadata(f"severity is one of {', '.join(sorted(SEVERITIES))}")
        return value.lower()
    if key in _TEXTS:
        if len(value) > _LONGEST or not value.isprintable():
            raise InvalidMetadata(f"{key} is up to {_LONGEST} printable characters")
        return value
    raise InvalidMetadata(f"a project has no metadata {key[:60]!r}")


def read(project: Project) -> dict[str, str]:
    """All of a project's metadata, `public` included."""
    return {PUBLIC: "true" if project.public else "false", **project.metadata}


def one(project: Project, key: str) -> str:
    """One value; MetadataUnknown."""
    found = read(project)
    if key not in found:
        raise MetadataUnknown(f"the project {project.name} has no metadata {key[:60]!r}")
    return found[key]


def add(project: Project, given: Mapping[str, object], *, actor: Actor, context: Context) -> None:
    """Set what isn't set yet. Raises InvalidMetadata, MetadataExists."""
    values = parse(given)
    for key in values:
        if key in read(project):
            raise MetadataExists(f"the project {project.name} has metadata {key} already")
    change(project, values, actor=actor, context=context)


@transaction.atomic
def change(project: Project, given: Mapping[str, object], *, actor: Actor, context: Context) -> None:
    """Set these values and leave the others. Raises InvalidMetadata."""
    values = parse(given)
    row = Project.objects.select_for_update().get(pk=project.pk)
    row.public = values.pop(PUBLIC, "true" if row.public else "false") == "true"
    row.metadata = {**row.metadata, **values}
    _save(row, actor, context, public=row.public, **values)


@transaction.atomic
def remove(project: Project, key: str, *, actor: Actor, context: Context) -> None:
    """Forget one value. MetadataUnknown; InvalidMetadata for `public`, which each project has."""
    if key == PUBLIC:
        raise InvalidMetadata("public can't be removed, only set to false")
    row = Project.objects.select_for_update().get(pk=project.pk)
    if key not in row.metadata:
        raise MetadataUnknown(f"the project {project.name} has no metadata {key[:60]!r}")
    del row.metadata[key]
    _save(row, actor, context, removed=key)


def _save(row: Project, actor: Actor, context: Context, **detail: object) -> None:
    row.save(update_fields=["public", "metadata", "updated_at"])
    audit.record(
        actor=actor.name,
        operation="update",
        resource_type="project",
        resource=row.name,
        project=row.name,
        context=context,
        detail=detail,
    )
