"""The OpenAPI document: made of what stands on the methods."""

from typing import NotRequired, TypedDict

import pytest

from api import openapi
from api.document import Moment
from api.schemas import Shapes
from api.urls import urlpatterns
from tests.api.compatibility import routed


@pytest.fixture(scope="module")
def written():
    return openapi.written()


class _Part(TypedDict):
    name: str


class _Whole(TypedDict):
    part: _Part | None
    at: Moment
    more: NotRequired[dict[str, list[int]]]


def test_a_typed_dict_becomes_a_component():
    shapes = Shapes(openapi.Generator().registry)
    assert shapes.of(list[_Whole]) == {"type": "array", "items": {"$ref": "#/components/schemas/Whole"}}
    components = shapes.registry.build({})["schemas"]
    assert components["Part"] == {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    assert components["Whole"]["required"] == ["at", "part"]
    assert components["Whole"]["properties"] == {
        "part": {"allOf": [{"$ref": "#/components/schemas/Part"}], "nullable": True},
        "at": {"type": "string", "format": "date-time"},
        "more": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "integer", "format": "int64"}},
        },
    }


def test_every_operation_with_a_mark_is_in_the_document(written):
    told = {
        (path.lstrip("/"), method): each["operationId"]
        for path, methods in written["paths"].items()
        for method, each in methods.items()
    }
    assert told == {(path, method): each.name for path, method, each in openapi.documented(urlpatterns)}
    assert len(set(told.values())) == len(told)
    assert {(method, path) for path, method in told} == routed()


def test_refusals_come_in_the_envelope(written):
    answers = written["paths"]["/projects/{project_name_or_id}"]["get"]["responses"]
    assert set(answers) == {"200", "400", "401", "403", "404", "429", "503"}
    assert answers["404"] == {"$ref": "#/components/responses/NotFound"}
    refusal = written["components"]["responses"]["NotFound"]
    assert refusal["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Errors"}
