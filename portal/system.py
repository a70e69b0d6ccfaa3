"""What the installation is made of, and how it is."""

from __future__ import annotations

from django.http import HttpResponse

from artifacts import health, store
from configuration import values
from configuration.version import VERSION
from oci.errors import RegistryError
from portal.item_words import CHOICES
from portal.picture import MANY, amounts
from portal.visit import Visit, visited
from rbac.models import User
from rbac.policy import SYSTEM_SCOPE


@visited("GET", "HEAD")
def system(visit: Visit) -> HttpResponse:
    visit.require("system-volumes:read", SYSTEM_SCOPE)
    try:
        room = store.room()
    except RegistryError:
        room = None
    auth_mode = values.text("auth_mode")
    facts = {
        "section": "system", "states": health.states().items(), "room": room,
        "taken": room.total - room.free if room else 0, "driver": store.driver(),
        **amounts(), "users": User.objects.all()[: MANY + 1].count(),
        "auth_mode": dict(CHOICES["auth_mode"]).get(auth_mode, auth_mode), "read_only": values.flag("read_only"),
        "version": VERSION, "address": f"{visit.request.scheme}://{visit.request.get_host()}",
    }  # fmt: skip
    return visit.show("system_information", facts)
