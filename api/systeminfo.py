"""`/systeminfo`: what a client needs to know of the installation before and after it signs in."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from api import authority
from api.document import File, Moment, operation
from api.endpoint import Endpoint
from api.errors import NotFound
from api.times import written
from artifacts import store
from configuration import values
from configuration.version import VERSION
from rbac.policy import SYSTEM_SCOPE


class GeneralInfoShape(TypedDict):
    """What is NotRequired is for those who have signed in."""

    auth_mode: str
    primary_auth_mode: bool
    banner_message: str
    self_registration: bool
    oidc_provider_name: NotRequired[str]
    current_time: NotRequired[Moment]
    external_url: NotRequired[str]
    registry_url: NotRequired[str]
    harbor_version: NotRequired[str]
    has_ca_root: NotRequired[bool]
    notification_enable: NotRequired[bool]
    project_creation_restriction: NotRequired[str]
    read_only: NotRequired[bool]
    registry_storage_provider_name: NotRequired[str]


class SystemInfo(Endpoint):
    @operation("getSystemInfo", answers=GeneralInfoShape)
    def get(self, request: Request) -> Response:
        """getSystemInfo: a stranger learns how to sign in, and nothing of the inside."""
        info: GeneralInfoShape = {
            "auth_mode": values.text("auth_mode"),
            "primary_auth_mode": values.flag("primary_auth_mode"),
            "banner_message": values.text("banner_message"),
            "self_registration": values.flag("self_registration"),
        }
        if info["auth_mode"] == "oidc_auth":
            info["oidc_provider_name"] = values.text("oidc_name")
        if self.actor.kind == "anonymous":
            return Response(info)
        host = request.get_host()
        whole: GeneralInfoShape = {
            **info,
            "current_time": written(timezone.now()),
            "external_url": f"{request.scheme}://{host}",
            "registry_url": host,
            "harbor_version": VERSION,
            "has_ca_root": request.scheme == "https" and authority.certificate() is not None,
            "notification_enable": values.flag("notification_enable"),
            "project_creation_restriction": values.text("project_creation_restriction"),
            "read_only": values.flag("read_only"),
            "registry_storage_provider_name": store.driver(),
        }
        return Response(whole)


class StorageShape(TypedDict):
    """Bytes."""

    total: int
    free: int


class SystemInfoShape(TypedDict):
    storage: list[StorageShape]


class Volumes(Endpoint):
    @operation("getVolumes", answers=SystemInfoShape, refuses=[403, 404])
    def get(self, request: Request) -> Response:
        """getVolumes: how much room there is where the blobs are, if that is a file system."""
        self.require("system-volumes:read", SYSTEM_SCOPE)
        room = store.room()
        if room is None:
            raise NotFound("the blobs are in an object store, whose provider knows its size")
        return Response({"storage": [{"total": room.total, "free": room.free}]})


class Certificate(Endpoint):
    open_to_all = True

    @operation(
        "getCert",
        answers=File,
        media_type="application/octet-stream",
        headers=["Content-Disposition"],
        refuses=[404],
    )
    def get(self, request: Request) -> HttpResponse:
        """getCert: the authority that docker has to trust, if the operator gave its certificate."""
        found = authority.certificate()
        if found is None:
            raise NotFound("no certificate of an authority is set up")
        headers = {"Content-Disposition": "attachment; filename=ca.crt"}
        return HttpResponse(found, content_type="application/octet-stream", headers=headers)
