"""`/replication/policies`: what is replicated, whereto and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, places, replication_bodies
from api.document import Moment, Query, operation
from api.endpoint import Endpoint
from api.paging import paged
from api.query import Field, Listing, a_flag, a_number, a_time
from api.registries import RegistryShape, here, registry_shape
from api.times import written
from rbac.policy import SYSTEM_SCOPE
from replication import policies
from replication.models import Endpoint as Registry
from replication.models import Policy, Trigger
from replication.policies import LEGACY, Content

_GROUP = "replication"
_POLICIES = Listing(
    fields={
        "id": Field("id", a_number),
        "name": Field("name"),
        "description": Field("description"),
        "enabled": Field("enabled", a_flag),
        "trigger": Field("trigger"),
        "src_registry_id": Field("source_id", a_number),
        "dest_registry_id": Field("destination_id", a_number),
        "creation_time": Field("created_at", a_time),
        "update_time": Field("updated_at", a_time),
    },
    order=["-created_at", "-id"],
)


class ReplicationTriggerSettingsShape(TypedDict):
    cron: NotRequired[str]


class ReplicationTriggerShape(TypedDict):
    type: str
    trigger_settings: ReplicationTriggerSettingsShape


class ReplicationFilterShape(TypedDict):
    type: str
    value: Any
    decoration: NotRequired[str]


class ReplicationPolicyShape(TypedDict):
    id: int
    name: str
    description: str
    src_registry: RegistryShape
    dest_registry: RegistryShape
    dest_namespace: str
    dest_namespace_replace_count: int
    trigger: ReplicationTriggerShape
    filters: list[ReplicationFilterShape]
    replicate_deletion: bool
    deletion: bool
    override: bool
    enabled: bool
    creation_time: Moment
    update_time: Moment
    speed: int
    copy_by_chunk: bool
    single_active_replication: bool


def _side(row: Registry | None, request: Request) -> RegistryShape:
    return registry_shape(row) if row else here(request)


def _shape(policy: Policy, request: Request) -> ReplicationPolicyShape:
    return {
        "id": policy.pk,
        "name": policy.name,
        "description": policy.description,
        "src_registry": _side(policy.source, request),
        "dest_registry": _side(policy.destination, request),
        "dest_namespace": policy.namespace,
        "dest_namespace_replace_count": policy.flatten,
        "trigger": {
            "type": policy.trigger,
            "trigger_settings": {"cron": policy.cron} if policy.cron else {},
        },
        "filters": policy.filters,
        "replicate_deletion": policy.deletion,
        "deletion": policy.deletion,
        "override": policy.override,
        "enabled": policy.enabled,
        "creation_time": written(policy.created_at),
        "update_time": written(policy.updated_at),
        "speed": policy.speed,
        "copy_by_chunk": policy.by_chunk,
        "single_active_replication": policy.single_active,
    }


def _shapes(request: Request) -> Callable[[Sequence[Policy]], list[ReplicationPolicyShape]]:
    return lambda rows: [_shape(row, request) for row in rows]


def _content(body: Mapping[str, Any], *, deletion: bool = False) -> Content:
    """The policy that a body describes. `deletion`: whether the policy replicates deletions by now."""
    trigger = body["trigger"] or {}
    settings = trigger.get("trigger_settings") or {}
    return Content(
        name=body["name"],
        source_id=_registry(body["src_registry"]),
        destination_id=_registry(body["dest_registry"]),
        description=body["description"],
        filters=[_filter(each) for each in body["filters"] or ()],
        namespace=body["dest_namespace"],
        flatten=LEGACY if body["dest_namespace_replace_count"] is None else body["dest_namespace_replace_count"],
        trigger=trigger.get("type") or Trigger.MANUAL.value,
        cron=settings.get("cron", ""),
        deletion=_deletion(body, before=deletion),
        override=body["override"],
        enabled=body["enabled"],
        speed=max(-1, -1 if body["speed"] is None else body["speed"]),
        by_chunk=bool(body["copy_by_chunk"]),
        single_active=bool(body["single_active_replication"]),
    )


def _registry(given: Mapping[str, Any] | None) -> int | None:
    return (given or {}).get("id") or None


def _filter(given: Mapping[str, Any]) -> dict[str, Any]:
    kept = {"type": given["type"], "value": given["value"]}
    return {**kept, "decoration": given["decoration"]} if given.get("decoration") else kept


def _deletion(body: Mapping[str, Any], *, before: bool) -> bool:
    """There are two names for it, the older one deprecated, and whoever changes what was read may know but one of
    them: the one that says otherwise than it was counts."""
    given = {body["replicate_deletion"], body["deletion"]} - {None}
    return not before if (not before) in given else before and bool(given)


class Policies(Endpoint):
    @operation(
        "listReplicationPolicies",
        group=_GROUP,
        answers=list[ReplicationPolicyShape],
        query=[Query("name", about="a part of it"), *_POLICIES.parameters],
        refuses=[403],
    )
    def get(self, request: Request) -> Response:
        """listReplicationPolicies"""
        self.require("replication-policy:list", SYSTEM_SCOPE)
        rows = Policy.objects.select_related("source", "destination")
        if name := request.query_params.get("name"):
            rows = rows.filter(name__icontains=name)
        rows = _POLICIES.narrow(rows, request.query_params.get("q", ""))
        return paged(request, _POLICIES.sort(rows, request.query_params.get("sort", "")), _shapes(request))

    @operation(
        "createReplicationPolicy",
        group=_GROUP,
        body=replication_bodies.ReplicationPolicy,
        status=201,
        refuses=[403, 404, 409],
    )
    def post(self, request: Request) -> Response:
        """createReplicationPolicy: one side is a registry elsewhere, the other is left out (or has the id 0). As in
        Harbor it is `enabled` only if the body says so."""
        self.require("replication-policy:create", SYSTEM_SCOPE)
        content = _content(bodies.read(replication_bodies.ReplicationPolicy, request))
        policy = policies.create(content, actor=self.actor, context=self.context)
        return Response(status=201, headers={"Location": f"/api/v2.0/replication/policies/{policy.pk}"})


class OnePolicy(Endpoint):
    @operation("getReplicationPolicy", group=_GROUP, answers=ReplicationPolicyShape, refuses=[403, 404])
    def get(self, request: Request, id: str) -> Response:
        """getReplicationPolicy"""
        self.require("replication-policy:read", SYSTEM_SCOPE)
        return Response(_shape(policies.find(places.number(id, "id")), request))

    @operation(
        "updateReplicationPolicy",
        group=_GROUP,
        body=replication_bodies.ReplicationPolicy,
        refuses=[403, 404, 409, 412],
    )
    def put(self, request: Request, id: str) -> Response:
        """updateReplicationPolicy: the body is the whole policy, and what it leaves out is as in a new one. 412
        where it names another registry while an execution goes on."""
        self.require("replication-policy:update", SYSTEM_SCOPE)
        policy = policies.find(places.number(id, "id"))
        content = _content(bodies.read(replication_bodies.ReplicationPolicy, request), deletion=policy.deletion)
        policies.update(policy.pk, content, actor=self.actor, context=self.context)
        return Response()

    @operation("deleteReplicationPolicy", group=_GROUP, refuses=[403, 404, 412])
    def delete(self, request: Request, id: str) -> Response:
        """deleteReplicationPolicy: with all its executions; 412 while one of them goes on."""
        self.require("replication-policy:delete", SYSTEM_SCOPE)
        policies.delete(places.number(id, "id"), actor=self.actor, context=self.context)
        return Response()
