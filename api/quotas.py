"""`/quotas`: what projects may hold and what they do, for those who look after the system."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypedDict

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, places
from api.document import PAGED, Moment, Query, operation
from api.endpoint import Endpoint
from api.paging import paged
from api.query import Field, Listing, a_number, a_time, parse_sort
from api.times import written
from projects import quotas
from projects.models import Quota
from rbac.policy import SYSTEM_SCOPE

_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
_OF_PROJECTS = "project"  # the one kind of reference there is
_USED = f"used.{quotas.STORAGE}"
_QUOTAS = Listing(
    fields={
        "id": Field("id", a_number),
        f"hard.{quotas.STORAGE}": Field("hard", a_number),
        _USED: Field("used", a_number),
        "creation_time": Field("created_at", a_time),
        "update_time": Field("updated_at", a_time),
    },
    order=["-id"],  # as by creation_time, on the primary key's index
)


class QuotaShape(TypedDict):
    """`ref` is the project: its `id`, `name` and `owner_name`. `hard` and `used` are bytes by resource, of which there
    is storage alone; -1 is no limit."""

    id: int
    ref: dict[str, object]
    hard: dict[str, int]
    used: dict[str, int]
    creation_time: Moment
    update_time: Moment


def _shapes(rows: Sequence[Quota]) -> list[QuotaShape]:
    """One query for all of them."""
    return [_shape(row, figures.used) for row, figures in zip(rows, quotas.figures_of(rows), strict=True)]


def _shape(row: Quota, used: int) -> QuotaShape:
    owner = row.project.owner
    return {
        "id": row.pk,
        "ref": {"id": row.project_id, "name": row.project.name, "owner_name": owner.username if owner else ""},
        "hard": {quotas.STORAGE: row.hard},
        "used": {quotas.STORAGE: used},
        "creation_time": written(row.created_at),
        "update_time": written(row.updated_at),
    }


class Quotas(Endpoint):
    @operation(
        "listQuotas",
        answers=list[QuotaShape],
        query=[
            Query("reference", about="project: the one kind of thing that has quotas"),
            Query("reference_id", about="the id of a project"),
            Query("sort", about="hard.storage, used.storage; a minus before it turns the order"),
            *PAGED,
        ],
        refuses=[403],
    )
    def get(self, request: Request) -> Response:
        """listQuotas: of all projects."""
        self.require("quota:list", SYSTEM_SCOPE)
        sort = request.query_params.get("sort", "")
        rows = _QUOTAS.sort(self._of_reference(request), sort)
        if any(key == _USED for key, _ in parse_sort(sort)):
            quotas.fold()  # the order is that of the folded figures, on their index
        return paged(request, rows, _shapes)

    def _of_reference(self, request: Request) -> QuerySet[Quota]:
        rows = Quota.objects.select_related("project__owner")
        if request.query_params.get("reference", _OF_PROJECTS) not in {_OF_PROJECTS, ""}:
            return rows.none()
        reference_id = request.query_params.get("reference_id")
        if not reference_id:
            return rows
        return rows.filter(project=int(reference_id)) if _ID.fullmatch(reference_id) else rows.none()


class OneQuota(Endpoint):
    @operation("getQuota", answers=QuotaShape, refuses=[403, 404])
    def get(self, request: Request, id: str) -> Response:
        """getQuota"""
        self.require("quota:read", SYSTEM_SCOPE)
        return Response(_shapes([quotas.find(places.number(id, "id"))])[0])

    @operation("updateQuota", body=bodies.QuotaUpdate, refuses=[403, 404])
    def put(self, request: Request, id: str) -> Response:
        """updateQuota: another limit. One below what is used keeps more from coming in."""
        self.require("quota:update", SYSTEM_SCOPE)
        quota = quotas.find(places.number(id, "id"))
        hard = quotas.storage_in(bodies.read(bodies.QuotaUpdate, request)["hard"])
        quotas.set_limit(quota, hard, actor=self.actor, context=self.context)
        return Response()
