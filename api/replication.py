"""`/replication/executions`: policies carried out, what each has to do, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal, NotRequired, TypedDict

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, places, replication_bodies
from api.document import Moment, Query, operation
from api.endpoint import Endpoint
from api.paging import paged
from api.query import Field, Listing, a_number, a_time
from api.times import written
from rbac.policy import SYSTEM_SCOPE
from replication import absence, executions, figures, policies
from replication.executions import Progress
from replication.figures import Figures
from replication.models import Execution, LogLine, State, Task, Trigger

_GROUP = "replication"
_LINES = 10_000  # of a log, at most
_EXECUTIONS = Listing(
    fields={
        "id": Field("id", a_number),
        "policy_id": Field("policy_id", a_number),
        "status": Field("state"),
        "trigger": Field("trigger"),
        "start_time": Field("started_at", a_time),
        "end_time": Field("ended_at", a_time),
    },
    order=["-started_at", "-id"],
    sorts={"id": ("id",), "start_time": ("started_at", "id")},
)
_TASKS = Listing(
    fields={
        "id": Field("id", a_number),
        "status": Field("state"),
        "operation": Field("operation"),
        "resource_type": Field("resource_type"),
        "src_resource": Field("source"),
        "dst_resource": Field("destination"),
        "start_time": Field("started_at", a_time),
        "end_time": Field("ended_at", a_time),
    },
    order=["id"],
)
Status = Literal["Pending", "InProgress", "Succeed", "Failed", "Stopped"]


class ReplicationExecutionShape(TypedDict):
    """From `dry_run` on it is more than Harbor tells. Bytes; `rate` is in bytes a second, `seconds_left` is there
    while it can be told."""

    id: int
    policy_id: int
    status: Status
    trigger: str
    start_time: Moment
    end_time: NotRequired[Moment]
    status_text: str
    total: int
    failed: int
    succeed: int
    in_progress: int
    stopped: int
    dry_run: bool
    planned: bool
    unchanged: int
    bytes_total: int
    bytes_done: int
    bytes_sent: int
    rate: NotRequired[int]
    seconds_left: NotRequired[int]


class ReplicationTaskShape(TypedDict):
    """From `references` on it is more than Harbor tells; `explanation` says why it came to its status, or what it
    waits for."""

    id: int
    execution_id: int
    status: Status
    job_id: str
    operation: str
    resource_type: str
    src_resource: str
    dst_resource: str
    start_time: Moment
    end_time: NotRequired[Moment]
    references: list[str]
    explanation: str
    attempts: int
    bytes_total: int
    bytes_done: int
    bytes_sent: int


class ReplicationFiguresShape(TypedDict):
    """Tasks; `oldest` waits since then. Rates are of the last five minutes, bytes over the wire."""

    executions: int
    pending: int
    in_progress: int
    oldest: NotRequired[Moment]
    tasks_per_minute: float
    bytes_per_minute: float


class ReplicationStatisticsShape(ReplicationFiguresShape):
    """`policies`: of each that does something or did lately, by its id."""

    policies: dict[str, ReplicationFiguresShape]


def _execution_shape(row: Execution, now: Progress, waits: str) -> ReplicationExecutionShape:
    """With what the tasks that go on have done so far; `waits`: for what it does."""
    shape: ReplicationExecutionShape = {
        "id": row.pk,
        "policy_id": row.policy_id,
        "status": row.state,  # type: ignore[typeddict-item]  # a choice of the column
        "trigger": row.trigger,
        "start_time": written(row.started_at),
        "status_text": waits or row.text,
        "total": row.total,
        "failed": row.failed,
        "succeed": row.succeeded,
        "in_progress": 0 if row.ended_at else max(0, row.total - row.failed - row.succeeded - row.stopped),
        "stopped": row.stopped,
        "dry_run": row.dry_run,
        "planned": row.planned,
        "unchanged": row.unchanged,
        "bytes_total": now.bytes_total,
        "bytes_done": now.bytes_done,
        "bytes_sent": now.bytes_sent,
    }
    if row.ended_at:
        shape["end_time"] = written(row.ended_at)
    if now.rate is not None:
        shape["rate"] = now.rate
    if now.seconds_left is not None:
        shape["seconds_left"] = now.seconds_left
    return shape


def _task_shape(row: Task, waits: str) -> ReplicationTaskShape:
    shape: ReplicationTaskShape = {
        "id": row.pk,
        "execution_id": row.execution_id,
        "status": row.state,  # type: ignore[typeddict-item]  # a choice of the column
        "job_id": str(row.pk),
        "operation": row.operation,
        "resource_type": row.resource_type,
        "src_resource": _resource(row.source, row),
        "dst_resource": _resource(row.destination, row),
        "start_time": written(row.started_at),
        "references": [*row.tags, row.reference] if row.reference not in row.tags else list(row.tags),
        "explanation": waits if waits and row.state == State.PENDING else row.text,
        "attempts": row.attempts,
        "bytes_total": row.bytes_total,
        "bytes_done": row.bytes_done,
        "bytes_sent": row.bytes_sent,
    }
    if row.ended_at:
        shape["end_time"] = written(row.ended_at)
    return shape


def _resource(repository: str, row: Task) -> str:
    """The repository, and what of it as Harbor counts it."""
    return f"{repository} [{len(row.tags) or 1} item(s) in total]"


def _execution_shapes(rows: Sequence[Execution]) -> list[ReplicationExecutionShape]:
    now, waits = executions.progress_of(rows), absence.words(rows)
    return [_execution_shape(row, now[row.pk], waits.get(row.pk, "")) for row in rows]


def _task_shapes(execution: Execution, rows: Sequence[Task]) -> list[ReplicationTaskShape]:
    waits = absence.words([execution]).get(execution.pk, "")
    return [_task_shape(row, waits) for row in rows]


def _found(id: str) -> Execution:
    return executions.find(places.number(id, "id"))


class Executions(Endpoint):
    @operation(
        "listReplicationExecutions",
        group=_GROUP,
        answers=list[ReplicationExecutionShape],
        query=[
            Query("policy_id", int, more={"minimum": 0}),
            Query("status"),
            Query("trigger"),
            *_EXECUTIONS.parameters,
        ],
        refuses=[403, 404],
    )
    def get(self, request: Request) -> Response:
        """listReplicationExecutions: the newest first, of one policy or all."""
        self.require("replication:list", SYSTEM_SCOPE)
        rows = _EXECUTIONS.narrow(self._narrowed(request), request.query_params.get("q", ""))
        return paged(request, _EXECUTIONS.sort(rows, request.query_params.get("sort", "")), _execution_shapes)

    def _narrowed(self, request: Request) -> QuerySet[Execution]:
        rows = Execution.objects.all()
        if policy := request.query_params.get("policy_id"):
            rows = rows.filter(policy_id=places.number(policy, "policy_id", "query"))
        if state := request.query_params.get("status"):
            rows = rows.filter(state=state)
        if trigger := request.query_params.get("trigger"):
            rows = rows.filter(trigger=trigger)
        return rows

    @operation(
        "startReplication",
        group=_GROUP,
        body=replication_bodies.StartReplicationExecution,
        status=201,
        refuses=[403, 404, 412],
    )
    def post(self, request: Request) -> Response:
        """startReplication: 412 if the policy is disabled, or is one that goes on alone and does by now. With
        `dry_run` (ours) it is planned and sized, and nothing is moved."""
        self.require("replication:create", SYSTEM_SCOPE)
        body = bodies.read(replication_bodies.StartReplicationExecution, request)
        execution = executions.start(
            policies.find(body["policy_id"]),
            trigger=Trigger.MANUAL,
            actor=self.actor,
            context=self.context,
            dry_run=body["dry_run"],
        )
        return Response(status=201, headers={"Location": f"/api/v2.0/replication/executions/{execution.pk}"})


class OneExecution(Endpoint):
    @operation("getReplicationExecution", group=_GROUP, answers=ReplicationExecutionShape, refuses=[403, 404])
    def get(self, request: Request, id: str) -> Response:
        """getReplicationExecution: with how far it has come, while it goes on."""
        self.require("replication:read", SYSTEM_SCOPE)
        (shape,) = _execution_shapes([_found(id)])
        return Response(shape)

    @operation("stopReplication", group=_GROUP, refuses=[403, 404])
    def put(self, request: Request, id: str) -> Response:
        """stopReplication: what goes on ends within seconds, what was done stays. Nothing for one that is over."""
        self.require("replication:create", SYSTEM_SCOPE)
        executions.stop(_found(id), actor=self.actor, context=self.context)
        return Response()


class Retry(Endpoint):
    @operation("retryReplication", group=_GROUP, status=201, refuses=[403, 404, 412])
    def post(self, request: Request, id: str) -> Response:
        """retryReplication: the tasks that failed or were stopped are carried out again, in the same execution. Ours,
        Harbor doesn't have it."""
        self.require("replication:create", SYSTEM_SCOPE)
        execution = executions.retry(_found(id), actor=self.actor, context=self.context)
        return Response(status=201, headers={"Location": f"/api/v2.0/replication/executions/{execution.pk}"})


class Statistics(Endpoint):
    @operation("getReplicationStatistics", group=_GROUP, answers=ReplicationStatisticsShape, refuses=[403])
    def get(self, request: Request) -> Response:
        """getReplicationStatistics: how much waits, and how fast it goes. Ours, Harbor doesn't have it."""
        self.require("replication:list", SYSTEM_SCOPE)
        each = figures.by_policy()
        answer: ReplicationStatisticsShape = {
            **_figures_shape(figures.together(each.values())),
            "policies": {str(policy): _figures_shape(found) for policy, found in each.items()},
        }
        return Response(answer)


def _figures_shape(found: Figures) -> ReplicationFiguresShape:
    shape: ReplicationFiguresShape = {
        "executions": found.executions,
        "pending": found.pending,
        "in_progress": found.in_progress,
        "tasks_per_minute": round(found.tasks_a_minute, 2),
        "bytes_per_minute": round(found.bytes_a_minute, 2),
    }
    if found.oldest:
        shape["oldest"] = written(found.oldest)
    return shape


class Tasks(Endpoint):
    @operation(
        "listReplicationTasks",
        group=_GROUP,
        answers=list[ReplicationTaskShape],
        query=[Query("status"), Query("resource_type"), *_TASKS.parameters],
        refuses=[403, 404],
    )
    def get(self, request: Request, id: str) -> Response:
        """listReplicationTasks: one for each artifact that isn't there already."""
        self.require("replication:list", SYSTEM_SCOPE)
        rows = Task.objects.filter(execution=(execution := _found(id)))
        if state := request.query_params.get("status"):
            rows = rows.filter(state=state)
        if kind := request.query_params.get("resource_type"):
            rows = rows.filter(resource_type=kind)
        rows = _TASKS.narrow(rows, request.query_params.get("q", ""))
        shapes = partial(_task_shapes, execution)
        return paged(request, _TASKS.sort(rows, request.query_params.get("sort", "")), shapes)


class TaskLog(Endpoint):
    @operation("getReplicationLog", group=_GROUP, answers=str, media_type="text/plain", refuses=[403, 404])
    def get(self, request: Request, id: str, task_id: str) -> HttpResponse:
        """getReplicationLog: what the task tells of its work, a line each with its time."""
        self.require("replication:read", SYSTEM_SCOPE)
        task = executions.task_of(_found(id), places.number(task_id, "task_id"))
        lines = LogLine.objects.filter(task=task).order_by("id")[:_LINES]
        text = "".join(f"{written(line.at)} [{line.level}] {line.text}\n" for line in lines)
        return HttpResponse(text, content_type="text/plain; charset=utf-8")
