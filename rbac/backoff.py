"""Failed logins make the next one wait, per address and user name, so that a stranger can't lock anybody out."""

import ipaddress
import math
from datetime import UTC, datetime, timedelta

from django.db import connection

from rbac.models import LoginFailure
from rbac.names import is_plausible

FREE_TRIES = 5
LONGEST = timedelta(minutes=5)
FORGOTTEN_AFTER = timedelta(hours=1)

_TABLE = LoginFailure._meta.db_table
_FAIL = f"""
INSERT INTO {_TABLE} AS f (address, username, failures, last_at) VALUES (%s, %s, 1, now())
ON CONFLICT (address, username) DO UPDATE
SET failures = CASE WHEN f.last_at < now() - make_interval(secs => %s) THEN 1 ELSE least(f.failures, 1000) + 1 END,
    last_at = now()
"""  # noqa: S608


class BackOff(Exception):
    """Too many failures: the client shall wait `retry_after` seconds. The credential wasn't looked at."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many failed logins; try again in {retry_after} s")
        self.retry_after = retry_after


def check(address: str, username: str) -> None:
    """Raise BackOff while `username` from `address` has to wait."""
    row = LoginFailure.objects.filter(address=origin(address), username=_name(username)).first()
    if row is None:
        return
    remaining = (row.last_at + _delay(row.failures) - datetime.now(UTC)).total_seconds()
    if remaining > 0:
        raise BackOff(math.ceil(remaining))


def fail(address: str, username: str) -> None:
    """Count one failed login, and remove the rows that nobody waits for any more, so that the table stays small."""
    with connection.cursor() as cursor:
        cursor.execute(_FAIL, (origin(address), _name(username), FORGOTTEN_AFTER.total_seconds()))
    LoginFailure.objects.filter(last_at__lt=datetime.now(UTC) - FORGOTTEN_AFTER).delete()


def succeed(address: str, username: str) -> None:
    """Forget the failures: the user knows the password after all."""
    LoginFailure.objects.filter(address=origin(address), username=_name(username)).delete()


def _delay(failures: int) -> timedelta:
    """None for the first tries, then 1 s, doubled by each failure up to LONGEST."""
    if failures < FREE_TRIES:
        return timedelta()
    return min(timedelta(seconds=2 ** min(failures - FREE_TRIES, 16)), LONGEST)


def origin(address: str) -> str:
    """Who is counted together: an IPv4 address, or the /64 network that one IPv6 host can choose addresses from."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.ip_network((parsed, 64), strict=False))
        return str(parsed.ipv4_mapped)
    return str(parsed)


def _name(username: str) -> str:
    """The name to count under. What can't be a name (it may be what no column holds) shares one row per address."""
    return username if is_plausible(username) else ""
