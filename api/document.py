"""What the OpenAPI document says of an operation: `@operation` on the method that carries it out.

An answer's fields are a TypedDict, so that mypy holds the code to what the document promises; a body's are the form
that reads it (`api.bodies`). drf-spectacular puts the document together from both.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict, TypeVar, Union, get_args, get_origin, get_type_hints

from django.urls import URLPattern
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework.serializers import Serializer

Schema = dict[str, Any]
Method = TypeVar("Method", bound=Callable[..., Any])

Moment = Annotated[str, "date-time"]  # as `api.times.written` writes it


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the query; with `place` of the head, or of the path where there is more to say than its name."""

    name: str
    kind: type[str | int | bool] = str
    about: str = ""
    required: bool = False
    place: Literal["query", "header", "path"] = "query"
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameter(self) -> Schema:
        schema = {**_BASIC[self.kind], **self.more}
        about = {"description": self.about} if self.about else {}
        required = {"required": True} if self.required or self.place == "path" else {}
        return {"in": self.place, "name": self.name, "schema": schema, **about, **required}


Q = Query("q", about="k=v exact, k=~v part of it, k=[min~max], k={a b} any of, k=(a b) all of; separated by commas")
SORT = Query("sort", about="keys by comma; a minus before one turns its order")
PAGE = Query("page", int, "from 1 on", more={"minimum": 1, "default": 1})
PAGE_SIZE = Query("page_size", int, more={"minimum": 1, "maximum": 100, "default": 10})
AFTER = Query("after", about="where the page begins, as the link to it says; ours alone, and better than a number")
PAGED = (PAGE, PAGE_SIZE, AFTER)
LISTED = (Q, SORT, *PAGED)
_REQUEST_ID = Query("X-Request-Id", place="header", more={"minLength": 1})
_NAMED = Query("X-Is-Resource-Name", bool, "{project_name_or_id} is a name, whatever it looks like", place="header")
NAME_IN_LOCATION = Query("X-Resource-Name-In-Location", bool, "Location holds the name, not the id", place="header")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the contract: see `operation`."""

    name: str
    group: str
    answers: Any
    status: int
    body: Any
    query: tuple[Query, ...]
    refuses: frozenset[int]
    media_type: str


def operation(
    name: str,
    *,
    group: str = "",
    answers: Any = None,
    status: int = 200,
    body: Any = None,
    query: Iterable[Query] = (),
    refuses: Iterable[int] = (),
    media_type: str = "application/json",
) -> Callable[[Method], Method]:
    """The method is Harbor's operation `name`, of the `group` the contract files it under (else the module's name).

    `body` is the form that reads the request's body, or its type; `answers` is the type of the answer's at `status` (a
    TypedDict, a list of one, …); None is for no body. What goes without saying in `refuses`: see `Document.refusals`.
    """

    def mark(method: Method) -> Method:
        found = Operation(
            name,
            group or method.__module__.rpartition(".")[2].removesuffix("s"),
            answers,
            status,
            body,
            tuple(query),
            frozenset(refuses),
            media_type,
        )
        method.operation = found  # type: ignore[attr-defined]
        return method

    return mark


class Problem(TypedDict):
    code: str
    message: str


class Errors(TypedDict):
    """Harbor's envelope."""

    errors: list[Problem]


# What a path's parameters are made of; the others are text.
_INTEGERS = {"mid", "id", "eid", "tid"}
_TEXTS = {"project_name_or_id", "job_id", "report_id", "registration_id", "pool_id"}
_BASIC: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer", "format": "int64"},
    bool: {"type": "boolean"},
    float: {"type": "number"},
}
_ABOUT = {
    200: "done",
    201: "made; Location says where it is",
    202: "taken",
    400: "the request makes no sense",
    401: "no credential, or a wrong one",
    403: "the caller may not",
    404: "there is no such thing",
    405: "not allowed here",
    409: "there is one already",
    412: "the state of things forbids it",
    413: "too large",
    415: "another media type is expected",
    422: "a parameter is out of range",
    429: "too many requests; Retry-After says when",
    500: "a failure of ours",
    501: "not in this version",
    503: "something we need is away; Retry-After says when to try again",
}
_CREATED = 201


class Document(AutoSchema):
    """Reads each method's `operation` for drf-spectacular. Its own guesses by queryset and serializer don't apply."""

    @property
    def operation(self) -> Operation:
        found: Operation = getattr(self.view, self.method.lower()).operation
        return found

    def is_excluded(self) -> bool:
        return not hasattr(getattr(self.view, self.method.lower(), None), "operation")

    def get_operation_id(self) -> str:
        return self.operation.name

    def get_tags(self) -> list[str]:
        return [self.operation.group]

    def get_description(self) -> str:  # type: ignore[override]
        method = getattr(self.view, self.method.lower())
        return " ".join((method.__doc__ or "").partition(": ")[2].split())

    def get_auth(self) -> list[Schema]:
        return (
            [{}] if getattr(self.view, "open_to_all", False) else [{"basic": []}, {"bearer": []}, {"session": []}, {}]
        )

    def get_request_serializer(self) -> Any:
        return self.operation.body

    def _get_request_body(self, direction: Any = "request") -> Schema | None:
        body = self.operation.body
        if body is None or (isinstance(body, type) and issubclass(body, Serializer)):
            found: Schema | None = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
            return found
        return {"content": {"application/json": {"schema": self.schema_of(body)}}, "required": True}

    def map_parsers(self) -> list[str]:
        return ["application/json"]

    def _get_parameters(self) -> list[Schema]:
        told = {(each.place, each.name): each for each in self.operation.query}
        for name in self._names():
            told.setdefault(("path", name), Query(name, int if _is_number(name) else str, place="path"))
        for each in (_REQUEST_ID, *((_NAMED,) if "project_name_or_id" in self._names() else ())):
            told.setdefault((each.place, each.name), each)
        return [each.parameter for each in told.values()]

    def _names(self) -> list[str]:
        return [part.strip("{}") for part in self.path.split("/") if part.startswith("{")]

    def refusals(self) -> set[int]:
        """The operation's own and what goes without saying: of nobody's credential, of parameters and bodies, of
        read-only mode, and of what is away."""
        told = self.operation
        found = {400, 503, *told.refuses}
        if not getattr(self.view, "open_to_all", False):
            found |= {401, 429}
        if self.method not in {"GET", "HEAD"}:
            found.add(403)
        if told.body is not None:
            found |= {413, 415}
        if told.body is not None or told.query or any(_is_number(name) for name in self._names()):
            found.add(422)
        return found

    def _get_response_bodies(self, direction: Any = "response") -> Schema:  # noqa: ARG002
        told = self.operation
        bodies = {str(told.status): self._answer(told)}
        refusal = {"content": {"application/json": {"schema": self.schema_of(Errors)}}}
        for status in sorted(self.refusals()):
            bodies[str(status)] = {"description": _ABOUT[status], **refusal}
        return bodies

    def _answer(self, told: Operation) -> Schema:
        answer: Schema = {"description": _ABOUT[told.status]}
        if told.answers is not None:
            answer["content"] = {told.media_type: {"schema": self.schema_of(told.answers)}}
        if told.status == _CREATED:
            answer["headers"] = {"Location": {"schema": {"type": "string"}}}
        elif PAGE in told.query:
            answer["headers"] = {"X-Total-Count": {"schema": _BASIC[int]}, "Link": {"schema": {"type": "string"}}}
        return answer

    def schema_of(self, hint: Any) -> Schema:
        """The JSON schema of a type; a TypedDict becomes a component named after it."""
        origin, inner = get_origin(hint), get_args(hint)
        if hint is Any or hint is object:
            schema: Schema = {}
        elif hint in _BASIC:
            schema = dict(_BASIC[hint])
        elif origin is NotRequired:
            schema = self.schema_of(inner[0])
        elif origin is Annotated:
            schema = {**self.schema_of(inner[0]), "format": inner[1]}
        elif origin is Literal:
            schema = {**_BASIC[type(inner[0])], "enum": list(inner)}
        elif origin in {list, Sequence}:
            schema = {"type": "array", "items": self.schema_of(inner[0])}
        elif origin in {dict, Mapping}:
            schema = {"type": "object", "additionalProperties": self.schema_of(inner[1])}
        elif origin in {Union, types.UnionType}:
            schema = self._union([each for each in inner if each is not type(None)], nullable=type(None) in inner)
        else:
            schema = self._component(hint)
        return schema

    def _union(self, kinds: Sequence[Any], *, nullable: bool) -> Schema:
        each = [self.schema_of(kind) for kind in kinds]
        if not nullable:
            return {"oneOf": each}
        if len(each) == 1 and "$ref" not in each[0]:
            return {**each[0], "nullable": True}
        return {"allOf" if len(each) == 1 else "oneOf": each, "nullable": True}

    def _component(self, shape: Any) -> Schema:
        name = shape.__name__.lstrip("_").removesuffix("Shape")
        component = ResolvedComponent(name, ResolvedComponent.SCHEMA, object=shape)  # type: ignore[no-untyped-call]
        if component not in self.registry:
            self.registry.register(component)
            fields = get_type_hints(shape, include_extras=True)
            component.schema = {
                "type": "object",
                "properties": {key: self.schema_of(hint) for key, hint in fields.items()},
                "required": sorted(
                    # Python 3.11 takes a NotRequired that stands in a postponed annotation for required.
                    key
                    for key in shape.__required_keys__
                    if get_origin(fields[key]) is not NotRequired
                ),
            }
            if not component.schema["required"]:
                del component.schema["required"]
        ref: Schema = self.registry[component].ref
        return ref


class _Inspector(EndpointEnumerator):
    """drf-spectacular leaves HEAD out; here it is an operation of its own."""

    def get_allowed_methods(self, callback: Any) -> list[str]:
        view = callback.view_class
        return [name.upper() for name in view.http_method_names if hasattr(getattr(view, name, None), "operation")]


class Generator(SchemaGenerator):
    endpoint_inspector_cls = _Inspector


def _is_number(name: str) -> bool:
    return name in _INTEGERS or (name.endswith("_id") and name not in _TEXTS)


def written() -> Schema:
    """The whole document, as OpenAPI 3."""
    document: Schema = Generator(urlconf="api.urls").get_schema(public=True)  # type: ignore[no-untyped-call]
    return document


def documented(patterns: Iterable[URLPattern]) -> list[tuple[str, str, Operation]]:
    """(path, method, operation) of everything that is there."""
    views = [(str(pattern.name), pattern.callback.view_class) for pattern in patterns]  # type: ignore[attr-defined]
    return [
        (path, method, getattr(view, method).operation)
        for path, view in views
        for method in view.http_method_names
        if hasattr(getattr(view, method, None), "operation")
    ]
