"""Which words the trail holds: its actors, and its kinds of deeds. Read off indexes from word to word, so that it costs
as much as there are words and months, not as there are records."""

from __future__ import annotations

from django.db import connection

_ACTORS = """
WITH RECURSIVE walk(name) AS (
    (SELECT actor FROM audit_record ORDER BY actor LIMIT 1)
    UNION ALL
    SELECT (SELECT r.actor FROM audit_record r WHERE r.actor > w.name ORDER BY r.actor LIMIT 1)
    FROM walk w WHERE w.name IS NOT NULL
)
SELECT name FROM walk WHERE name IS NOT NULL LIMIT %s
"""
_KINDS = """
WITH RECURSIVE walk(operation, resource_type) AS (
    (SELECT operation, resource_type FROM audit_record ORDER BY operation, resource_type LIMIT 1)
    UNION ALL
    SELECT n.operation, n.resource_type FROM walk w, LATERAL (
        SELECT r.operation, r.resource_type FROM audit_record r
        WHERE (r.operation, r.resource_type) > (w.operation, w.resource_type)
        ORDER BY r.operation, r.resource_type LIMIT 1
    ) n
)
SELECT operation, resource_type FROM walk
"""


def actors(limit: int) -> list[str]:
    """The names of those who did something, in order; at most `limit`."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTORS, [limit])
        return [name for (name,) in cursor.fetchall()]


def kinds() -> list[tuple[str, str]]:
    """Each operation with each type of resource that it was done to."""
    with connection.cursor() as cursor:
        cursor.execute(_KINDS)
        return [(operation, resource_type) for operation, resource_type in cursor.fetchall()]
