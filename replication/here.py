"""This installation as a side of a replication: its rows, its blob store, and a push as any other, rules and all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import connection

from artifacts import blobs, incoming, kinds, listing, manifests, push, tagging
from artifacts.models import Manifest, Repository, Tag
from audit import Context
from db.prepared import fetch
from oci.client import FetchedManifest
from oci.digest import Digest
from oci.errors import ManifestUnknown, NameInvalid, NameUnknown
from oci.reference import parse_repository, project_of
from oci.referrers import SUFFIXES, tags_of
from projects import actions
from projects.errors import InvalidProjectName, ProjectExists
from projects.models import Project
from rbac.actors import SYSTEM
from replication.adapters.base import Listed
from replication.names import sought
from replication.sites import Found, Parcel, Stream

_BATCH = 500

# Of each artifact on the page: whether anything refers to it or to a part of it, by its subject or by a tag's name.
# What has parts that have parts is taken to have.
_LIST = """
WITH here AS MATERIALIZED (
    SELECT r.id, EXISTS (
        SELECT FROM artifacts_tag t WHERE t.repository_id = r.id AND t.name >= 'sha' AND t.name < 'shb'
    ) AS may_belong
    FROM artifacts_repository r WHERE r.name = %(name)s
), page AS MATERIALIZED (
    SELECT m.id, m.digest, m.media_type, m.artifact_type, m.size FROM artifacts_manifest m
    WHERE m.repository_id = (SELECT id FROM here) AND m.digest > %(after)s
      AND (m.listed OR EXISTS (SELECT FROM artifacts_tag t WHERE t.manifest_id = m.id))
      AND (%(digests)s::text[] IS NULL OR m.digest = ANY(%(digests)s::text[]))
    ORDER BY m.digest LIMIT %(limit)s
), part AS MATERIALIZED (
    SELECT id AS root, id, digest FROM page
    UNION ALL
    SELECT c.parent_id, k.id, k.digest FROM page
    JOIN artifacts_manifestchild c ON c.parent_id = page.id JOIN artifacts_manifest k ON k.id = c.child_id
), referred AS MATERIALIZED (
    SELECT part.root FROM part, here, artifacts_manifest r
    WHERE r.repository_id = here.id AND r.subject = part.digest AND r.subject <> ''
    UNION
    SELECT part.root FROM part, here, unnest(%(suffixes)s::text[]) AS suffix, artifacts_tag t
    WHERE here.may_belong AND t.repository_id = here.id AND t.name = replace(left(part.digest, 71), ':', '-') || suffix
    UNION
    SELECT part.root FROM part JOIN artifacts_manifestchild c ON c.parent_id = part.id WHERE part.id <> part.root
)
SELECT page.digest, page.media_type, page.artifact_type, page.size,
    ARRAY(SELECT t.name FROM artifacts_tag t WHERE t.manifest_id = page.id ORDER BY t.name),
    ARRAY(
        SELECT l.name FROM artifacts_artifactlabel a JOIN projects_label l ON l.id = a.label_id
        WHERE a.manifest_id = page.id ORDER BY l.name
    ),
    page.id IN (SELECT root FROM referred)
FROM page ORDER BY page.digest
"""

_TAGS = """
SELECT t.name, m.digest FROM artifacts_tag t
JOIN artifacts_repository r ON r.id = t.repository_id JOIN artifacts_manifest m ON m.id = t.manifest_id
WHERE r.name = %s AND t.name = ANY(%s::text[])
"""


class Here:
    """See `replication.sites.Site`. `policy` is named in the trail."""

    name = "this registry"
    endpoint = None
    is_quick = True

    def __init__(self, policy: str = "") -> None:
        self._policy = policy

    def repositories(self, patterns: Sequence[str]) -> Iterator[str]:
        where = sought(patterns)
        if where.names is not None:
            return iter(where.names)
        return (name for prefix in where.prefixes for name in _beginning(prefix))

    def artifacts(self, repository: str) -> Iterator[Listed]:
        return listed(repository)

    def tags(self, repository: str) -> Iterator[str]:
        after, more = "", True
        while more:
            try:
                page = listing.tags(repository, after=after)
            except NameUnknown:
                return
            yield from page.entries
            after, more = page.entries[-1] if page.entries else "", page.more

    def resolve(self, repository: str, reference: Digest | str) -> Found | None:
        rows = Manifest.objects.filter(repository__name=repository)
        by = {"digest": str(reference)} if isinstance(reference, Digest) else {"tags__name": reference}
        row = rows.filter(**by).values_list("digest", "media_type").first()
        return Found(Digest.parse(row[0]), row[1]) if row else None

    def tags_on(self, repository: str, expected: Mapping[str, Digest]) -> Mapping[str, Digest | None]:
        there = _tags(repository, list(expected))
        return {tag: there.get(tag) for tag in expected}

    def manifest(self, repository: str, reference: Digest | str) -> FetchedManifest | None:
        try:
            stored = manifests.find(repository, reference)
        except ManifestUnknown:
            return None
        return FetchedManifest(stored.media_type, bytes(stored.payload), Digest.parse(stored.digest))

    def referrers(self, repository: str, digest: Digest) -> Iterator[Digest]:
        after, more = "", True
        while more:
            page = listing.referrers(repository, digest, after=after)
            for entry in page.entries:
                yield Digest.parse(entry["digest"])
            after, more = str(page.entries[-1]["digest"]) if page.entries else "", page.more

    def has_none_referring(self, repository: str, some: Digest) -> bool:
        del repository, some
        return False  # each artifact is listed with what is known of it

    def belongings(self, repository: str, digests: Collection[Digest]) -> Mapping[str, Digest]:
        return _tags(repository, [name for digest in digests for name in tags_of(digest)])

    def tagged(self, repository: str, tags: Sequence[str]) -> Mapping[str, datetime]:
        rows = Tag.objects.filter(repository__name=repository, name__in=tags)
        return dict(rows.values_list("name", "pushed_at"))

    def put_manifest(
        self, repository: str, manifest: FetchedManifest, tags: Sequence[str], since: datetime | None = None
    ) -> None:
        push.push(
            repository,
            manifest.digest,
            manifest.payload,
            manifest.media_type,
            tags=tags,
            tagged_at=since,
            actor=SYSTEM,
            context=Context(),
            detail={"replication": self._policy},
        )

    def has_blob(self, repository: str, digest: Digest) -> bool:
        return blobs.find(repository, digest) is not None

    def has_blobs(self, repository: str, digests: Sequence[Digest]) -> Mapping[Digest, bool]:
        return dict.fromkeys(blobs.linked(repository, digests), True)

    def read(self, repository: str, digest: Digest, offset: int) -> Stream:
        return blobs.read(repository, digest, offset)

    def holders(self, digest: Digest) -> list[str]:
        return blobs.sources(digest)

    def mount(self, repository: str, digest: Digest, source: str) -> bool:
        return blobs.mount(repository, digest, source)

    def receive(self, repository: str, parcel: Parcel) -> None:
        incoming.receive(
            repository,
            parcel.digest,
            parcel.size,
            parcel.source,
            at=parcel.at,
            progress=parcel.progress,
        )

    def is_public(self, repository: str) -> bool:
        return Project.objects.filter(name=project_of(repository), public=True).exists()

    def prepare(self, repository: str, *, public: Callable[[], bool]) -> None:
        project = project_of(parse_repository(repository))
        if Project.objects.filter(name=project).exists():
            return
        try:
            actions.create(project, public=public(), owner=None, actor=SYSTEM, context=Context())
        except ProjectExists:
            return
        except InvalidProjectName as error:
            raise NameInvalid(f"{project} can't be a project here: {error}") from error

    def has_later(self, repository: str, reference: str, at: datetime) -> bool:
        del repository, reference, at
        return False  # nothing is deleted here: events lead from here

    def delete(self, repository: str, reference: str) -> None:
        with suppress(ManifestUnknown):
            if ":" in reference:
                manifests.delete(repository, Digest.parse(reference), actor=SYSTEM, context=Context())
            else:
                tagging.delete(repository, reference, actor=SYSTEM, context=Context())

    def abort(self) -> None:
        """What is called here answers within seconds."""


def _tags(repository: str, names: list[str]) -> dict[str, Digest]:
    """Those of these tags that there are, and what they are on."""
    return {name: Digest.parse(digest) for name, digest in fetch(_TAGS, (repository, names))}


def _beginning(prefix: str) -> Iterator[str]:
    after = ""
    while True:
        names = Repository.objects.filter(name__startswith=prefix, name__gt=after).order_by("name")
        page = list(names.values_list("name", flat=True)[:_BATCH])
        yield from page
        if len(page) < _BATCH:
            return
        after = page[-1]


def listed(repository: str, digests: Sequence[str] | None = None) -> Iterator[Listed]:
    """All artifacts of a repository in the order of their digests, or those of these: what is listed, and what belongs
    to something else but has a tag of its own."""
    after, more = "", True
    while more:
        rows = _rows(repository, after, digests)
        for digest, media_type, artifact_type, size, tags, labels, has_referrers in rows:
            kind = kinds.kind_of(media_type, artifact_type)
            yield Listed(digest, tuple(tags), tuple(labels), kind, size, has_referrers)
        after, more = rows[-1][0] if rows else "", len(rows) == _BATCH


def _rows(
    repository: str, after: str, digests: Sequence[str] | None
) -> list[tuple[str, str, str, int, list[str], list[str], bool]]:
    values: dict[str, Any] = {
        "name": repository, "after": after, "limit": _BATCH, "suffixes": list(SUFFIXES),
        "digests": None if digests is None else list(digests),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_LIST, values)
        rows: list[tuple[str, str, str, int, list[str], list[str], bool]] = cursor.fetchall()
    return rows
