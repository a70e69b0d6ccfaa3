"""`/labels`: words to mark artifacts with, global ones and those of projects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, places
from api.document import Moment, Query, operation
from api.endpoint import Endpoint
from api.errors import BadRequest, NotFound
from api.paging import paged
from api.query import Field, Listing, a_number, a_time
from api.times import written
from projects import labels
from projects.models import Label
from rbac.policy import SYSTEM_SCOPE, can

GLOBAL, OF_PROJECT = "g", "p"
_LABELS = Listing(
    fields={
        "id": Field("id", a_number),
        "name": Field("name"),
        "description": Field("description"),
        "color": Field("color"),
        "creation_time": Field("created_at", a_time),
        "update_time": Field("updated_at", a_time),
    },
    order=["-id"],
)


class LabelShape(TypedDict):
    """`project_id` is 0 for a global one."""

    id: int
    name: str
    description: str
    color: str
    scope: str
    project_id: int
    creation_time: Moment
    update_time: Moment


def label_shape(label: Label) -> LabelShape:
    return {
        "id": label.pk,
        "name": label.name,
        "description": label.description,
        "color": label.color,
        "scope": GLOBAL if label.project_id is None else OF_PROJECT,
        "project_id": label.project_id or 0,
        "creation_time": written(label.created_at),
        "update_time": written(label.updated_at),
    }


def _shapes(rows: Sequence[Label]) -> list[LabelShape]:
    return [label_shape(row) for row in rows]


class Labels(Endpoint):
    @operation(
        "ListLabels",
        answers=list[LabelShape],
        query=[
            Query("name"),
            Query("scope", about="the global ones, or those of project_id", more={"enum": ["g", "p"]}),
            Query("project_id", int, more={"minimum": 0}),
            *_LABELS.parameters,
        ],
        refuses=[403, 404],
    )
    def get(self, request: Request) -> Response:
        """ListLabels: the global ones, or a project's."""
        rows = self._of_scope(request.query_params.get("scope", ""), request.query_params.get("project_id", ""))
        if name := request.query_params.get("name"):
            rows = rows.filter(name__icontains=name)
        rows = _LABELS.narrow(rows, request.query_params.get("q", ""))
        return paged(request, _LABELS.sort(rows, request.query_params.get("sort", "")), _shapes)

    def _of_scope(self, scope: str, project_id: str) -> QuerySet[Label]:
        if scope == GLOBAL:
            self.require_somebody()
            return Label.objects.filter(project=None)
        if scope != OF_PROJECT:
            raise BadRequest(f"scope is {GLOBAL} or {OF_PROJECT}")
        if not project_id:
            raise BadRequest(f"project_id is required where scope is {OF_PROJECT}")
        project = places.project_by_id(self, places.number(project_id, "project_id", "query"), "label:list")
        return Label.objects.filter(project=project)

    @operation("CreateLabel", body=bodies.NewLabel, status=201, refuses=[403, 404, 409, 415])
    def post(self, request: Request) -> Response:
        """CreateLabel: a global one for administrators, a project's for those who may there."""
        body = bodies.read(bodies.NewLabel, request)
        if body["scope"] == GLOBAL:
            project = None
            self.require("label:create", SYSTEM_SCOPE)
        elif not body["project_id"]:
            raise BadRequest(f"project_id is required where scope is {OF_PROJECT}")
        else:
            project = places.project_by_id(self, body["project_id"], "label:create")
        label = labels.create(_text(body), project=project, actor=self.actor, context=self.context)
        return Response(status=201, headers={"Location": f"/api/v2.0/labels/{label.pk}"})


def _text(body: dict[str, Any]) -> labels.Text:
    return labels.Text(body["name"], body["description"] or "", body["color"] or "")


class OneLabel(Endpoint):
    def label(self, label_id: str, action: str) -> Label:
        """The label, when the caller may do `action` with it. One that it may not read is one that isn't there."""
        found = Label.objects.select_related("project").filter(pk=places.number(label_id, "label_id")).first()
        if found is None or not self._reads(found):
            raise self.refusal() if self.actor.kind == "anonymous" else NotFound(f"there is no label {label_id}")
        if action != "read":
            self.require(f"label:{action}", found.project or SYSTEM_SCOPE)
        return found

    def _reads(self, label: Label) -> bool:
        """Global labels are there for everybody who has signed in."""
        if label.project is None:
            return self.actor.kind != "anonymous"
        return can(self.actor, "label:read", label.project)

    @operation("GetLabelByID", answers=LabelShape, refuses=[404])
    def get(self, request: Request, label_id: str) -> Response:
        """GetLabelByID"""
        return Response(label_shape(self.label(label_id, "read")))

    @operation("UpdateLabel", body=bodies.LabelText, refuses=[403, 404, 409])
    def put(self, request: Request, label_id: str) -> Response:
        """UpdateLabel: its name, description and colour. A label stays what it is of."""
        label = self.label(label_id, "update")
        text = _text(bodies.read(bodies.LabelText, request))
        labels.update(label, text, actor=self.actor, context=self.context)
        return Response()

    @operation("DeleteLabel", refuses=[403, 404])
    def delete(self, request: Request, label_id: str) -> Response:
        """DeleteLabel: taking it off every artifact."""
        labels.delete(self.label(label_id, "delete"), actor=self.actor, context=self.context)
        return Response()
