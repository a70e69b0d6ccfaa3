"""`/system/CVEAllowlist`, and allowlists as projects show them."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies
from api.document import Moment, operation
from api.endpoint import Endpoint
from api.errors import BadRequest
from api.times import NEVER, written
from projects import allowlists
from projects.models import CVEAllowlist, Project
from rbac.policy import SYSTEM_SCOPE


class CVEAllowlistItemShape(TypedDict):
    cve_id: str


class CVEAllowlistShape(TypedDict):
    """Without an `id` nobody has set it; without `expires_at` it holds for ever. `project_id` is 0 for the system's."""

    id: NotRequired[int]
    project_id: int
    expires_at: NotRequired[int]
    items: list[CVEAllowlistItemShape]
    creation_time: Moment
    update_time: Moment


def shape(row: CVEAllowlist | None, project_id: int) -> CVEAllowlistShape:
    found: CVEAllowlistShape = {
        "project_id": project_id,
        "items": [{"cve_id": item} for item in row.items] if row else [],
        "creation_time": written(row.created_at) if row else NEVER,
        "update_time": written(row.updated_at) if row else NEVER,
    }
    if row:
        found["id"] = row.pk
        if row.expires_at is not None:
            found["expires_at"] = row.expires_at
    return found


def content(body: dict[str, Any], project: Project | None = None) -> allowlists.Content:
    """What a body asks for. BadRequest where it says that it is for another project."""
    if project is not None and body.get("project_id") not in {None, 0, project.pk}:
        raise BadRequest(f"project_id in cve_allowlist must be {project.pk} but it's {body['project_id']}")
    items = tuple(item.get("cve_id", "") for item in body.get("items") or ())
    return allowlists.Content(items, body.get("expires_at"))


class SystemAllowlist(Endpoint):
    @operation("getSystemCVEAllowlist", group="SystemCVEAllowlist", answers=CVEAllowlistShape)
    def get(self, request: Request) -> Response:
        """getSystemCVEAllowlist: for everybody who has signed in."""
        self.require_somebody()
        return Response(shape(allowlists.of_system(), 0))

    @operation("putSystemCVEAllowlist", group="SystemCVEAllowlist", body=bodies.Allowlist, refuses=[403])
    def put(self, request: Request) -> Response:
        """putSystemCVEAllowlist: all of it anew."""
        self.require("configuration:update", SYSTEM_SCOPE)
        given = content(bodies.read(bodies.Allowlist, request))
        allowlists.set_of_system(given, actor=self.actor, context=self.context)
        return Response()
