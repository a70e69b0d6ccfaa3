"""Lists of tags, repositories and referrers, each paged by key on an index."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from heapq import merge
from typing import Any, Generic, TypeVar

from django.db.models import F, Func, IntegerField

from artifacts.models import Manifest, Tag
from db.prepared import fetch
from oci import manifest as oci_manifest
from oci.digest import Digest
from oci.errors import ManifestInvalid, NameUnknown

PAGE = 1000  # entries of a page when the client names no number, and the most it gets
REFERRERS_BATCH = 20  # referrers read at once
REFERRERS_BYTES = 3 * 1024 * 1024  # of descriptors on one page: the whole index must stay below 4 MiB

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Page(Generic[Entry]):
    """Some entries in order, and whether more follow."""

    entries: list[Entry]
    more: bool


def _page(entries: list[Entry], limit: int) -> Page[Entry]:
    return Page(entries[:limit], len(entries) > limit)


_TAGS = """
SELECT t.name FROM artifacts_tag t
WHERE t.repository_id = %s AND t.name > %s
ORDER BY t.name LIMIT %s
"""


def tags(repository: str, *, after: str = "", limit: int = PAGE) -> Page[str]:
    """Names of a repository's tags behind `after`, in byte order; NameUnknown where there is no such repository."""
    rows = fetch("SELECT id FROM artifacts_repository WHERE name = %s", (repository,))
    if not rows:
        raise NameUnknown(detail={"name": repository})
    limit = min(limit, PAGE)
    return _page([name for (name,) in fetch(_TAGS, (rows[0][0], after, limit + 1))], limit)


_REPOSITORIES = """
SELECT name FROM artifacts_repository
WHERE name > %s AND (%s::bigint[] IS NULL OR project_id = ANY(%s::bigint[]))
ORDER BY name LIMIT %s
"""


def repositories(projects: Collection[int] | None, *, after: str = "", limit: int = PAGE) -> Page[str]:
    """Names of the repositories in `projects` (ids; None: everywhere) behind `after`, in byte order."""
    limit = min(limit, PAGE)
    ids = None if projects is None else list(projects)
    return _page([name for (name,) in fetch(_REPOSITORIES, (after, ids, ids, limit + 1))], limit)


def referrers(
    repository: str, subject: Digest, *, artifact_type: str = "", after: str = "", limit: int = PAGE
) -> Page[dict[str, Any]]:
    """Descriptors of the manifests whose subject is `subject`, in the order of their digests, behind digest `after`.

    What clients listed themselves in the tag schema's index (`sha256-<hex>`), before the registry kept referrers,
    is merged in. The subject needs not exist.
    """
    own = _own_referrers(repository, subject, artifact_type, after, limit)
    listed = _listed_referrers(repository, subject, artifact_type, after)
    entries: list[dict[str, Any]] = []
    size = 0
    for descriptor in _once(merge(own, listed, key=lambda descriptor: str(descriptor["digest"]))):
        size += len(json.dumps(descriptor))
        if len(entries) == min(limit, PAGE) or (entries and size > REFERRERS_BYTES):
            return Page(entries, more=True)
        entries.append(descriptor)
    return Page(entries, more=False)


def _own_referrers(
    repository: str, subject: Digest, artifact_type: str, after: str, limit: int
) -> Iterator[dict[str, Any]]:
    """Read a few at a time, as the page takes them: each may have megabytes of annotations."""
    rows = Manifest.objects.filter(repository__name=repository, subject=str(subject))
    if artifact_type:
        rows = rows.filter(artifact_type=artifact_type)
    length = Func(F("payload"), function="octet_length", output_field=IntegerField())
    rows = rows.order_by("digest").annotate(length=length)
    fields = rows.values("digest", "media_type", "artifact_type", "annotations", "length")
    while batch := list(fields.filter(digest__gt=after)[: min(limit + 1, REFERRERS_BATCH)]):
        yield from (_descriptor(**row) for row in batch)
        after = batch[-1]["digest"]


def _descriptor(
    media_type: str, digest: str, length: int, artifact_type: str, annotations: dict[str, str]
) -> dict[str, Any]:
    """distribution-spec "Listing Referrers": the manifest's descriptor with its artifact type and annotations."""
    descriptor: dict[str, Any] = {"mediaType": media_type, "digest": digest, "size": length}
    if artifact_type:
        descriptor["artifactType"] = artifact_type
    if annotations:
        descriptor["annotations"] = annotations
    return descriptor


def _listed_referrers(repository: str, subject: Digest, artifact_type: str, after: str) -> list[dict[str, Any]]:
    """What clients list in the index tagged `<algorithm>-<hex>` (distribution-spec "Referrers Tag Schema")."""
    name = f"{subject.algorithm}-{subject.hex[:64]}"
    tag = Tag.objects.select_related("manifest").filter(repository__name=repository, name=name).first()
    if tag is None or tag.manifest.media_type != oci_manifest.OCI_INDEX:
        return []
    try:
        listed = json.loads(bytes(tag.manifest.payload))["manifests"]
        oci_manifest.parse(bytes(tag.manifest.payload), tag.manifest.media_type)
    except (ManifestInvalid, ValueError, KeyError):
        return []
    wanted = [
        entry
        for entry in listed
        if entry["digest"] > after and (not artifact_type or entry.get("artifactType") == artifact_type)
    ]
    return sorted(wanted, key=lambda entry: str(entry["digest"]))


def _once(descriptors: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Drop the second of two descriptors of one digest; `descriptors` come in the order of digests."""
    last = None
    for descriptor in descriptors:
        if descriptor["digest"] != last:
            yield descriptor
        last = descriptor["digest"]
