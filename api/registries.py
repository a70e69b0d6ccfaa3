"""`/registries` and what kinds of them there are: where artifacts are replicated to and from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, places, replication_bodies
from api.document import Moment, Query, operation
from api.endpoint import Endpoint
from api.errors import BadRequest
from api.paging import paged
from api.query import Field, Listing, a_flag, a_number, a_time
from api.times import NEVER, written
from projects.models import Label
from rbac.policy import SYSTEM_SCOPE
from replication import adapters, endpoints, health
from replication.adapters import Info
from replication.filters import ARTIFACT, CHART, IMAGE
from replication.models import Endpoint as Row
from replication.models import Trigger

HERE = 0  # the id of this installation
HIDDEN = "*****"  # what stands for a secret
_GROUP = "registry"
_REGISTRIES = Listing(
    fields={
        "id": Field("id", a_number),
        "name": Field("name"),
        "type": Field("kind"),
        "url": Field("url"),
        "insecure": Field("insecure", a_flag),
        "description": Field("description"),
        "creation_time": Field("created_at", a_time),
        "update_time": Field("updated_at", a_time),
    },
    order=["-created_at", "-id"],
)


class RegistryCredentialShape(TypedDict):
    type: NotRequired[str]
    access_key: NotRequired[str]
    access_secret: NotRequired[str]


class RegistryShape(TypedDict):
    id: int
    url: str
    name: str
    credential: NotRequired[RegistryCredentialShape]
    type: str
    insecure: bool
    ca_certificate: NotRequired[str | None]
    description: str
    status: Literal["healthy", "unhealthy"]
    problem: NotRequired[str]
    creation_time: Moment
    update_time: Moment


class FilterStyleShape(TypedDict):
    type: str
    style: Literal["input", "radio", "list"]
    values: list[str]


class RegistryInfoShape(TypedDict):
    type: str
    description: str
    supported_resource_filters: list[FilterStyleShape]
    supported_triggers: list[str]
    supported_copy_by_chunk: bool


EndpointType = Literal["EndpointPatternTypeStandard", "EndpointPatternTypeFix", "EndpointPatternTypeList"]


class RegistryEndpointShape(TypedDict):
    key: str
    value: str


class RegistryProviderEndpointPatternShape(TypedDict):
    endpoint_type: EndpointType
    endpoints: list[RegistryEndpointShape]


class RegistryProviderCredentialPatternShape(TypedDict):
    access_key_type: Literal["AccessKeyTypeStandard", "AccessKeyTypeFix"]
    access_key_data: str
    access_secret_type: Literal["AccessSecretTypePass", "AccessSecretTypeFile"]
    access_secret_data: str


class RegistryProviderInfoShape(TypedDict):
    endpoint_pattern: RegistryProviderEndpointPatternShape
    credential_pattern: RegistryProviderCredentialPatternShape


def registry_shape(row: Row) -> RegistryShape:
    shape: RegistryShape = {
        "id": row.pk,
        "url": row.url,
        "name": row.name,
        "credential": _credential(row),
        "type": row.kind,
        "insecure": row.insecure,
        "ca_certificate": row.ca_certificate or None,
        "description": row.description,
        "status": "healthy" if row.healthy else "unhealthy",
        "creation_time": written(row.created_at),
        "update_time": written(row.updated_at),
    }
    if row.problem:
        shape["problem"] = row.problem
    return shape


def _credential(row: Row) -> RegistryCredentialShape:
    shown: RegistryCredentialShape = {}
    if row.access_key or row.sealed_secret:
        shown = {"type": row.credential_type or "basic", "access_key": row.access_key}
    if row.sealed_secret:
        shown["access_secret"] = HIDDEN
    return shown


def here(request: Request) -> RegistryShape:
    """This installation, as a side of a policy."""
    return {
        "id": HERE,
        "url": f"{request.scheme}://{request.get_host()}",
        "name": "Local",
        "type": "harbor",
        "insecure": request.scheme != "https",
        "description": "",
        "status": "healthy",
        "creation_time": NEVER,
        "update_time": NEVER,
    }


def _shapes(rows: Sequence[Row]) -> list[RegistryShape]:
    return [registry_shape(row) for row in rows]


class Registries(Endpoint):
    @operation(
        "listRegistries",
        group=_GROUP,
        answers=list[RegistryShape],
        query=[Query("name", about="a part of it"), *_REGISTRIES.parameters],
        refuses=[403],
    )
    def get(self, request: Request) -> Response:
        """listRegistries"""
        self.require("registry:list", SYSTEM_SCOPE)
        rows = Row.objects.all()
        if name := request.query_params.get("name"):
            rows = rows.filter(name__icontains=name)
        rows = _REGISTRIES.narrow(rows, request.query_params.get("q", ""))
        return paged(request, _REGISTRIES.sort(rows, request.query_params.get("sort", "")), _shapes)

    @operation("createRegistry", group=_GROUP, body=replication_bodies.NewRegistry, status=201, refuses=[403, 409])
    def post(self, request: Request) -> Response:
        """createRegistry: which has to answer, and to take the credential. One that only workers of its own queue reach
        is looked at by these, once it is made."""
        self.require("registry:create", SYSTEM_SCOPE)
        body = bodies.read(replication_bodies.NewRegistry, request)
        credential = body["credential"] or {}
        settings = endpoints.Settings(
            name=body["name"],
            kind=body["type"],
            url=body["url"],
            description=body["description"],
            credential_type=credential.get("type") or "basic",
            access_key=credential.get("access_key", ""),
            secret=credential.get("access_secret", ""),
            insecure=body["insecure"],
            ca_certificate=body["ca_certificate"] or "",
        )
        row = endpoints.create(settings, actor=self.actor, context=self.context)
        return Response(status=201, headers={"Location": f"/api/v2.0/registries/{row.pk}"})


class Ping(Endpoint):
    works_in_read_only = True

    @operation("pingRegistry", group=_GROUP, body=replication_bodies.RegistryPing, refuses=[403, 404])
    def post(self, request: Request) -> Response:
        """pingRegistry: whether it answers and takes the credential; 400 says what fails. A secret that is kept is
        shown to the registry that it is kept for, and to no other."""
        self.require("registry:read", SYSTEM_SCOPE)
        body = bodies.read(replication_bodies.RegistryPing, request)
        if body.get("id") == HERE:
            return Response()
        changes = _changes(body)
        kept = endpoints.find(body["id"]) if body.get("id") else None
        if kept is not None:
            settings = endpoints.changed(kept, changes)
        elif not body.get("type") or not body.get("url"):
            raise BadRequest("type and url are needed, or the id of a registry that is kept")
        else:
            settings = endpoints.Settings(**{"name": "ping", **changes})
        health.try_out(settings, kept)
        return Response()


def _changes(body: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `endpoints.Settings` by those of a body, without what it doesn't say. What is shown for a secret comes
    back from clients that send what they read: it is the one that is kept."""
    names = {"type": "kind", "access_secret": "secret"}
    found = {names.get(name, name): value for name, value in body.items() if name != "id" and value is not None}
    for needed in {"kind", "url", "name"} & found.keys():
        if not found[needed]:
            del found[needed]
    if found.get("secret") == HIDDEN:
        del found["secret"]
    return found


class OneRegistry(Endpoint):
    @operation("getRegistry", group=_GROUP, answers=RegistryShape, refuses=[403, 404])
    def get(self, request: Request, id: str) -> Response:
        """getRegistry: 0 is this installation."""
        self.require("registry:read", SYSTEM_SCOPE)
        registry_id = places.number(id, "id")
        return Response(here(request) if registry_id == HERE else registry_shape(endpoints.find(registry_id)))

    @operation("updateRegistry", group=_GROUP, body=replication_bodies.RegistryUpdate, refuses=[403, 404, 409])
    def put(self, request: Request, id: str) -> Response:
        """updateRegistry: which has to answer as it shall be. Another url, or another way to verify its certificate,
        needs the secret again."""
        self.require("registry:update", SYSTEM_SCOPE)
        changes = _changes(bodies.read(replication_bodies.RegistryUpdate, request))
        endpoints.update(places.number(id, "id"), changes, actor=self.actor, context=self.context)
        return Response()

    @operation("deleteRegistry", group=_GROUP, refuses=[403, 404, 412])
    def delete(self, request: Request, id: str) -> Response:
        """deleteRegistry: 412 while a policy uses it."""
        self.require("registry:delete", SYSTEM_SCOPE)
        endpoints.delete(places.number(id, "id"), actor=self.actor, context=self.context)
        return Response()


class RegistryInfo(Endpoint):
    @operation("getRegistryInfo", group=_GROUP, answers=RegistryInfoShape, refuses=[403, 404])
    def get(self, request: Request, id: str) -> Response:
        """getRegistryInfo: what policies can do with it. 0 is this installation, whose events trigger too."""
        self.require("registry:read", SYSTEM_SCOPE)
        registry_id = places.number(id, "id")
        if registry_id == HERE:
            labels = list(Label.objects.filter(project=None).order_by("name").values_list("name", flat=True)[:_MANY])
            return Response(_info_shape(adapters.info("harbor"), labels, [each.value for each in Trigger]))
        row = endpoints.find(registry_id)
        triggers = [Trigger.MANUAL.value, Trigger.SCHEDULED.value]
        return Response(_info_shape(adapters.info(row.kind), endpoints.labels_of(row), triggers))


_MANY = 1000  # labels to choose from


def _info_shape(info: Info, labels: list[str], triggers: list[str]) -> RegistryInfoShape:
    styles: list[FilterStyleShape] = [
        {"type": "name", "style": "input", "values": []},
        {"type": "tag", "style": "input", "values": []},
    ]
    if info.labels:
        styles.append({"type": "label", "style": "list", "values": labels})
    styles.append({"type": "resource", "style": "radio", "values": [IMAGE, CHART, ARTIFACT]})
    return {
        "type": info.kind,
        "description": info.description,
        "supported_resource_filters": styles,
        "supported_triggers": triggers,
        "supported_copy_by_chunk": True,
    }


class Adapters(Endpoint):
    @operation("listRegistryProviderTypes", group=_GROUP, answers=list[str], refuses=[403])
    def get(self, request: Request) -> Response:
        """listRegistryProviderTypes"""
        self.require("replication-adapter:list", SYSTEM_SCOPE)
        return Response(list(adapters.infos()))


class AdapterInfos(Endpoint):
    @operation("listRegistryProviderInfos", group=_GROUP, answers=dict[str, RegistryProviderInfoShape], refuses=[403])
    def get(self, request: Request) -> Response:
        """listRegistryProviderInfos: what to ask for when one of each type is set up."""
        self.require("replication-adapter:list", SYSTEM_SCOPE)
        return Response({kind: _provider_shape(info) for kind, info in adapters.infos().items()})


_ENDPOINT_TYPES: dict[str, EndpointType] = {
    "Standard": "EndpointPatternTypeStandard",
    "Fix": "EndpointPatternTypeFix",
    "List": "EndpointPatternTypeList",
}


def _provider_shape(info: Info) -> RegistryProviderInfoShape:
    choice = "Fix" if info.fixed else "List" if info.endpoints else "Standard"
    return {
        "endpoint_pattern": {
            "endpoint_type": _ENDPOINT_TYPES[choice],
            "endpoints": [{"key": key, "value": value} for key, value in info.endpoints.items()],
        },
        "credential_pattern": {
            "access_key_type": "AccessKeyTypeFix" if info.access_key else "AccessKeyTypeStandard",
            "access_key_data": info.access_key,
            "access_secret_type": "AccessSecretTypeFile" if info.secret_file else "AccessSecretTypePass",
            "access_secret_data": "",
        },
    }
