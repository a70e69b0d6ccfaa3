"""`/configurations`: what an administrator sets while the platform runs."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict, cast

from rest_framework.request import Request
from rest_framework.response import Response

from api.document import operation
from api.endpoint import Endpoint
from api.errors import BadRequest
from configuration import actions, guards, reach
from configuration.items import ITEMS, Value, find
from rbac.policy import SYSTEM_SCOPE


class StringConfigItem(TypedDict):
    value: str
    editable: bool


class IntegerConfigItem(TypedDict):
    value: int
    editable: bool


class BoolConfigItem(TypedDict):
    value: bool
    editable: bool


class InternalConfigurationValueShape(TypedDict):
    value: str | int | bool
    editable: bool


class ScanAllParameterShape(TypedDict):
    daily_time: NotRequired[int]


class ScanAllPolicyShape(TypedDict):
    type: str
    parameter: NotRequired[ScanAllParameterShape]


_SHOWN: dict[type[Value], Any] = {str: StringConfigItem, int: IntegerConfigItem, bool: BoolConfigItem}

# Each item is a field, so that what there is stands in one place. mypy wants to see the fields written out.
ConfigurationsResponseShape: Any = TypedDict(  # type: ignore[misc]
    "ConfigurationsResponseShape",
    {name: _SHOWN[item.kind] for name, item in ITEMS.items() if not item.secret}
    | {"scan_all_policy": ScanAllPolicyShape},
)
ConfigurationsShape: Any = TypedDict(  # type: ignore[misc]
    "ConfigurationsShape", {name: NotRequired[item.kind | None] for name, item in ITEMS.items()}
)


class Configurations(Endpoint):
    works_in_read_only = True  # else nobody could end it

    @operation("getConfigurations", group="configure", answers=ConfigurationsResponseShape, refuses=[403])
    def get(self, request: Request) -> Response:
        """getConfigurations: every item but the secrets."""
        self.require("configuration:read", SYSTEM_SCOPE)
        return Response({**guards.shown(), "scan_all_policy": {"type": "none"}})

    @operation("updateConfigurations", group="configure", body=ConfigurationsShape, refuses=[403])
    def put(self, request: Request) -> Response:
        """updateConfigurations: all that the body names, or nothing. What isn't an item is ignored."""
        self.require("configuration:update", SYSTEM_SCOPE)
        changes = _changes(request.data)
        reach.check(changes)
        actions.update(changes, actor=self.actor.name, context=self.context)
        return Response()


class InternalConfig(Endpoint):
    @operation(
        "getInternalconfig", group="configure", answers=dict[str, InternalConfigurationValueShape], refuses=[403]
    )
    def get(self, request: Request) -> Response:
        """getInternalconfig: the same items as one map; its secrets stay inside too."""
        self.require("configuration:read", SYSTEM_SCOPE)
        return Response(guards.shown())


def _changes(body: object) -> dict[str, Value]:
    """The items that a body sets; null leaves one as it is."""
    if not isinstance(body, dict):
        raise BadRequest("the body is an object of configuration items")
    given = cast(dict[object, object], body)
    return {
        name: find(name).accept(value)
        for name, value in given.items()
        if isinstance(name, str) and name in ITEMS and value is not None
    }
