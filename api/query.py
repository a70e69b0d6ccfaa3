"""Harbor's `q` and `sort`: parsed into values, and applied to a queryset by a table of fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

from api.document import Query, listed
from api.errors import BadRequest

_LONGEST = 4096  # characters of `q`; more than anybody types
_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_BIGGEST = 2**63 - 1
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])", re.ASCII)
_ITEM = re.compile(r'"([^"]*)"|\'([^\']*)\'|(\S+)')

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Exact:
    """`k=v`"""

    value: str


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """`k=~v`"""

    value: str


@dataclass(frozen=True, slots=True)
class Range:
    """`k=[min~max]`, both inclusive, either of them absent."""

    low: str
    high: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`k={a b}`"""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """`k=(a b)`"""

    values: tuple[str, ...]


Term = Exact | Fuzzy | Range | AnyOf | AllOf


def parse(text: str) -> dict[str, Term]:
    """The terms of a `q`, by key; BadRequest for what is none."""
    if len(text) > _LONGEST:
        raise BadRequest(f"q is longer than {_LONGEST} characters")
    terms: dict[str, Term] = {}
    for part in text.split(","):
        if not part.strip():
            continue
        key, separator, value = part.partition("=")
        key = key.strip()
        if not separator or not key:
            raise BadRequest(f"q holds {part.strip()[:60]!r}, which isn't key=value")
        if key in terms:
            raise BadRequest(f"q names {key[:60]!r} twice")
        terms[key] = _term(value.strip())
    return terms


def _term(value: str) -> Term:
    if value.startswith("\\"):
        return Exact(value[1:])
    if value.startswith("~"):
        return Fuzzy(value[1:])
    if value.startswith("["):
        low, separator, high = _inside(value, "]").partition("~")
        if not separator:
            raise BadRequest("a range is written as [min~max]")
        return Range(_unquoted(low), _unquoted(high))
    if value.startswith("{"):
        return AnyOf(_items(_inside(value, "}")))
    if value.startswith("("):
        return AllOf(_items(_inside(value, ")")))
    return Exact(_unquoted(value))


def _inside(value: str, closing: str) -> str:
    if not value.endswith(closing):
        raise BadRequest(f"{value[0]} in q isn't closed by {closing}")
    return value[1:-1]


def _unquoted(text: str) -> str:
    text = text.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


def _items(text: str) -> tuple[str, ...]:
    return tuple(a or b or c for a, b, c in _ITEM.findall(text))


def parse_sort(text: str) -> list[tuple[str, bool]]:
    """`a,-b` as (key, descending)."""
    keys = [part.strip() for part in text[:_LONGEST].split(",") if part.strip()]
    return [(key.removeprefix("-"), key.startswith("-")) for key in keys]


# What values of a field are made of.


def a_text(text: str) -> str:
    return text


def a_number(text: str) -> int:
    if not _INTEGER.fullmatch(text) or abs(int(text)) > _BIGGEST:
        raise BadRequest(f"{text[:40]!r} is no number")
    return int(text)


def a_flag(text: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise BadRequest(f"{text[:40]!r} is neither true nor false")
    return words[text.lower()]


def a_time(text: str) -> datetime:
    """`2006-01-02T15:04:05`, or with a space; UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRequest(f"{text[:40]!r} is no time: 2006-01-02T15:04:05 is one") from error


@dataclass(frozen=True, slots=True)
class Field:
    """A key of `q` and `sort`: the model's field behind it, and what its values are."""

    path: str
    read: Callable[[str], Any] = a_text

    def condition(self, term: Term) -> Q:
        match term:
            case Exact(value):
                return Q(**{self.path: self.read(value)})
            case Fuzzy(value) if self.read is a_text:
                return Q(**{f"{self.path}__icontains": value})
            case Range(low, high):
                bounds = {f"{self.path}__gte": low, f"{self.path}__lte": high}
                return Q(**{lookup: self.read(value) for lookup, value in bounds.items() if value})
            case AnyOf(values):
                return Q(**{f"{self.path}__in": [self.read(value) for value in values]})
            case AllOf(values):
                return Q(*[Q(**{self.path: self.read(value)}) for value in values])
        raise BadRequest("only text can be looked for with ~")


@dataclass(frozen=True, slots=True)
class Listing:
    """A list's filters and orders. `special` keys have conditions of their own; `order` is the usual one.

    With `sorts` the list is ordered by one of those keys and nothing else: each has the columns of an index, for a
    table that nobody can sort.
    """

    fields: Mapping[str, Field]
    order: Sequence[str]
    special: Mapping[str, Callable[[Term], Q]] | None = None
    sorts: Mapping[str, Sequence[str]] | None = None

    @property
    def parameters(self) -> tuple[Query, ...]:
        """What a client may ask of the list."""
        return listed({*self.fields, *(self.special or ())}, self.sorts or self.fields, many=not self.sorts)

    def narrow(self, rows: QuerySet[Row], q: str) -> QuerySet[Row]:
        """The rows that match `q`; BadRequest for an unknown key."""
        for key, term in ((self._spelled(key), term) for key, term in parse(q).items()):
            if self.special and key in self.special:
                rows = rows.filter(self.special[key](term))
            else:
                rows = rows.filter(self._field(key).condition(term))
        return rows

    def sort(self, rows: QuerySet[Row], sort: str) -> QuerySet[Row]:
        """The rows in the order asked for, or the default one; always total, so that pages don't overlap."""
        asked = [(self._spelled(key), descending) for key, descending in parse_sort(sort)]
        keys = [f"{'-' if descending else ''}{self._field(key).path}" for key, descending in asked]
        order = (self._indexed(asked) if self.sorts else keys) or list(self.order)
        return rows.order_by(*order, "-pk" if order[-1].startswith("-") else "pk")

    def _indexed(self, asked: Sequence[tuple[str, bool]]) -> list[str]:
        sorts = self.sorts or {}
        if len(asked) > 1 or any(key not in sorts for key, _ in asked):
            raise BadRequest(f"this list is sorted by one of {', '.join(sorted(sorts))}")
        return [f"{'-' if descending else ''}{column}" for key, descending in asked for column in sorts[key]]

    def _spelled(self, key: str) -> str:
        """The key as we write it: Harbor's clients write `ProjectID` for `project_id`, too."""
        known = key in self.fields or (self.special is not None and key in self.special)
        return key if known else _HUMP.sub("_", key).lower()

    def _field(self, key: str) -> Field:
        if key not in self.fields:
            raise BadRequest(f"there is no field {key[:60]!r} here; there are {', '.join(sorted(self.fields))}")
        return self.fields[key]
