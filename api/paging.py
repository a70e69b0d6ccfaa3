"""Pages of a list: `page`, `page_size`, X-Total-Count and Link, as in Harbor."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import BadRequest, Unprocessable

_DEFAULT, _LARGEST = 10, 100
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page:
    """Which page of what size."""

    number: int
    size: int

    @classmethod
    def of(cls, request: Request) -> Page:
        number, size = _read(request, "page", 1), _read(request, "page_size", _DEFAULT)
        if number < 1:
            raise Unprocessable("page in query should be greater than or equal to 1")
        if not 1 <= size <= _LARGEST:
            raise Unprocessable(f"page_size in query should be from 1 to {_LARGEST}")
        return cls(number, size)

    @property
    def start(self) -> int:
        return (self.number - 1) * self.size


def _read(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if not text:
        return default
    if not _NUMBER.fullmatch(text):
        raise Unprocessable(f"{name} in query must be a number, not {text[:40]!r}")
    return int(text)


def paged(
    request: Request, rows: QuerySet[Row], shape: Callable[[Sequence[Row]], list[Any]], *, at_most: int | None = None
) -> Response:
    """One page of `rows`, and how many there are: two queries, and those of `shape`.

    With `at_most` neither the count nor the pages go further than that many rows: for what grows without bound.
    """
    page = Page.of(request)
    if at_most is not None and page.start >= at_most:
        raise BadRequest(f"pages reach back {at_most} entries: narrow the list with q")
    total = (rows if at_most is None else rows.order_by()[:at_most]).count()
    found = list(rows[page.start : page.start + page.size]) if page.start < total else []
    response = Response(shape(found))
    response["X-Total-Count"] = str(total)
    if links := _links(request, page, total):
        response["Link"] = links
    return response


def _links(request: Request, page: Page, total: int) -> str:
    """RFC 8288. The path is the client's own, so that a name keeps the encoding it came in."""
    links = []
    if page.number > 1:
        links.append(_link(request, page, page.number - 1, "prev"))
    if page.start + page.size < total:
        links.append(_link(request, page, page.number + 1, "next"))
    return " , ".join(links)


def _link(request: Request, page: Page, number: int, relation: str) -> str:
    others = [
        (name, value)
        for name, values in request.query_params.lists()
        if name not in {"page", "page_size"}
        for value in values
    ]
    query = urlencode([*others, ("page", number), ("page_size", page.size)])
    return f'<{request._request.get_full_path_info().partition("?")[0]}?{query}>; rel="{relation}"'
