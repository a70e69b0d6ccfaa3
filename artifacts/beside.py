"""What is shown beside the artifacts of one page: tags, labels, what refers to them and what they are made of.

A constant number of queries for any page, each bounded however much an artifact has.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, Func, IntegerField

from artifacts.models import ArtifactLabel, Manifest, ManifestChild, Tag
from oci.manifest import INDEX_TYPES
from projects.models import Label

EACH, ALONE = 100, 1000  # tags or referrers beside each artifact of a page, and beside one alone
MOST = 1000  # labels or parts beside one page
_LARGEST_INDEX = 64 * 1024  # bytes of an index that is read for its platforms in a list

_TAGS_OF = """
SELECT t.* FROM unnest(%s::bigint[]) AS shown(id) CROSS JOIN LATERAL (
    SELECT * FROM artifacts_tag WHERE manifest_id = shown.id ORDER BY pushed_at DESC, id DESC LIMIT %s
) t
"""
_REFERRERS_OF = """
SELECT r.*, s.id AS of_id, n.name AS of_repository
FROM artifacts_manifest s JOIN artifacts_repository n ON n.id = s.repository_id CROSS JOIN LATERAL (
    SELECT m.id, m.digest, m.subject, m.artifact_type, m.size, m.pushed_at FROM artifacts_manifest m
    WHERE m.repository_id = s.repository_id AND m.subject = s.digest AND m.subject <> '' ORDER BY m.digest LIMIT %s
) r
WHERE s.id = ANY(%s::bigint[])
"""


@dataclass(frozen=True, slots=True)
class Part:
    """What an index says of one manifest that it names; `told` holds its platform, annotations and URLs, as far as it
    tells. `size`: of the manifest with its blobs, in bytes."""

    id: int
    digest: str
    told: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0


def tags(ids: Sequence[int], each: int = EACH) -> dict[int, list[Tag]]:
    """The newest tags of each artifact."""
    found: dict[int, list[Tag]] = defaultdict(list)
    for tag in Tag.objects.raw(_TAGS_OF, [list(ids), each]) if ids else ():
        found[tag.manifest_id].append(tag)
    return found


def labels(ids: Sequence[int]) -> dict[int, list[Label]]:
    found: dict[int, list[Label]] = defaultdict(list)
    marks = ArtifactLabel.objects.filter(manifest__in=ids).select_related("label")
    for mark in marks.order_by("manifest", "label")[:MOST]:
        found[mark.manifest_id].append(mark.label)
    return found


def referrers(subjects: Sequence[int], each: int = EACH) -> dict[int, list[Any]]:
    """What refers to each of the `subjects` (ids), by those: manifests without their bytes, with `of_id` and
    `of_repository` besides."""
    found: dict[int, list[Any]] = defaultdict(list)
    rows: Iterable[Any] = Manifest.objects.raw(_REFERRERS_OF, [each, list(subjects)]) if subjects else ()
    for row in rows:
        found[row.of_id].append(row)
    return found


def parts(rows: Iterable[Manifest]) -> dict[int, list[Part]]:
    """What the indexes among `rows` are made of, in their own order."""
    indexes = [row.pk for row in rows if row.media_type in INDEX_TYPES]
    platforms = _platforms(indexes)
    order = {key: place for place, key in enumerate(platforms)}
    found: dict[int, list[Part]] = defaultdict(list)
    children = ManifestChild.objects.filter(parent__in=indexes).order_by("pk")
    for parent, child, digest, size in children.values_list("parent", "child", "child__digest", "child__size")[:MOST]:
        found[parent].append(Part(child, digest, platforms.get((parent, digest), {}), size))
    for parent, those in found.items():
        those.sort(key=lambda part, parent=parent: order.get((parent, part.digest), 0))  # type: ignore[misc]
    return found


def _platforms(indexes: Sequence[int]) -> dict[tuple[int, str], dict[str, Any]]:
    """Platform and annotations of each entry of each index, where the index is of a usual size."""
    if not indexes:
        return {}
    length = Func(F("payload"), function="octet_length", output_field=IntegerField())
    small = Manifest.objects.filter(pk__in=indexes).annotate(length=length).filter(length__lte=_LARGEST_INDEX)
    found = {}
    for pk, payload in small.values_list("pk", "payload"):
        for entry in json.loads(bytes(payload)).get("manifests") or []:
            told = {name: entry[name] for name in ("platform", "annotations", "urls") if entry.get(name)}
            found[(pk, str(entry.get("digest")))] = told
    return found
