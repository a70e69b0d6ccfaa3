"""Lists as pages show them: ordered by what an index has, and paged by key in both directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

from db import keyset
from db.prepared import planned_anew
from db.searching import named
from portal.visit import Visit

SIZE = 25  # rows of a page

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, and the keys by which the pages before and behind begin; "" where there is none."""

    rows: list[Row]
    previous: str
    next: str


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is ordered: by which key, and which way."""

    key: str
    descending: bool

    @property
    def turned(self) -> str:
        return self.key if self.descending else f"-{self.key}"


def ordered(
    visit: Visit, rows: QuerySet[Row], orders: Mapping[str, Sequence[str]], usual: str
) -> tuple[QuerySet[Row], Order]:
    """The rows as `?sort=` asks; `orders` has the columns of each key, as an index has them."""
    asked = visit.asked("sort") or usual
    if asked.removeprefix("-") not in orders:
        asked = usual
    order = Order(asked.removeprefix("-"), asked.startswith("-"))
    columns = [f"-{column}" if order.descending else column for column in orders[order.key]]
    return rows.order_by(*columns), order


def searched(rows: QuerySet[Row], column: str, part: str, *, within: str = "") -> tuple[QuerySet[Row], bool]:
    """Those of `rows` with `part` in their name, and whether there are too many to be found; all of them where nothing
    is looked for. See `db.searching`."""
    if not part:
        return rows, False
    with planned_anew():
        return named(rows, column, part, within=within)


def page_of(visit: Visit, rows: QuerySet[Row], size: int = SIZE) -> Page[Row]:
    """The page of `rows` that `?after=` or `?before=` asks for; InvalidKey for what is no key of this list.

    Planned for the very values, since a search finds few rows or many.
    """
    before, after = visit.asked("before", 4096), visit.asked("after", 4096)
    order = keyset.order_of(rows)
    with planned_anew():
        if before:
            turned = keyset.turned(rows)
            found = list(keyset.behind(turned, keyset.order_of(turned), before)[: size + 1])
            more, found = len(found) > size, found[:size][::-1]
            first = keyset.written(order, found[0]) if more else ""
            return Page(found, first, keyset.written(order, found[-1]) if found else "")
        found = list((keyset.behind(rows, order, after) if after else rows)[: size + 1])
    more, found = len(found) > size, found[:size]
    return Page(
        found,
        keyset.written(order, found[0]) if after and found else "",
        keyset.written(order, found[-1]) if more else "",
    )
