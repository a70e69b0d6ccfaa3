"""`/systeminfo`: what a client needs to know of the installation before and after it signs in."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from django.conf import settings
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from api.document import Moment, operation
from api.endpoint import Endpoint
from api.times import written
from configuration import values

VERSION = "v2.14.0-roadstead"  # the Harbor whose contract is spoken: clients decide by it what they may ask for


class GeneralInfoShape(TypedDict):
    """What is NotRequired is for those who have signed in."""

    auth_mode: str
    primary_auth_mode: bool
    banner_message: str
    self_registration: bool
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
        if self.actor.kind == "anonymous":
            return Response(info)
        host = request.get_host()
        whole: GeneralInfoShape = {
            **info,
            "current_time": written(timezone.now()),
            "external_url": f"{request.scheme}://{host}",
            "registry_url": host,
            "harbor_version": VERSION,
            "has_ca_root": False,
            "notification_enable": values.flag("notification_enable"),
            "project_creation_restriction": values.text("project_creation_restriction"),
            "read_only": values.flag("read_only"),
            "registry_storage_provider_name": _storage(),
        }
        return Response(whole)


def _storage() -> str:
    """The kind of blob store, by Distribution's names."""
    kinds = {"FILESYSTEM": "filesystem", "S3": "s3", "GCS": "gcs", "AZURE": "azure"}
    return next(
        (kind for prefix, kind in kinds.items() if any(n.startswith(prefix) for n in settings.REGISTRY_STORAGE)),
        "filesystem",
    )
