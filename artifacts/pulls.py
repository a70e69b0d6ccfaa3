"""What a pull leaves behind besides its audit record: counters and times, updated when the spool is drained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.db import connection

import audit.spool
from audit.entry import Entry
from oci.reference import project_of


def note(repository: str, digest: str, tag: str, *, actor: str, context: audit.Context) -> None:
    """Spool the record of one pull; `tag` is "" for a pull by digest. Raises `audit.spool.SpoolError`."""
    audit.spool.write(
        {
            "actor": actor,
            "operation": "pull",
            "resource_type": "artifact",
            "resource": f"{repository}:{tag}" if tag else f"{repository}@{digest}",
            "project": project_of(repository),
            "context": context,
            "detail": {"digest": digest, "repository": repository, "tag": tag},
        }
    )


_COUNT = """
UPDATE artifacts_repository r SET pull_count = r.pull_count + v.pulls
FROM unnest(%s::text[], %s::bigint[]) AS v(name, pulls) WHERE r.name = v.name
"""
_MANIFESTS = """
UPDATE artifacts_manifest m SET pulled_at = v.at
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS v(repository, digest, at)
JOIN artifacts_repository r ON r.name = v.repository
WHERE m.repository_id = r.id AND m.digest = v.digest AND (m.pulled_at IS NULL OR m.pulled_at < v.at)
"""
_TAGS = """
UPDATE artifacts_tag t SET pulled_at = v.at
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS v(repository, name, at)
JOIN artifacts_repository r ON r.name = v.repository
WHERE t.repository_id = r.id AND t.name = v.name AND (t.pulled_at IS NULL OR t.pulled_at < v.at)
"""


@audit.spool.on_drain
def count(entries: Sequence[Entry]) -> None:
    """Add up the pulls among drained entries, in the transaction that stores them. Rows go in order: no deadlocks."""
    pulls = [entry for entry in entries if entry.operation == "pull" and entry.resource_type == "artifact"]
    if not pulls:
        return
    counts = Counter(str(entry.detail["repository"]) for entry in pulls)
    manifests = _latest(pulls, "digest")
    tags = _latest([entry for entry in pulls if entry.detail["tag"]], "tag")
    with connection.cursor() as cursor:
        names = sorted(counts)
        cursor.execute(_COUNT, [names, [counts[name] for name in names]])
        cursor.execute(_MANIFESTS, _columns(manifests))
        if tags:
            cursor.execute(_TAGS, _columns(tags))


def _latest(pulls: Sequence[Entry], key: str) -> dict[tuple[str, str], datetime]:
    latest: dict[tuple[str, str], datetime] = {}
    for entry in pulls:
        name = (str(entry.detail["repository"]), str(entry.detail[key]))
        latest[name] = max(entry.at, latest.get(name, entry.at))
    return latest


def _columns(latest: dict[tuple[str, str], datetime]) -> list[list[str] | list[datetime]]:
    keys = sorted(latest)
    return [[repository for repository, _ in keys], [name for _, name in keys], [latest[key] for key in keys]]
