"""Pages by key: where one page ended, written into the link to the next, so that no page costs what lies before it."""

from __future__ import annotations

import base64
import binascii
import json
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import BooleanField, F, Field, Func, Lookup, Model, Q, QuerySet, Value
from django.db.models.lookups import GreaterThan, LessThan

_LONGEST = 2048  # characters of a key; more than any name makes

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Column:
    """One column that a list is ordered by."""

    field: Field[Any, Any]
    descending: bool

    @property
    def name(self) -> str:
        return self.field.attname

    def beyond(self, value: object) -> Q:
        return Q(**{f"{self.name}__{'lt' if self.descending else 'gt'}": value})

    def not_before(self, value: object) -> Q:
        return Q(**{f"{self.name}__{'lte' if self.descending else 'gte'}": value})


Order = list[Column] | None


class InvalidKey(ValueError):
    """No key of a list, or one of another list. The words are for the one who asked."""


def order_of(rows: QuerySet[Any]) -> Order:
    """The columns that order `rows`, annotated ones too, up to the first that no two rows share. None where one of them
    is another table's or can be null: such a list is paged by number alone."""
    found = []
    for text in rows.query.order_by:
        column = _column(rows, str(text)) if isinstance(text, str) else None
        if column is None:
            return None
        found.append(column)
        if column.field.primary_key:
            break
    return found


def _column(rows: QuerySet[Any], text: str) -> Column | None:
    name, meta = text.removeprefix("-"), rows.model._meta
    if annotated := rows.query.annotations.get(name):
        return Column(_named(annotated.output_field, name), descending=text.startswith("-"))
    try:
        field = meta.pk if name == "pk" else meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if not isinstance(field, Field) or field.null:
        return None
    return Column(field, descending=text.startswith("-"))


def _named(field: Field[Any, Any], name: str) -> Field[Any, Any]:
    """A field like this one, which rows have under that name."""
    made = copy(field)
    made.name = made.attname = name
    return made


def written(order: Order, row: Model) -> str:
    """The key of `row` in a list of this order; "" where the list has none."""
    if order is None:
        return ""
    pairs = [[column.name, column.field.value_to_string(row)] for column in order]
    return base64.urlsafe_b64encode(json.dumps(pairs).encode()).decode().rstrip("=")


def behind(rows: QuerySet[Row], order: Order, key: str) -> QuerySet[Row]:
    """Those of `rows` that come behind the one whose key this is; InvalidKey for a key that isn't of this list."""
    values = _read(order or [], key)
    if len({column.descending for column in order or []}) == 1:
        return rows.filter(_compared(order or [], values))
    condition, equal = Q(), Q()
    for column, value in zip(order or [], values, strict=True):
        condition |= equal & column.beyond(value)
        equal &= Q(**{column.name: value})
    # Implied by the rest, and what lets PostgreSQL begin at the right place of an index.
    return rows.filter((order or [])[0].not_before(values[0]), condition)


def _compared(order: list[Column], values: list[object]) -> Lookup[Any]:
    """All columns at once, as rows: PostgreSQL then begins at the very entry of an index, however many share the first
    column's value."""
    own = Func(*[F(column.name) for column in order], function="ROW", output_field=BooleanField())
    given = [Value(value, output_field=column.field) for column, value in zip(order, values, strict=True)]
    compare = LessThan if order[0].descending else GreaterThan
    return compare(own, Func(*given, function="ROW", output_field=BooleanField()))


def _read(order: list[Column], key: str) -> list[object]:
    try:
        return _values(order, key)
    except InvalidKey:
        raise
    except (ValueError, TypeError, RecursionError, OverflowError, binascii.Error, ValidationError) as error:
        raise InvalidKey("`after` is no key of a list: follow the link to the next page as it is") from error


def _values(order: list[Column], key: str) -> list[object]:
    padded = key + "=" * (-len(key) % 4)
    pairs = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
    names, texts = [name for name, _ in pairs], [text for _, text in pairs]
    if len(key) > _LONGEST or not order or names != [column.name for column in order]:
        raise InvalidKey("`after` is of another list, or another order of it")
    return [_value(column.field, text) for column, text in zip(order, texts, strict=True)]


def _value(field: Field[Any, Any], text: object) -> object:
    if not isinstance(text, str) or "\x00" in text:
        raise ValueError(text)
    value = field.to_python(text)
    if value is None:
        raise ValueError(text)
    field.run_validators(value)
    return value


def turned(rows: QuerySet[Row]) -> QuerySet[Row]:
    """`rows` from their end: what lies before a key is what comes behind it there."""
    texts = [str(text) for text in rows.query.order_by]
    return rows.order_by(*[text[1:] if text.startswith("-") else f"-{text}" for text in texts])
