"""What happens here and policies follow: a row in the deed's own transaction, then an execution of each such policy.

A deed pays for a row where a policy may follow it, and for nothing else: the broker isn't told. The sweeper looks for
rows every third second, and carries out together what has happened since. What a policy can't follow yet, as a site is
away or its last execution goes on, waits as that policy's own, and is in nobody else's way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from artifacts import changes, kinds
from artifacts.changes import Change
from audit import Context
from oci.referrers import BELONGING
from rbac.actors import SYSTEM
from replication import absence, executions, here, policies
from replication.errors import AlreadyRunning, PolicyDisabled, PolicyUnknown
from replication.filters import Filters
from replication.finding import Candidate, selected
from replication.models import Event, Execution, Policy, Postponed, Trigger

BATCH = 100  # events of an execution
_EACH = 5  # executions of one policy that a pass begins, of what is new and of what has waited each
_OPEN = 20  # executions of one policy that go on, up to which what has waited is begun
_LOOK, _ROUNDS = 500, 20  # new events looked at together, and how often in one pass
_DROPPED = 10_000  # events in one pass
_MOST = 1000  # artifacts that the events of one repository lead to

FOLLOWED = "EXISTS (SELECT FROM replication_policy WHERE enabled AND trigger = 'event_based')"

_NOTE = f"""
INSERT INTO replication_event (kind, repository, digest, tags, labels, resource_type, at)
SELECT %s, %s, %s, %s::text[], '{{}}', '', now() WHERE {FOLLOWED}
"""
# What is deleted, as it was: an artifact or all that a repository lists.
_NOTE_GONE = f"""
INSERT INTO replication_event (kind, repository, digest, tags, labels, resource_type, at)
SELECT %s, %s, m.digest,
    ARRAY(SELECT t.name FROM artifacts_tag t WHERE t.manifest_id = m.id),
    ARRAY(SELECT l.name FROM artifacts_artifactlabel a JOIN projects_label l ON l.id = a.label_id
          WHERE a.manifest_id = m.id),
    m.media_type || ' ' || m.artifact_type, now()
FROM artifacts_manifest m JOIN artifacts_repository r ON r.id = m.repository_id
WHERE r.name = %s AND (m.listed AND %s = '' OR m.digest = %s) AND {FOLLOWED}
"""  # noqa: S608


def note(change: Change) -> None:
    """Keep in mind what happens, in the transaction of the deed; a deletion before its rows are gone."""
    with connection.cursor() as cursor:
        if change.kind == changes.DELETE and not change.tags:
            names = [change.kind, change.repository, change.repository, change.digest, change.digest]
            cursor.execute(_NOTE_GONE, names)
        else:
            cursor.execute(_NOTE, [change.kind, change.repository, change.digest, list(change.tags)])


def follow() -> int:
    """Begin the executions that follow what has happened; how many those are. What a pass costs doesn't grow with what
    waits."""
    begun: Counter[int] = Counter()
    for _ in range(_ROUNDS):
        if _follow_fresh(begun) < _LOOK:
            break
    _follow_postponed(begun)
    return begun.total()


@transaction.atomic
def _follow_fresh(begun: Counter[int]) -> int:
    """Look at events that nobody has looked at, and how many those are. They are gone then: a policy that doesn't
    follow them at once has them as its own."""
    rows = list(Event.objects.select_for_update(skip_locked=True).order_by("pk")[:_LOOK])
    following = _following() if rows else []
    away = _held_up(following) if following else frozenset()
    later: list[Postponed] = []
    for policy in following:
        mine = _of_concern(policy, rows)
        most = 0 if policy.pk in away else _EACH - begun[policy.pk]
        settled = _begin(policy, mine, most, begun)
        later += [Postponed(policy=policy, event=item) for item in mine[settled:]]
    Postponed.objects.bulk_create(later, batch_size=_LOOK)
    Event.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def _following() -> list[Policy]:
    return list(Policy.objects.filter(enabled=True, trigger=Trigger.EVENT_BASED, source=None).order_by("pk"))


def _held_up(policies: Sequence[Policy]) -> frozenset[int]:
    some = Policy.objects.filter(pk__in=[policy.pk for policy in policies])
    return frozenset(absence.held_up(some).values_list("pk", flat=True))


def _of_concern(policy: Policy, rows: Sequence[Event]) -> list[dict[str, Any]]:
    """Those events that the policy follows, as an execution has them."""
    filters = policies.filters_of(policy)
    return [
        _written(row)
        for row in rows
        if (row.kind != changes.DELETE or policy.deletion) and filters.takes_repository(row.repository)
    ]


def _follow_postponed(begun: Counter[int]) -> None:
    """Begin what policies couldn't when it happened, and drop what they don't follow any more."""
    waiting = _with_postponed()
    if not waiting:
        return
    following = [policy for policy in _following() if policy.pk in waiting]
    for policy_id in waiting.difference(policy.pk for policy in following):
        _drop(policy_id)
    away = _held_up(following)
    going = _going(following)
    for policy in following:
        room = (1 if policy.single_active else _OPEN) - going[policy.pk]
        if policy.pk not in away and room > 0:
            _follow_next(policy, min(room, _EACH), begun)


# From one policy to the next by the index: how many events each has is never looked at.
_WITH_POSTPONED = """
WITH RECURSIVE waiting AS (
    SELECT min(policy_id) AS policy FROM replication_postponed
    UNION ALL
    SELECT (SELECT min(p.policy_id) FROM replication_postponed p WHERE p.policy_id > waiting.policy)
    FROM waiting WHERE waiting.policy IS NOT NULL
)
SELECT policy FROM waiting WHERE policy IS NOT NULL
"""


def _with_postponed() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(_WITH_POSTPONED)
        return {policy for (policy,) in cursor.fetchall()}


def _going(following: Sequence[Policy]) -> Counter[int]:
    """How many executions of each go on."""
    running = Execution.objects.filter(policy__in=following, ended_at=None)
    return Counter(running.values_list("policy", flat=True))


def _postponed(policy_id: int) -> QuerySet[Postponed]:
    """In their order. A range, and no equality: by that PostgreSQL may walk through the events of all policies."""
    return Postponed.objects.filter(policy__gte=policy_id, policy__lte=policy_id).order_by("policy_id", "pk")


@transaction.atomic
def _follow_next(policy: Policy, most: int, begun: Counter[int]) -> None:
    """Begin up to so many executions of what a policy has waiting."""
    rows = list(_postponed(policy.pk)[: most * BATCH])
    settled = _begin(policy, [row.event for row in rows], most, begun)
    Postponed.objects.filter(pk__in=[row.pk for row in rows[:settled]]).delete()


def _drop(policy_id: int) -> None:
    """Some of what a policy that follows no events any more has waiting."""
    some = list(_postponed(policy_id).values_list("pk", flat=True)[:_DROPPED])
    Postponed.objects.filter(pk__in=some).delete()


def _begin(policy: Policy, items: list[dict[str, Any]], most: int, begun: Counter[int]) -> int:
    """Begin up to so many executions; how many of the events are settled by that, from the first on."""
    settled = 0
    for start in range(0, len(items), BATCH)[: max(most, 0)]:
        if not _start(policy, items[start : start + BATCH], begun):
            break
        settled = start + BATCH
    return settled


def _start(policy: Policy, items: list[dict[str, Any]], begun: Counter[int]) -> bool:
    """Whether the events are settled for the policy: it follows them now, or never will."""
    try:
        with transaction.atomic():
            executions.start(policy, trigger=Trigger.EVENT_BASED, actor=SYSTEM, context=Context(), event=items)
    except AlreadyRunning:
        return False
    except (PolicyDisabled, PolicyUnknown):
        return True
    begun[policy.pk] += 1
    return True


def _written(row: Event) -> dict[str, Any]:
    return {
        "kind": row.kind, "repository": row.repository, "digest": row.digest, "tags": row.tags, "labels": row.labels,
        "types": row.resource_type, "at": row.at.isoformat(),
    }  # fmt: skip


# What the events of an execution are about

_ROOTS = """
WITH RECURSIVE up AS (
    SELECT m.id, m.repository_id, m.digest, m.subject FROM artifacts_manifest m
    JOIN artifacts_repository r ON r.id = m.repository_id
    WHERE r.name = %(repository)s AND (
        m.digest = ANY(%(digests)s::text[])
        OR EXISTS (SELECT FROM artifacts_tag t WHERE t.manifest_id = m.id AND t.name = ANY(%(tags)s::text[]))
    )
    UNION
    SELECT n.id, n.repository_id, n.digest, n.subject FROM up, LATERAL (
        SELECT s.id, s.repository_id, s.digest, s.subject FROM artifacts_manifest s
        WHERE s.repository_id = up.repository_id AND s.digest = up.subject AND up.subject <> ''
        UNION ALL
        SELECT p.id, p.repository_id, p.digest, p.subject FROM artifacts_manifestchild c
        JOIN artifacts_manifest p ON p.id = c.parent_id WHERE c.child_id = up.id
    ) AS n
)
SELECT digest FROM up LIMIT %(most)s
"""


def candidates(event: Sequence[Mapping[str, Any]], repository: str, filters: Filters) -> Iterator[Candidate]:
    """The artifacts that pushes and tags of a repository are about, as they are now: for what refers to an artifact, or
    is a part of one, that artifact. In the order of their digests."""
    items = [item for item in event if item["repository"] == repository and item["kind"] != changes.DELETE]
    digests = {item["digest"] for item in items if item["digest"]}
    tags = {tag for item in items for tag in item["tags"]}
    digests |= {f"{found[1]}:{found[2]}" for tag in tags if (found := BELONGING.fullmatch(tag))}
    if not items:
        return iter(())
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"repository": repository, "digests": list(digests), "tags": list(tags), "most": _MOST}
        cursor.execute(_ROOTS, values)
        roots = sorted(digest for (digest,) in cursor.fetchall())
    return selected(here.listed(repository, roots), filters)


def deleted(event: Sequence[Mapping[str, Any]], repository: str, filters: Filters) -> list[str]:
    """References of what was deleted of a repository and is selected: tags, and digests of artifacts all of whose tags
    are."""
    found: dict[str, None] = {}
    for item in event:
        if item["repository"] != repository or item["kind"] != changes.DELETE:
            continue
        tags = filters.taken_tags(item["tags"])
        if tags is None or not _is_selected(item, filters):
            continue
        whole = item["digest"] and len(tags) == len(item["tags"])
        found |= dict.fromkeys([item["digest"]] if whole else tags)
    return list(found)


def deleted_at(event: Sequence[Mapping[str, Any]], repository: str, reference: str) -> datetime | None:
    """When that tag or artifact was deleted here last."""
    times = [
        datetime.fromisoformat(item["at"])
        for item in event
        if item["repository"] == repository and item["kind"] == changes.DELETE and "at" in item
        if reference in {item["digest"], *item["tags"]}
    ]
    return max(times, default=None)


def _is_selected(item: Mapping[str, Any], filters: Filters) -> bool:
    """By its labels and its type. A tag's deletion tells neither: the artifact is still here."""
    if not item["digest"]:
        return True
    media_type, _, artifact_type = item["types"].partition(" ")
    kind = kinds.kind_of(media_type, artifact_type)
    return filters.takes_labels(item["labels"]) and filters.takes_kind(kind)
