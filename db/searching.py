"""Rows looked for by a part of their name, at a cost that is bounded however many there are."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import F, Func, Model, Q, QuerySet, Value

FEW = 5000  # rows of a table that are looked through for anything
# Rows that are found at once: so few that PostgreSQL reads them and puts them in order, and doesn't walk through all
# that there is in that order until it meets some of them.
MOST = 200
_LETTERS = 3  # that an index of parts (trigrams) is made of

Row = TypeVar("Row", bound=Model)

_SOME = "WITH found AS MATERIALIZED ({}) SELECT * FROM found LIMIT %s"


class AnyOf(Func):
    """`column = ANY(array)`: one and the same statement for any number of ids, which `IN` isn't."""

    template = "%(expressions)s::bigint[])"
    arg_joiner = " = ANY("
    output_field = models.BooleanField()

    def __init__(self, column: str, ids: list[int]) -> None:
        super().__init__(F(column), Value(ids, ArrayField(models.BigIntegerField())))


def named(rows: QuerySet[Row], column: str, part: str, *, within: str = "") -> tuple[QuerySet[Row], bool]:
    """Those of `rows` with `part` anywhere in `column`, and whether there are more than are found (then MOST of them
    are). Names are lower-case, in the order of their bytes.

    Fewer than three letters are no use to the index. In a large table they find what begins with them, after `within`.
    """
    if len(part) < _LETTERS and rows.model._default_manager.all()[: FEW + 1].count() > FEW:
        return rows.filter(**{f"{column}__startswith": within + part.lower()}), False
    ids = _some(rows.filter(**{f"{column}__icontains": part}))
    return rows.model._default_manager.filter(Q(AnyOf("pk", ids[:MOST]))), len(ids) > MOST


def _some(rows: QuerySet[Any]) -> list[int]:
    """Ids of the rows, up to MOST and one more, in no order.

    What stands in the WITH is planned for all of it, hence by the index, and read only as far as is asked for. Planned
    for a few rows, PostgreSQL looks through the table in the hope to come upon them soon.
    """
    try:
        sql, values = rows.order_by().values_list("pk").query.sql_with_params()
    except EmptyResultSet:  # conditions that nothing can meet
        return []
    with connection.cursor() as cursor:
        cursor.execute(_SOME.format(sql), [*values, MOST + 1])
        return [pk for (pk,) in cursor.fetchall()]
