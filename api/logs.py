"""The audit trail: all of it for administrators, a project's for those who may read its log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from api import places
from api.endpoint import Endpoint
from api.paging import paged
from api.query import Field, Listing, a_number, a_time
from api.times import written
from audit.models import AuditRecord

FURTHEST = 10_000  # records that are counted and that pages reach back: the table grows without bound

_RECORDS = Listing(
    fields={
        "id": Field("id", a_number),
        "username": Field("actor"),
        "resource": Field("resource"),
        "resource_type": Field("resource_type"),
        "operation": Field("operation"),
        "op_time": Field("at", a_time),
    },
    order=["-at", "-id"],  # the key of each partition
)

Shape = Callable[[AuditRecord], dict[str, Any]]


def _short(record: AuditRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "username": record.actor,
        "resource": record.resource,
        "resource_type": record.resource_type,
        "operation": record.operation,
        "op_time": written(record.at),
    }


def _extended(record: AuditRecord) -> dict[str, Any]:
    return _short(record) | {
        "operation_description": f"{record.operation} {record.resource_type} {record.resource}",
        "operation_result": record.result == "success",
    }


class _Log(Endpoint):
    shape: Shape = staticmethod(_short)

    def page(self, request: Request, rows: QuerySet[AuditRecord]) -> Response:
        rows = _RECORDS.narrow(rows, request.query_params.get("q", ""))
        rows = _RECORDS.sort(rows, request.query_params.get("sort", ""))

        def shapes(found: Sequence[AuditRecord]) -> list[dict[str, Any]]:
            return [self.shape(record) for record in found]

        return paged(request, rows, shapes, at_most=FURTHEST)


class AuditLogs(_Log):
    def get(self, request: Request) -> Response:
        """listAuditLogs, listAuditLogExts: without being an administrator, of the projects whose log one may read."""
        self.require_somebody()
        rows = AuditRecord.objects.all()
        if not self.actor.is_admin:
            names = places.projects_with(self.actor, "log:list").values_list("name", flat=True)
            rows = rows.filter(project__in=list(names))
        return self.page(request, rows)


class AuditLogExts(AuditLogs):
    shape: Shape = staticmethod(_extended)


class ProjectLogs(_Log):
    def get(self, request: Request, project_name: str) -> Response:
        """getLogs, getLogExts"""
        project = places.project(self, project_name, "log:list", named=True)
        return self.page(request, AuditRecord.objects.filter(project=project.name))


class ProjectLogExts(ProjectLogs):
    shape: Shape = staticmethod(_extended)
