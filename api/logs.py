"""The audit trail: all of it for administrators, a project's for those who may read its log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from api import places
from api.document import Moment, operation
from api.endpoint import Endpoint
from api.log_filters import RECORDS, check_cost
from api.paging import paged
from api.times import written
from audit.events import EVENT_TYPES
from audit.models import AuditRecord
from db.prepared import planned_anew
from rbac.policy import SYSTEM_SCOPE, can

_FEW = 5000  # projects that are named to PostgreSQL one by one
FURTHEST = 10_000  # records that are counted and that pages reach back: the table grows without bound


class AuditLogShape(TypedDict):
    id: int
    username: str
    resource: str
    resource_type: str
    operation: str
    op_time: Moment


class AuditLogExtShape(AuditLogShape):
    operation_description: str
    operation_result: bool


class AuditLogEventTypeShape(TypedDict):
    event_type: str


def _short(record: AuditRecord) -> AuditLogShape:
    return {
        "id": record.id,
        "username": record.actor,
        "resource": record.resource,
        "resource_type": record.resource_type,
        "operation": record.operation,
        "op_time": written(record.at),
    }


def _extended(record: AuditRecord) -> AuditLogExtShape:
    return {
        **_short(record),
        "operation_description": f"{record.operation} {record.resource_type} {record.resource}",
        "operation_result": record.result == "success",
    }


class _Log(Endpoint):
    def page(self, request: Request, rows: QuerySet[AuditRecord], shape: Callable[[AuditRecord], object]) -> Response:
        q = request.query_params.get("q", "")

        def shapes(found: Sequence[AuditRecord]) -> list[object]:
            return [shape(record) for record in found]

        with planned_anew():
            rows = RECORDS.sort(RECORDS.narrow(rows, q), request.query_params.get("sort", ""))
            check_cost(rows, q, at_most=FURTHEST)
            return paged(request, rows, shapes, at_most=FURTHEST)

    def everywhere(self) -> QuerySet[AuditRecord]:
        """All there is; without being an administrator, of the projects whose log one may read."""
        self.require_somebody()
        rows = AuditRecord.objects.all()
        if not can(self.actor, "audit-log:list", SYSTEM_SCOPE):
            names = places.projects_with(self.actor, "log:list").values_list("name", flat=True)
            few = list(names[: _FEW + 1])
            rows = rows.filter(project__in=few if len(few) <= _FEW else names)
        return rows

    def of_project(self, project_name: str) -> QuerySet[AuditRecord]:
        project = places.project(self, project_name, "log:list", named=True)
        return AuditRecord.objects.filter(project=project.name)


class AuditLogs(_Log):
    @operation("listAuditLogs", group="auditlog", answers=list[AuditLogShape], query=RECORDS.parameters)
    def get(self, request: Request) -> Response:
        """listAuditLogs: without being an administrator, of the projects whose log one may read."""
        return self.page(request, self.everywhere(), _short)


class AuditLogExts(_Log):
    @operation("listAuditLogExts", group="auditlog", answers=list[AuditLogExtShape], query=RECORDS.parameters)
    def get(self, request: Request) -> Response:
        """listAuditLogExts: as listAuditLogs, with how each deed went."""
        return self.page(request, self.everywhere(), _extended)


class EventTypes(Endpoint):
    @operation("listAuditLogEventTypes", group="auditlog", answers=list[AuditLogEventTypeShape], refuses=[403])
    def get(self, request: Request) -> Response:
        """listAuditLogEventTypes: what `disabled_audit_log_event_types` can name. It takes others of ours too."""
        self.require("audit-log:list", SYSTEM_SCOPE)
        shown: list[AuditLogEventTypeShape] = [{"event_type": each} for each in EVENT_TYPES]
        return Response(shown)


class ProjectLogs(_Log):
    @operation("getLogs", group="project", answers=list[AuditLogShape], query=RECORDS.parameters, refuses=[403, 404])
    def get(self, request: Request, project_name: str) -> Response:
        """getLogs"""
        return self.page(request, self.of_project(project_name), _short)


class ProjectLogExts(_Log):
    @operation(
        "getLogExts", group="project", answers=list[AuditLogExtShape], query=RECORDS.parameters, refuses=[403, 404]
    )
    def get(self, request: Request, project_name: str) -> Response:
        """getLogExts: as getLogs, with how each deed went."""
        return self.page(request, self.of_project(project_name), _extended)
