"""CVE allowlists: vulnerabilities that keep nobody from pulling an image. The system has one, and each project.

A project goes by the system's unless its metadata `reuse_sys_cve_allowlist` is false. One that has expired allows
nothing.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q

import audit
from audit import Context
from projects import actions
from projects.errors import InvalidAllowlist
from projects.models import CVEAllowlist, Project
from rbac.actors import Actor

REUSE = "reuse_sys_cve_allowlist"
_MOST = 5000
_CVE = re.compile(r"[!-~]{1,128}")  # as Harbor, any: scanners name what they find by other schemes too
_LATEST = 253402300799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class Content:
    """What a list says; raises InvalidAllowlist for what it can't. `expires_at`: seconds since 1970; None: never."""

    items: tuple[str, ...]
    expires_at: int | None = None

    def __post_init__(self) -> None:
        if len(self.items) > _MOST:
            raise InvalidAllowlist(f"an allowlist has at most {_MOST} entries")
        for item in self.items:
            if not _CVE.fullmatch(item):
                raise InvalidAllowlist(f"{item[:60]!r} is no CVE: up to 128 printable characters, as CVE-2019-10164")
        [(often, count)] = Counter(self.items).most_common(1) or [("", 0)]
        if count > 1:
            raise InvalidAllowlist(f"the allowlist names {often} {count} times")
        if self.expires_at is not None and not 0 <= self.expires_at <= _LATEST:
            raise InvalidAllowlist("expires_at is in seconds since 1970")

    def is_expired(self, now: float) -> bool:
        return self.expires_at is not None and now > self.expires_at


NOTHING = Content(())


def content_of(row: CVEAllowlist | None) -> Content:
    return Content(tuple(row.items), row.expires_at) if row else NOTHING


def reuses_system(project: Project) -> bool:
    return bool(project.metadata.get(REUSE, "true") == "true")


def shown(projects: Iterable[Project]) -> dict[int, CVEAllowlist | None]:
    """The list each project goes by, by its id: one query for all of them."""
    wanted = list(projects)
    own = [project.pk for project in wanted if not reuses_system(project)]
    rows = {row.project_id: row for row in CVEAllowlist.objects.filter(Q(project=None) | Q(project__in=own))}
    return {project.pk: rows.get(None if reuses_system(project) else project.pk) for project in wanted}


def allowed(project: Project) -> frozenset[str]:
    """The vulnerabilities that count for nothing in a project's images now."""
    content = content_of(shown([project])[project.pk])
    return frozenset() if content.is_expired(time.time()) else frozenset(content.items)


def of_system() -> CVEAllowlist | None:
    """None while nobody has set it."""
    return CVEAllowlist.objects.filter(project=None).first()


@transaction.atomic
def set_of_system(content: Content, *, actor: Actor, context: Context) -> None:
    """Replace the system's list."""
    _write(None, content, actor, context)


@transaction.atomic
def set_of_project(project: Project, content: Content, *, actor: Actor, context: Context) -> None:
    """Replace the project's own list, whichever it goes by. Raises ProjectUnknown."""
    actions.hold(project)
    _write(project, content, actor, context)


def _write(project: Project | None, content: Content, actor: Actor, context: Context) -> None:
    row, created = CVEAllowlist.objects.select_for_update(of=("self",)).get_or_create(
        project=project, defaults={"items": list(content.items), "expires_at": content.expires_at}
    )
    before = NOTHING if created else content_of(row)
    if before == content:
        return
    if not created:
        row.items, row.expires_at = list(content.items), content.expires_at
        row.save(update_fields=["items", "expires_at", "updated_at"])
    audit.record(
        actor=actor.name,
        operation="update",
        resource_type="cve-allowlist",
        resource=project.name if project else "system",
        project=project.name if project else "",
        context=context,
        detail={
            "added": sorted(set(content.items) - set(before.items)),
            "removed": sorted(set(before.items) - set(content.items)),
            "expires_at": content.expires_at,
        },
    )
