"""Whether what the platform is made of answers just now."""

from __future__ import annotations

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from artifacts.upstream import registry
from oci.errors import RegistryError


def states() -> dict[str, bool]:
    """By component, whether it answers. Why one does not, is nobody's to know who may ask here."""
    return {name: _answers(check) for name, check in CHECKS.items()}


def _answers(check: Callable[[], None]) -> bool:
    try:
        check()
    except (RegistryError, DatabaseError, redis.RedisError, OSError):
        return False
    return True


def _database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connection.close()
        raise


def _redis() -> None:
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=settings.REDIS_TIMEOUT, socket_connect_timeout=settings.REDIS_TIMEOUT
    ) as client:
        client.ping()


CHECKS: dict[str, Callable[[], None]] = {
    "core": lambda: None,
    "database": _database,
    "redis": _redis,
    "registry": lambda: registry().ping(),
}
