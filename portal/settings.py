"""What is set of a project: who may see it, and how much it may hold."""

from __future__ import annotations

from django import forms
from django.db import transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from artifacts import sizes
from portal import rooms
from portal.forms import PortalForm, Text
from portal.visit import Visit, visited
from projects import metadata, quotas
from projects.models import Quota
from rbac.policy import SYSTEM_SCOPE, can


class Settings(PortalForm):
    public = forms.BooleanField(
        label=gettext_lazy("Public"), required=False,
        help_text=gettext_lazy("Anybody may pull, without signing in. Only members push, either way."),
    )  # fmt: skip
    limit = Text(
        label=gettext_lazy("Storage limit"),
        help_text=gettext_lazy("As 10GiB, 1.5T, or unlimited. Below what is used it keeps more from coming in."),
    )


@visited("GET", "HEAD", "POST")
def settings(visit: Visit, name: str) -> HttpResponse:
    room = rooms.enter(visit, name, "project:update")
    quota = Quota.objects.filter(project=room.project).first()
    hard = quota.hard if quota else quotas.UNLIMITED
    form = Settings(visit.posted, initial={"public": room.project.public, "limit": quotas.written(hard)})
    if quota is None or not can(visit.actor, "quota:update", SYSTEM_SCOPE):
        del form.fields["limit"]

    def save(given: dict[str, str]) -> bool:
        with transaction.atomic():
            public = {"public": "true" if given["public"] else "false"}
            metadata.change(room.project, public, actor=visit.actor, context=visit.context)
            wanted = quotas.parse(given["limit"]) if "limit" in given else hard
            if quota is not None and wanted != hard:
                quotas.set_limit(quota, wanted, actor=visit.actor, context=visit.context)
        return True

    if visit.is_post and form.attempt(save):
        return visit.to("settings", name, said=_("The settings are saved."))
    facts = {"form": form, "holds": sizes.repositories([room.project.pk])[room.project.pk]}
    return room.show("settings", "settings", facts, status=form.status)
