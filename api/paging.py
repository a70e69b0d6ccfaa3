"""Pages of a list: `page`, `page_size`, X-Total-Count and Link, as in Harbor."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from api import totals
from api.errors import BadRequest, Unprocessable
from db import keyset
from db.prepared import planned_anew

_DEFAULT, _LARGEST = 10, 100
_NARROWING = {"q", "name", "entityname", "username"}  # what finds few rows or many, as the value is
_NEAR = 1000  # rows that are skipped by reading them
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
        if size > _LARGEST:
            raise Unprocessable(f"page_size in query should be from 0 to {_LARGEST}")
        # Go's clients say 0 for what nobody gave them; in Harbor a size of 0 is no limit.
        return cls(number or 1, size or _LARGEST)

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
    request: Request,
    rows: QuerySet[Row],
    shape: Callable[[Sequence[Row]], list[Any]],
    *,
    at_most: int | None = None,
    total: int | None = None,
) -> Response:
    """One page of `rows`, and how many there are: two queries at most, and those of `shape`.

    The link to the next page says by what key that begins (`after`), so that whoever follows it never pays for what
    lies before. With `at_most` pages by number reach no further than that many rows, nor does the total: for what grows
    without bound. `total` is how many rows there are, where that is known.
    """
    with planned_anew() if request.query_params.keys() & _NARROWING else nullcontext():
        return _paged(request, rows, shape, at_most, total)


def _paged(
    request: Request,
    rows: QuerySet[Row],
    shape: Callable[[Sequence[Row]], list[Any]],
    at_most: int | None,
    total: int | None,
) -> Response:
    page = Page.of(request)
    order = keyset.order_of(rows)
    if after := request.query_params.get("after"):
        found = list(keyset.behind(rows, order, after)[: page.size + 1])
    elif at_most is not None and page.start >= at_most:
        raise BadRequest(f"pages by number reach back {at_most} entries: follow the links, or narrow the list with q")
    else:
        found = _by_number(rows, page) if at_most is None else list(rows[page.start : page.start + page.size + 1])
    more, found = len(found) > page.size, found[: page.size]
    ends_here = not more and not after and (found or not page.start)
    if ends_here:
        total = page.start + len(found)
    elif total is None:
        total = totals.count(rows, at_most=at_most)
    response = Response(shape(found))
    response["X-Total-Count"] = str(total)
    if links := _links(request, page, keyset.written(order, found[-1]) if more else None):
        response["Link"] = links
    return response


def _by_number(rows: QuerySet[Row], page: Page) -> list[Row]:
    """The rows of a page, and one more. Far in a list their ids are looked for first: an index has them, so that none
    of the rows before is read."""
    rows_of_page = slice(page.start, page.start + page.size + 1)
    if page.start <= _NEAR:
        return list(rows[rows_of_page])
    return list(rows.filter(pk__in=list(rows.values_list("pk", flat=True)[rows_of_page])))


def _links(request: Request, page: Page, after: str | None) -> str:
    """RFC 8288. The path is the client's own, so that a name keeps the encoding it came in. `after` is the key of the
    last entry, "" where the order has none, None where nothing follows."""
    links = []
    if page.number > 1:
        links.append(_link(request, page, page.number - 1, "prev"))
    if after is not None:
        links.append(_link(request, page, page.number + 1, "next", after))
    return " , ".join(links)


def _link(request: Request, page: Page, number: int, relation: str, after: str = "") -> str:
    others = [
        (name, value)
        for name, values in request.query_params.lists()
        if name not in {"page", "page_size", "after"}
        for value in values
    ]
    key = [("after", after)] if after else []
    query = urlencode([*others, ("page", number), ("page_size", page.size), *key])
    return f'<{request._request.get_full_path_info().partition("?")[0]}?{query}>; rel="{relation}"'
