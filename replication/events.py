"""What happens here and policies follow: a row in the deed's own transaction, then an execution of each such policy.

A deed pays for a row where a policy may follow it, and for nothing else: the broker isn't told. The sweeper looks for
rows every third second, and carries out together what has happened since.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import connection, transaction

from artifacts import changes, kinds
from artifacts.changes import Change
from audit import Context
from oci.referrers import BELONGING
from rbac.actors import SYSTEM
from replication import absence, executions, here, policies
from replication.errors import AlreadyRunning, PolicyDisabled, PolicyUnknown
from replication.filters import Filters
from replication.finding import Candidate, selected
from replication.models import Event, Execution, Policy, Trigger

BATCH = 100  # events of an execution
_ROUNDS = 20  # batches in one pass
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
    """Begin the executions that follow what has happened; how many those are."""
    begun = 0
    for _ in range(_ROUNDS):
        fresh, started = _follow_fresh()
        begun += started
        if fresh < BATCH:
            break
    return begun + sum(map(_follow_waiting, _free()))


@transaction.atomic
def _follow_fresh() -> tuple[int, int]:
    """Of some events that nobody has looked at: how many, and how many executions they lead to."""
    rows = list(Event.objects.select_for_update(skip_locked=True).filter(waiting=None).order_by("pk")[:BATCH])
    if not rows:
        return 0, 0
    started = 0
    waiting: dict[int, list[int]] = {}
    for policy in _following():
        mine = [row for row in rows if _concerns(policy, row)]
        if mine and _start(policy, mine):
            started += 1
        elif mine:
            for row in mine:
                waiting.setdefault(row.pk, []).append(policy.pk)
    for row in rows:
        if row.pk in waiting:
            Event.objects.filter(pk=row.pk).update(waiting=waiting[row.pk])
    Event.objects.filter(pk__in=[row.pk for row in rows if row.pk not in waiting]).delete()
    return len(rows), started


def _following() -> list[Policy]:
    return list(Policy.objects.filter(enabled=True, trigger=Trigger.EVENT_BASED, source=None).order_by("pk"))


def _free() -> list[int]:
    """Policies for which events wait and of which nothing goes on; some may have been deleted since."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT unnest(waiting) FROM replication_event WHERE waiting IS NOT NULL")
        wanted = [policy for (policy,) in cursor.fetchall()]
    if not wanted:
        return []
    running = Execution.objects.filter(policy__in=wanted, ended_at=None).values_list("policy", flat=True)
    held_up = absence.held_up(Policy.objects.filter(pk__in=wanted)).values_list("pk", flat=True)
    return sorted(set(wanted).difference(running, held_up))


@transaction.atomic
def _follow_waiting(policy_id: int) -> int:
    """Begin what a policy couldn't while its last execution went on, and drop what it doesn't follow any more."""
    waiting = Event.objects.select_for_update(skip_locked=True).filter(waiting__contains=[policy_id])
    rows = list(waiting.order_by("pk")[:BATCH])
    policy = Policy.objects.filter(pk=policy_id, enabled=True, trigger=Trigger.EVENT_BASED).first()
    if not rows or (policy is not None and not _start(policy, rows)):
        return 0
    for row in rows:
        row.waiting = [each for each in row.waiting or () if each != policy_id]
        row.save(update_fields=["waiting"]) if row.waiting else row.delete()
    return int(policy is not None)


def _concerns(policy: Policy, row: Event) -> bool:
    return (row.kind != changes.DELETE or policy.deletion) and policies.filters_of(policy).takes_repository(
        row.repository
    )


def _start(policy: Policy, rows: Sequence[Event]) -> bool:
    """Whether the rows are settled for the policy: it follows them now, or never will."""
    if absence.held_up(Policy.objects.filter(pk=policy.pk)).exists():
        return False
    try:
        with transaction.atomic():
            executions.start(
                policy,
                trigger=Trigger.EVENT_BASED,
                actor=SYSTEM,
                context=Context(),
                event=[_written(row) for row in rows],
            )
    except AlreadyRunning:
        return False
    except (PolicyDisabled, PolicyUnknown):
        return True
    return True


def _written(row: Event) -> dict[str, Any]:
    return {
        "kind": row.kind, "repository": row.repository, "digest": row.digest, "tags": row.tags, "labels": row.labels,
        "types": row.resource_type,
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


def _is_selected(item: Mapping[str, Any], filters: Filters) -> bool:
    """By its labels and its type. A tag's deletion tells neither: the artifact is still here."""
    if not item["digest"]:
        return True
    media_type, _, artifact_type = item["types"].partition(" ")
    kind = kinds.kind_of(media_type, artifact_type)
    return filters.takes_labels(item["labels"]) and filters.takes_kind(kind)
