"""Quotas of all projects, for administrators: who uses how much, and who may."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.forms import PortalForm, Text
from portal.lists import ordered, page_of
from portal.visit import Visit, visited
from projects import quotas
from projects.models import Quota
from rbac.policy import SYSTEM_SCOPE, can

SECTION = "quotas"
ORDERS = {"used": ["used", "id"], "hard": ["hard", "id"], "created": ["id"]}  # each on an index


class Limit(PortalForm):
    limit = Text(
        label=gettext_lazy("Storage limit"),
        help_text=gettext_lazy("As 10GiB, 1.5T, or unlimited. Below what is used it keeps more from coming in."),
    )


@visited("GET", "HEAD")
def limits(visit: Visit) -> HttpResponse:
    visit.require("quota:list", SYSTEM_SCOPE)
    rows, order = ordered(visit, Quota.objects.select_related("project"), ORDERS, "-used")
    if order.key == "used":
        quotas.fold()  # the order is that of the folded figures
    page = page_of(visit, rows)
    entries = list(zip(page.rows, quotas.figures_of(page.rows), strict=True))
    facts = {
        "section": SECTION, "page": page, "entries": entries, "order": order,
        "enforced": quotas.is_enforced(), "may_set": can(visit.actor, "quota:update", SYSTEM_SCOPE),
    }  # fmt: skip
    return visit.show("quotas", facts)


@visited("GET", "HEAD", "POST")
def limit(visit: Visit, quota_id: int) -> HttpResponse:
    visit.require("quota:update", SYSTEM_SCOPE)
    quota = quotas.find(quota_id)
    form = Limit(visit.posted, initial={"limit": quotas.written(quota.hard)})

    def save(given: dict[str, str]) -> bool:
        quotas.set_limit(quota, quotas.parse(given["limit"]), actor=visit.actor, context=visit.context)
        return True

    name = quota.project.name
    if visit.is_post and form.attempt(save):
        return visit.to("quotas", said=_("The limit of %(name)s is set.") % {"name": name})
    facts = {
        "section": SECTION, "form": form, "button": _("Save"),
        "title": _("Storage limit of %(name)s") % {"name": name}, "back": reverse("quotas"),
    }  # fmt: skip
    return visit.show("form", facts, form.status)
