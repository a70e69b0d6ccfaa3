"""`/projects/{…}/immutabletagrules`: which tags, once there, neither move nor go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, places
from api.document import operation
from api.endpoint import Endpoint
from api.errors import BadRequest
from api.paging import paged
from api.query import Field, Listing, a_flag, a_number
from projects import immutability
from projects.immutability import Selector
from projects.models import ImmutableRule

_RULES = Listing(
    fields={
        "id": Field("id", a_number),
        "disabled": Field("disabled", a_flag),
        "priority": Field("priority", a_number),
    },
    order=["id"],
)
_SCOPE = "repository"


class ImmutableSelectorShape(TypedDict):
    kind: Literal["doublestar"]
    decoration: str
    pattern: str
    extras: str


class ImmutableRuleShape(TypedDict):
    id: int
    priority: int
    disabled: bool
    action: Literal["immutable"]
    template: Literal["immutable_template"]
    params: dict[str, Any]
    tag_selectors: list[ImmutableSelectorShape]
    scope_selectors: dict[str, list[ImmutableSelectorShape]]


def _selector_shape(decoration: str, pattern: str) -> ImmutableSelectorShape:
    return {"kind": "doublestar", "decoration": decoration, "pattern": pattern, "extras": ""}


def _shape(rule: ImmutableRule) -> ImmutableRuleShape:
    return {
        "id": rule.pk,
        "priority": rule.priority,
        "disabled": rule.disabled,
        "action": "immutable",
        "template": "immutable_template",
        "params": {},
        "tag_selectors": [_selector_shape(rule.tag_decoration, rule.tag_pattern)],
        "scope_selectors": {_SCOPE: [_selector_shape(rule.repository_decoration, rule.repository_pattern)]},
    }


def _shapes(rules: Sequence[ImmutableRule]) -> list[ImmutableRuleShape]:
    return [_shape(rule) for rule in rules]


class ImmutableRules(Endpoint):
    @operation("ListImmuRules", answers=list[ImmutableRuleShape], query=_RULES.parameters, refuses=[403, 404])
    def get(self, request: Request, project_name_or_id: str) -> Response:
        """ListImmuRules"""
        project = places.project(self, project_name_or_id, "immutable-tag:list")
        rows = _RULES.narrow(project.immutable_rules.all(), request.query_params.get("q", ""))
        return paged(request, _RULES.sort(rows, request.query_params.get("sort", "")), _shapes)

    @operation("CreateImmuRule", body=bodies.ImmutableRule, status=201, refuses=[403, 404, 409])
    def post(self, request: Request, project_name_or_id: str) -> Response:
        """CreateImmuRule"""
        project = places.project(self, project_name_or_id, "immutable-tag:create")
        body = bodies.read(bodies.ImmutableRule, request)
        repositories, tags = _selectors(body)
        if repositories is None or tags is None:
            raise BadRequest("a rule needs tag_selectors, and scope_selectors with a repository")
        rule = immutability.create(
            project,
            repositories,
            tags,
            disabled=bool(body["disabled"]),
            priority=body["priority"] or 0,
            actor=self.actor,
            context=self.context,
        )
        home = f"/api/v2.0/projects/{project.pk}/immutabletagrules"
        return Response(status=201, headers={"Location": f"{home}/{rule.pk}"})


class OneImmutableRule(Endpoint):
    @operation("UpdateImmuRule", body=bodies.ImmutableRule, refuses=[403, 404, 409])
    def put(self, request: Request, project_name_or_id: str, immutable_rule_id: str) -> Response:
        """UpdateImmuRule: what isn't named stays; `disabled` alone switches the rule off or on. Left out beside
        selectors it is false, which clients written in Go don't send."""
        project = places.project(self, project_name_or_id, "immutable-tag:update")
        rule_id = places.number(immutable_rule_id, "immutable_rule_id")
        body = bodies.read(bodies.ImmutableRule, request)
        if body["id"] and body["id"] != rule_id:
            raise BadRequest("the id in the body is another one than in the path")
        repositories, tags = _selectors(body)
        disabled = False if body["disabled"] is None and tags else body["disabled"]
        immutability.change(
            project,
            rule_id,
            repositories=repositories,
            tags=tags,
            disabled=disabled,
            priority=body["priority"],
            actor=self.actor,
            context=self.context,
        )
        return Response()

    @operation("DeleteImmuRule", refuses=[400, 403, 404, 422])
    def delete(self, request: Request, project_name_or_id: str, immutable_rule_id: str) -> Response:
        """DeleteImmuRule"""
        project = places.project(self, project_name_or_id, "immutable-tag:delete")
        rule_id = places.number(immutable_rule_id, "immutable_rule_id")
        immutability.remove(project, rule_id, actor=self.actor, context=self.context)
        return Response()


def _selectors(body: dict[str, Any]) -> tuple[Selector | None, Selector | None]:
    """What a body says of repositories and of tags. Harbor looks at the first selector of each alone; a second one,
    which would count for nothing, is refused here."""
    scope = body["scope_selectors"]
    if scope and set(scope) != {_SCOPE}:
        raise BadRequest("scope_selectors hold repository and nothing else")
    return _one(scope[_SCOPE] if scope else None, f"scope_selectors.{_SCOPE}"), _one(
        body["tag_selectors"], "tag_selectors"
    )


def _one(selectors: list[dict[str, Any]] | None, name: str) -> Selector | None:
    if not selectors:
        return None
    if len(selectors) > 1:
        raise BadRequest(f"{name} holds one selector: a pattern can say {{a,b}}")
    return Selector(selectors[0]["decoration"], selectors[0]["pattern"])
