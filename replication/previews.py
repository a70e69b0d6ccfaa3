"""What a policy would take of what is here just now, and under which names: some of it, for whoever writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from artifacts import kinds
from db.prepared import fetch
from oci.errors import NameInvalid
from replication import filters as policy_filters
from replication.filters import Filters
from replication.here import Here
from replication.policies import renamed

_NAMES = 1000  # repositories that are looked through
_LINES = 12  # of them that are shown, and looked into
_ARTIFACTS = 50  # of each, the newest
_TAGS = 20  # of each artifact

_NEWEST = """
SELECT r.name, m.media_type, m.artifact_type, m.size + (
        SELECT coalesce(sum(part.size), 0)::bigint FROM artifacts_manifestchild c
        JOIN artifacts_manifest part ON part.id = c.child_id WHERE c.parent_id = m.id
    ),
    ARRAY(SELECT t.name FROM artifacts_tag t WHERE t.manifest_id = m.id ORDER BY t.pushed_at DESC, t.id DESC LIMIT %s),
    ARRAY(
        SELECT l.name FROM artifacts_artifactlabel a JOIN projects_label l ON l.id = a.label_id
        WHERE a.manifest_id = m.id
    )
FROM artifacts_repository r CROSS JOIN LATERAL (
    SELECT * FROM artifacts_manifest m WHERE m.repository_id = r.id AND m.listed
    ORDER BY m.pushed_at DESC, m.id DESC LIMIT %s
) m
WHERE r.name = ANY(%s::text[]) ORDER BY m.pushed_at DESC, m.id DESC
"""


@dataclass(slots=True)
class Line:
    """One repository. `wrong` says why it can't be called so there; `more`: of its artifacts only the newest count."""

    source: str
    destination: str = ""
    wrong: str = ""
    artifacts: int = 0
    size: int = 0
    tags: tuple[str, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """Some of the repositories. `whole`: there are no others that the filters could take."""

    lines: list[Line]
    whole: bool

    @property
    def artifacts(self) -> int:
        return sum(line.artifacts for line in self.lines)


def preview(filters: Iterable[Mapping[str, Any]], namespace: str, flatten: int) -> Preview:
    """What a policy with these filters would take from here. Two queries or a few more. Raises InvalidPolicy."""
    parsed = policy_filters.parse(filters)
    names = list(islice(Here().repositories(parsed.name_patterns), _NAMES + 1))
    taken = [name for name in names[:_NAMES] if parsed.takes_repository(name)]
    lines = {name: _named(name, namespace, flatten) for name in taken[:_LINES]}
    _fill(lines, parsed)
    found = [line for line in lines.values() if line.artifacts]
    return Preview(found, whole=len(names) <= _NAMES and len(taken) <= _LINES)


def _named(name: str, namespace: str, flatten: int) -> Line:
    try:
        return Line(name, destination=renamed(name, namespace, flatten))
    except NameInvalid as error:
        return Line(name, wrong=error.message)


def _fill(lines: Mapping[str, Line], parsed: Filters) -> None:
    rows = fetch(_NEWEST, (_TAGS, _ARTIFACTS, list(lines))) if lines else []
    looked_at: dict[str, int] = {}
    for name, media_type, artifact_type, size, tags, labels in rows:
        looked_at[name] = looked_at.get(name, 0) + 1
        taken = parsed.taken_tags(tags)
        kind = kinds.kind_of(media_type, artifact_type)
        if taken is not None and parsed.takes_labels(labels) and parsed.takes_kind(kind):
            _count(lines[name], size, taken)
    for name, number in looked_at.items():
        lines[name].more = number == _ARTIFACTS


def _count(line: Line, size: int, tags: Sequence[str]) -> None:
    line.artifacts, line.size = line.artifacts + 1, line.size + size
    line.tags = (*line.tags, *tags)[:_TAGS]
