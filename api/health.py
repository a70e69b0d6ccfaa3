"""`GET /api/v2.0/health` and `/ping`: is it up, and what of it isn't?"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from api.document import operation
from api.endpoint import Endpoint
from artifacts import health

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
    def get(self, request: Request) -> HttpResponse:
        """getPing"""
        return HttpResponse("Pong", content_type="text/plain")


class Health(Endpoint):
    open_to_all = True

    @operation("getHealth", answers=OverallHealthStatusShape)
    def get(self, request: Request) -> Response:
        """getHealth: 200 whatever the state is; `status` is "healthy" only when every component is."""
        components = [_component(name, answers) for name, answers in health.states().items()]
        healthy = all(component["status"] == "healthy" for component in components)
        answer: OverallHealthStatusShape = {"status": "healthy" if healthy else "unhealthy", "components": components}
        return Response(answer)


def _component(name: str, answers: bool) -> ComponentHealthStatusShape:
    if answers:
        return {"name": name, "status": "healthy"}
    return {"name": name, "status": "unhealthy", "error": f"{name} can't be reached"}
