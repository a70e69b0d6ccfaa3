"""The pages that somebody is offered beside each page: those that they may see."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rbac.actors import Actor
from rbac.policy import SYSTEM_SCOPE, can


@dataclass(frozen=True, slots=True)
class Entry:
    """One page. `permission` is what it takes of the installation itself; "" for everybody's."""

    name: str
    title: str | Promise
    icon: str
    permission: str = ""

    @property
    def url(self) -> str:
        return reverse(self.name)


@dataclass(frozen=True, slots=True)
class Group:
    title: str | Promise
    entries: list[Entry]


_EVERYBODYS = [Entry("start", _("Home"), "home"), Entry("projects", _("Projects"), "folders")]
_SITES = [
    Entry("policies", _("Replication"), "arrows-exchange", "replication-policy:list"),
    Entry("registries", _("Registries"), "server-2", "registry:list"),
    Entry("queues", _("Queues"), "gauge", "replication:list"),
]
_ADMINISTRATION = [
    Entry("users", _("Users"), "users", "user:list"),
    Entry("groups", _("Groups"), "users-group", "user-group:list"),
    Entry("system-robots", _("Robots"), "robot", "robot:list"),
    Entry("system-labels", _("Labels"), "tags", "label:update"),
    Entry("quotas", _("Quotas"), "adjustments", "quota:list"),
    Entry("configuration", _("Configuration"), "settings", "configuration:read"),
    Entry("system-trail", _("Audit log"), "history", "audit-log:list"),
    Entry("system", _("System"), "heart-rate-monitor", "system-volumes:read"),
]
_HELP = [Entry("reference", _("REST API"), "code")]


def offered_to(actor: Actor) -> list[Group]:
    """Costs no query: what is asked about is the installation itself, in which nobody holds a role."""
    of_the_whole = [(_("Sites"), _SITES), (_("Administration"), _ADMINISTRATION)]
    groups = [Group("", _EVERYBODYS)]
    for title, entries in of_the_whole:
        groups.append(Group(title, [each for each in entries if can(actor, each.permission, SYSTEM_SCOPE)]))
    groups.append(Group(_("Help"), _HELP))
    return [group for group in groups if group.entries]
