"""Puts the OpenAPI document together, from each method's `@operation` (`api.document`), by drf-spectacular."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, TypedDict, get_origin

from django.urls import URLPattern
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from rest_framework.serializers import Serializer

from api.document import NAMED, PAGE, REQUEST_ID, Operation, Query
from api.schemas import BASIC, Schema, Shapes


class Problem(TypedDict):
    code: str
    message: str


class Errors(TypedDict):
    """Harbor's envelope."""

    errors: list[Problem]


# What a path's parameters are made of; the others are text.
_INTEGERS = {"mid", "id", "eid", "tid"}
_TEXTS = {"project_name_or_id", "job_id", "report_id", "registration_id"}
_DONE = {200: "done", 201: "made; Location says where it is", 202: "taken"}
_REFUSALS = {
    400: ("BadRequest", "the request makes no sense"),
    401: ("Unauthorized", "no credential, or a wrong one"),
    403: ("Forbidden", "the caller may not, or nobody may just now"),
    404: ("NotFound", "there is no such thing"),
    405: ("MethodNotAllowed", "not allowed here"),
    409: ("Conflict", "there is one already"),
    412: ("PreconditionFailed", "the state of things forbids it"),
    413: ("TooLarge", "the body is too large"),
    415: ("UnsupportedMedia", "the body is expected as application/json"),
    422: ("Unprocessable", "a parameter is none, or out of its range"),
    429: ("TooManyRequests", "too many wrong credentials"),
    501: ("NotThere", "not in this version"),
    503: ("Unavailable", "something that is needed is away"),
}
_LATER = {429, 503}
_CREATED = 201
_NAME = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
_HEADERS: Schema = {
    "X-Request-Id": {"description": "the request's name, in the audit trail too", "schema": BASIC[str]},
    "Location": {"description": "where it is", "required": True, "schema": BASIC[str]},
    "X-Total-Count": {"description": "how many there are on all pages", "required": True, "schema": BASIC[int]},
    "Link": {"description": "the pages beside this one: rel is prev or next", "schema": BASIC[str]},
    "Content-Disposition": {"description": "the file's name", "required": True, "schema": BASIC[str]},
    "Retry-After": {"description": "seconds", "required": True, "schema": BASIC[int]},
}


class Document(AutoSchema):
    """Reads each method's `operation` for drf-spectacular. Its own guesses by queryset and serializer don't apply."""

    @property
    def operation(self) -> Operation:
        found: Operation = getattr(self.view, self.method.lower()).operation
        return found

    @property
    def shapes(self) -> Shapes:
        return Shapes(self.registry)

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
        return [{}] if self._is_open() else [{"basic": []}, {"bearer": []}, {"session": []}, {}]

    def _is_open(self) -> bool:
        return bool(getattr(self.view, "open_to_all", False))

    def get_request_serializer(self) -> Any:
        return self.operation.body

    def _get_request_body(self, direction: Any = "request") -> Schema | None:
        body = self.operation.body
        if body is None or (isinstance(body, type) and issubclass(body, Serializer)):
            found: Schema | None = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
            return found and {**found, "required": True}
        return {"content": {"application/json": {"schema": self.shapes.of(body)}}, "required": True}

    def map_parsers(self) -> list[str]:
        return ["application/json"]

    def _get_parameters(self) -> list[Schema]:
        told = {(each.place, each.name): each for each in self.operation.query}
        for name in self._names():
            told.setdefault(("path", name), _id(name) if _is_number(name) else Query(name, place="path"))
        for each in (REQUEST_ID, *((NAMED,) if "project_name_or_id" in self._names() else ())):
            told.setdefault((each.place, each.name), each)
        return [_parameter(each) for each in told.values()]

    def _names(self) -> list[str]:
        return [part.strip("{}") for part in self.path.split("/") if part.startswith("{")]

    def refusals(self) -> set[int]:
        """The operation's own and what goes without saying: of nobody's credential, of parameters and bodies, of
        read-only mode, and of what is away."""
        told = self.operation
        found = {400, 503, *told.refuses}
        if not self._is_open():
            found |= {401, 429}
        if self.method not in {"GET", "HEAD"}:
            found.add(403)
        if told.body is not None:
            found |= {413, 415}
        if told.body is not None or told.query or any(_is_number(name) for name in self._names()):
            found.add(422)
        return found

    def _get_response_bodies(self, direction: Any = "response") -> Schema:
        told = self.operation
        answers = {status: _refusal(status) for status in self.refusals()}
        answers |= {status: self._also(status, hint) for status, hint in told.also.items()}
        answers[told.status] = self._answer(told)
        return {str(status): answer for status, answer in sorted(answers.items())}

    def _answer(self, told: Operation) -> Schema:
        answer: Schema = {"description": _DONE[told.status], "headers": dict(_NAME)}
        if told.answers is not None:
            schema = self.shapes.of(told.answers)
            answer["content"] = {media_type: {"schema": schema} for media_type in told.media_type.split(", ")}
        headers = [*told.headers, *(["Location"] if told.status == _CREATED else [])]
        if PAGE in told.query and get_origin(told.answers) is list:
            headers += ["X-Total-Count", "Link"]
        answer["headers"] |= {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
        return answer

    def _also(self, status: int, hint: Any) -> Schema:
        about = _DONE.get(status) or _REFUSALS[status][1]
        content = {"application/json": {"schema": self.shapes.of(hint)}}
        return {"description": about, "headers": dict(_NAME), "content": content}


class _Inspector(EndpointEnumerator):
    """drf-spectacular leaves HEAD out; here it is an operation of its own."""

    def get_allowed_methods(self, callback: Any) -> list[str]:
        view = callback.view_class
        return [name.upper() for name in view.http_method_names if hasattr(getattr(view, name, None), "operation")]

    def get_path_from_regex(self, path_regex: str) -> str:
        """The path as the contract writes it, which is the route's name."""
        return f"/{self._names[path_regex]}"

    @cached_property
    def _names(self) -> dict[str, str]:
        return {str(each.pattern): str(each.name) for each in self.patterns or () if isinstance(each, URLPattern)}


class Generator(SchemaGenerator):
    endpoint_inspector_cls = _Inspector


def _is_number(name: str) -> bool:
    return name in _INTEGERS or (name.endswith("_id") and name not in _TEXTS)


def _id(name: str) -> Query:
    return Query(name, int, place="path", more={"minimum": 0})


def _parameter(told: Query) -> Schema:
    about = {"description": told.about} if told.about else {}
    required = {"required": True} if told.required or told.place == "path" else {}
    return {"in": told.place, "name": told.name, "schema": {**BASIC[told.kind], **told.more}, **about, **required}


def written() -> Schema:
    """The whole document, as OpenAPI 3."""
    generator = Generator(urlconf="api.urls")  # type: ignore[no-untyped-call]
    envelope = {"application/json": {"schema": Shapes(generator.registry).of(Errors)}}
    document: Schema = generator.get_schema(public=True)  # type: ignore[no-untyped-call]
    document["components"]["headers"] = _HEADERS
    document["components"]["responses"] = {
        name: {"description": about, "headers": _refusal_headers(status), "content": envelope}
        for status, (name, about) in _REFUSALS.items()
    }
    return document


def _refusal(status: int) -> Schema:
    return {"$ref": f"#/components/responses/{_REFUSALS[status][0]}"}


def _refusal_headers(status: int) -> Schema:
    return _NAME | ({"Retry-After": {"$ref": "#/components/headers/Retry-After"}} if status in _LATER else {})


def documented(patterns: Iterable[URLPattern]) -> list[tuple[str, str, Operation]]:
    """(path, method, operation) of everything that is there."""
    views = [(str(pattern.name), pattern.callback.view_class) for pattern in patterns]  # type: ignore[attr-defined]
    return [
        (path, method, getattr(view, method).operation)
        for path, view in views
        for method in view.http_method_names
        if hasattr(getattr(view, method, None), "operation")
    ]
