"""A site that is away: its tasks and plannings wait together, while it alone is looked at, until it is back.

That a site doesn't answer is no failure of what was tried there. It is looked at by a ping at a time, ever later; then
what waits is let go on. One that answers pings and refuses work stays under suspicion: the looks go on where they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from oci.errors import RegistryError, TooManyRequests
from oci.transport import Away
from replication.failures import DESTINATION, SOURCE, Trouble
from replication.journal import plain
from replication.models import Absence, Execution, Policy

FIRST, LONGEST = 2, 60  # seconds until the next look: twice as many each time
LONGEST_ASKED = 3600  # seconds until it, where the site asks for so many
TRUSTED = 300  # seconds after which a site that is back is well
_LOOKING = 60  # seconds after which a look that nobody told of is made anew
_SHOWN = 1000  # characters of what was answered

# Of a policy `p`: that one of its sides is away, or was lately. The table is empty nearly always.
_SIDES = "(a.endpoint_id IS NULL OR a.endpoint_id IN (p.source_id, p.destination_id))"
WAS_AWAY = f"EXISTS (SELECT FROM replication_absence a WHERE {_SIDES})"
IS_AWAY = f"EXISTS (SELECT FROM replication_absence a WHERE a.back_at IS NULL AND {_SIDES})"

# A quarter more or less: sites that went away together needn't be looked at together.
_NEXT = f"""now() + interval '1 second' * greatest(
    least({FIRST} * 2 ^ least(tried.n, 20), {LONGEST}) * (0.75 + random() / 2), %(asked)s)"""
_MEET = f"""
WITH tried AS (
    SELECT coalesce((SELECT tries FROM replication_absence WHERE endpoint_id IS NOT DISTINCT FROM %(endpoint)s), 0) AS n
)
INSERT INTO replication_absence AS a (endpoint_id, since, tries, look_at, text)
SELECT %(endpoint)s, now(), 1, {_NEXT}, %(text)s FROM tried
ON CONFLICT (endpoint_id) DO UPDATE SET
    tries = a.tries + 1, look_at = EXCLUDED.look_at, text = EXCLUDED.text, back_at = NULL
WHERE a.back_at IS NOT NULL
RETURNING tries
"""  # noqa: S608 - of constants
# A look may come by chance; one that comes long before it was asked for says nothing of a site's rate limit.
_DUE_SOON = f"look_at <= now() + interval '{2 * LONGEST} seconds'"
_MISS = f"""
WITH tried AS (SELECT tries AS n, id FROM replication_absence WHERE endpoint_id IS NOT DISTINCT FROM %(endpoint)s)
UPDATE replication_absence a SET tries = a.tries + 1, look_at = {_NEXT}, text = %(text)s
FROM tried WHERE a.id = tried.id AND a.back_at IS NULL AND a.{_DUE_SOON}
"""  # noqa: S608


def is_of_site(error: BaseException | None) -> bool:
    """Whether what a registry answered tells of itself, whatever it was asked."""
    return isinstance(error, Away | TooManyRequests)


def met(policy: Policy, error: Exception) -> bool:
    """Whether a task or a planning of the policy failed because a site is away, and for nothing of its own.

    A site may have gone away over what it was asked for: who finds it away first has failed, too.
    """
    if not isinstance(error, Trouble) or not is_of_site(error.error):
        return False
    endpoint = {SOURCE: policy.source_id, DESTINATION: policy.destination_id}[error.side]
    with connection.cursor() as cursor:
        cursor.execute(_MEET, _values(endpoint, error.error))
        row = cursor.fetchone()
    return row is None or row[0] > 1


def looked(endpoint: int | None, error: RegistryError | None) -> None:
    """A look at a site found it so. Nothing for one that wasn't away."""
    if error is None or not is_of_site(error):
        _let_go_on(endpoint)
        return
    with connection.cursor() as cursor:
        cursor.execute(_MISS, _values(endpoint, error))


def _values(endpoint: int | None, error: RegistryError) -> dict[str, Any]:
    asked = min(error.retry_after or 0.0, LONGEST_ASKED)
    return {"endpoint": endpoint, "asked": asked, "text": plain(error.message)[:_SHOWN]}


_DUE = f"""
UPDATE replication_absence SET look_at = now() + interval '{_LOOKING} seconds'
WHERE back_at IS NULL AND look_at <= now() RETURNING endpoint_id
"""  # noqa: S608


def due() -> list[int | None]:
    """The sites that are to be looked at now, each told of once; None is this installation."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE)
        return [endpoint for (endpoint,) in cursor.fetchall()]


_BACK = f"""
UPDATE replication_absence SET back_at = now()
WHERE endpoint_id IS NOT DISTINCT FROM %(endpoint)s AND back_at IS NULL AND {_DUE_SOON}
"""  # noqa: S608
# What the broker was given meanwhile has been turned away.
_UNSEND = f"""
WITH open AS (
    SELECT e.id FROM replication_execution e JOIN replication_policy p ON p.id = e.policy_id, replication_absence a
    WHERE e.ended_at IS NULL AND a.endpoint_id IS NOT DISTINCT FROM %(endpoint)s AND {_SIDES}
), tasks AS (
    UPDATE replication_task t SET sent_at = NULL FROM open
    WHERE t.execution_id = open.id AND t.state = 'Pending' AND t.sent_at IS NOT NULL
)
UPDATE replication_execution e SET sent_at = NULL FROM open WHERE e.id = open.id AND NOT e.planned AND e.planner = ''
"""  # noqa: S608


@transaction.atomic
def _let_go_on(endpoint: int | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_BACK, {"endpoint": endpoint})
        if cursor.rowcount:
            cursor.execute(_UNSEND, {"endpoint": endpoint})


_FORGET = f"""
WITH gone AS (
    DELETE FROM replication_absence WHERE back_at < now() - make_interval(secs => %(seconds)s)
      AND (%(all)s OR endpoint_id IS NULL OR endpoint_id = ANY(%(endpoints)s::bigint[])) RETURNING endpoint_id
)
UPDATE replication_execution e SET waits_since = NULL FROM replication_policy p, gone a
WHERE e.ended_at IS NULL AND e.waits_since IS NOT NULL AND p.id = e.policy_id AND {_SIDES}
"""  # noqa: S608
_WAIT = f"""
UPDATE replication_execution e SET waits_since = now() FROM replication_policy p
WHERE e.ended_at IS NULL AND e.waits_since IS NULL AND p.id = e.policy_id AND {IS_AWAY}
"""  # noqa: S608


def proved_over(policy: Policy) -> None:
    """Something was carried out between the policy's sites: both work."""
    _forget(seconds=0, all=False, endpoints=[policy.source_id, policy.destination_id])


def note() -> None:
    """Since when each execution waits; and sites that have been back for long are well."""
    _forget(seconds=TRUSTED, all=True, endpoints=[])
    with connection.cursor() as cursor:
        cursor.execute(_WAIT)


def _forget(**values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, values)


def held_up(policies: QuerySet[Policy]) -> QuerySet[Policy]:
    """Those of which a side is away."""
    side = Q(endpoint=None) | Q(endpoint=OuterRef("source")) | Q(endpoint=OuterRef("destination"))
    return policies.filter(Exists(Absence.objects.filter(side, back_at=None)))


# For people


def words(executions: Iterable[Execution]) -> dict[int, str]:
    """What those of the executions wait for that do, by their ids."""
    away = _away()
    going = {each.pk: each.policy_id for each in executions if each.ended_at is None} if away else {}
    policies = Policy.objects.in_bulk(set(going.values())) if going else {}
    told = {pk: _told(away, policies[policy], next_try=True) for pk, policy in going.items()}
    return {pk: text for pk, text in told.items() if text}


def account(policy: Policy) -> str:
    """Which of its sides is away, and what that answered."""
    return _told(_away(), policy)


def _away() -> list[Absence]:
    return list(Absence.objects.filter(back_at=None).select_related("endpoint").order_by("pk"))


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _told(away: Iterable[Absence], policy: Policy, *, next_try: bool = False) -> str:
    for each in away:
        if each.endpoint_id in {None, policy.source_id, policy.destination_id}:
            here = {policy.source_id: SOURCE, policy.destination_id: DESTINATION}
            name = each.endpoint.name if each.endpoint else "this registry"
            again = f"; next try at {_moment(each.look_at)}" if next_try else ""
            return f"{here[each.endpoint_id]} {name} is away since {_moment(each.since)}: {each.text}{again}"
    return ""
