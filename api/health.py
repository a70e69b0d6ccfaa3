"""`GET /api/v2.0/health` and `/ping`: is it up, and what of it isn't?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NotRequired, TypedDict

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from api.document import operation
from api.endpoint import Endpoint
from artifacts.upstream import registry
from oci.errors import RegistryError

State = Literal["healthy", "unhealthy"]


class ComponentHealthStatusShape(TypedDict):
    name: str
    status: State
    error: NotRequired[str]


class OverallHealthStatusShape(TypedDict):
    status: State
    components: list[ComponentHealthStatusShape]


class Ping(Endpoint):
    open_to_all = True

    @operation("getPing", group="ping", answers=str, media_type="text/plain")
    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002
        """getPing"""
        return HttpResponse("Pong", content_type="text/plain")


class Health(Endpoint):
    open_to_all = True

    @operation("getHealth", answers=OverallHealthStatusShape)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """getHealth: 200 whatever the state is; `status` is "healthy" only when every component is."""
        components = [_component(name, check) for name, check in CHECKS.items()]
        healthy = all(component["status"] == "healthy" for component in components)
        answer: OverallHealthStatusShape = {"status": "healthy" if healthy else "unhealthy", "components": components}
        return Response(answer)


def _component(name: str, check: Callable[[], None]) -> ComponentHealthStatusShape:
    """One component's state. Why it is unhealthy is for the log: anybody may ask here."""
    try:
        check()
    except (RegistryError, DatabaseError, redis.RedisError, OSError):
        return {"name": name, "status": "unhealthy", "error": f"{name} can't be reached"}
    return {"name": name, "status": "healthy"}


def _database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connection.close()
        raise


def _redis() -> None:
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=settings.REDIS_TIMEOUT, socket_connect_timeout=settings.REDIS_TIMEOUT
    ) as client:
        client.ping()


CHECKS: dict[str, Callable[[], None]] = {
    "core": lambda: None,
    "database": _database,
    "redis": _redis,
    "registry": lambda: registry().ping(),
}
