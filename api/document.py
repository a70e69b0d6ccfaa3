"""What the OpenAPI document says of an operation: `@operation` on the method that carries it out.

An answer's fields are a TypedDict, so that mypy holds the code to what the document promises; a body's are the form
that reads it (`api.bodies`). `api.openapi` puts the document together from both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])

Moment = Annotated[str, "date-time"]  # as `api.times.written` writes it
File = Annotated[str, "binary"]


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the query; with `place` of the head, or of the path where there is more to say than its name."""

    name: str
    kind: type[str | int | bool] = str
    about: str = ""
    required: bool = False
    place: Literal["query", "header", "path"] = "query"
    more: Mapping[str, Any] = field(default_factory=dict)


_Q = "k=v exact, k=~v part of it, k=[min~max], k={a b} any of, k=(a b) all of; separated by commas. The keys: "
PAGE = Query("page", int, "from 1 on; 0 is the first too", more={"minimum": 0, "maximum": 999_999_999, "default": 1})
PAGE_SIZE = Query("page_size", int, "0 is the largest", more={"minimum": 0, "maximum": 100, "default": 10})
AFTER = Query("after", about="where the page begins, as the link to it says; ours alone, and better than a number")
PAGED = (PAGE, PAGE_SIZE, AFTER)


def listed(filters: Iterable[str], sorts: Iterable[str], *, many: bool) -> tuple[Query, ...]:
    """What a list takes that is filtered and sorted: the keys of both, and whether it is sorted by `many` at once."""
    key = f"-?({'|'.join(map(re.escape, sorted(sorts)))})"
    pattern = f"^({key}(,{key})*)?$" if many else f"^({key})?$"
    about = f"{'keys by comma' if many else 'a key'}; a minus before one turns its order"
    sort = Query("sort", about=about, more={"pattern": pattern})
    return (Query("q", about=_Q + ", ".join(sorted(filters))), sort, *PAGED)


REQUEST_ID = Query("X-Request-Id", place="header", more={"minLength": 1})
NAMED = Query("X-Is-Resource-Name", bool, "{project_name_or_id} is a name, whatever it looks like", place="header")
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
    headers: tuple[str, ...]
    also: Mapping[int, Any]


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
    headers: Iterable[str] = (),
    also: Mapping[int, Any] = MappingProxyType({}),
) -> Callable[[Method], Method]:
    """The method is Harbor's operation `name`, of the `group` the contract files it under (else the module's name).

    `body` is the form that reads the request's body, or its type; `answers` is the type of the answer's at `status` (a
    TypedDict, a list of one, …); None is for no body. It comes as `media_type`, or one of several separated by commas.
    What goes without saying of `refuses` and `headers` stands in `api.openapi`. `also` has the types of other answers
    with a body of their own.
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
            tuple(headers),
            also,
        )
        method.operation = found  # type: ignore[attr-defined]
        return method

    return mark
