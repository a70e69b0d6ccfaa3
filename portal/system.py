"""What the installation is made of, and how it is."""

from __future__ import annotations

from django.http import HttpResponse

from artifacts import figures, health, store
from configuration import values
from oci.errors import RegistryError
from portal.picture import MANY
from portal.visit import Visit, visited
from projects.models import Project
from rbac.models import User
from rbac.policy import SYSTEM_SCOPE


@visited("GET", "HEAD")
def system(visit: Visit) -> HttpResponse:
    visit.require("system-volumes:read", SYSTEM_SCOPE)
    try:
        room = store.room()
    except RegistryError:
        room = None
    facts = {
        "frame": "portal/system.html", "section": "system", "states": health.states().items(), "room": room,
        "taken": room.total - room.free if room else 0, "driver": store.driver(), "stored": figures.stored(),
        "repositories": figures.repositories(public=True) + figures.repositories(public=False),
        "projects": Project.objects.all()[: MANY + 1].count(), "users": User.objects.all()[: MANY + 1].count(),
        "many": MANY, "auth_mode": values.text("auth_mode"), "read_only": values.flag("read_only"),
    }  # fmt: skip
    return visit.show("system_information", facts)
