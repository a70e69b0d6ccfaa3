"""Tags: put on a manifest, moved by a push, taken away; an immutable one does neither of the last two."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Greatest
from django.utils import timezone

import audit
from artifacts import listed, turns
from artifacts.changes import DELETE, RETAG, Change, tell
from artifacts.models import Manifest, Repository, Tag
from db.prepared import fetch
from oci import tagged
from oci.errors import ManifestUnknown, PreconditionFailed
from oci.reference import parse_tag, project_of
from projects import immutability
from rbac.actors import Actor

_BATCH = 2000  # tags read at once


class TagExists(Exception):
    """The repository has a tag of this name, on whichever manifest."""


@transaction.atomic
def create(repository: str, digest: str, name: str, *, actor: Actor, context: audit.Context) -> Tag:
    """Tag the manifest `digest`. Raises TagInvalid, TagExists, ManifestUnknown."""
    parse_tag(name)
    held = turns.take(repository)
    rows = Manifest.objects.filter(repository=held, digest=digest).only("id", "repository_id", "digest")
    manifest = rows.select_for_update().first()
    if held is None or manifest is None:
        raise ManifestUnknown(detail={"name": repository, "reference": digest})
    tag = Tag(repository=held, name=name, manifest=manifest)
    try:
        with transaction.atomic():
            tag.save()
    except IntegrityError as error:
        raise TagExists(f"the repository {repository} has a tag {name} already") from error
    listed.settle(held.pk, [manifest.pk])
    tell(Change(RETAG, repository, digest, [name]))
    _record("create", repository, name, digest=digest, actor=actor, context=context)
    return tag


# A tag that is there stays as it is wherever a rule is in force: `_move_ruled` looks at it then. So a project without
# rules pays nothing for them.
_MOVE = """
WITH before AS (
    SELECT name, manifest_id FROM artifacts_tag WHERE repository_id = %s AND name = ANY(%s::text[])
), moved AS (
    INSERT INTO artifacts_tag (repository_id, name, manifest_id, pushed_at)
    SELECT %s, wanted.name, %s, %s FROM unnest(%s::text[]) AS wanted(name)
    ON CONFLICT (repository_id, name) DO UPDATE SET
        manifest_id = EXCLUDED.manifest_id,
        pushed_at = greatest(EXCLUDED.pushed_at, artifacts_tag.pushed_at + interval '1 millisecond')
    WHERE NOT EXISTS (SELECT FROM projects_immutablerule WHERE project_id = %s AND NOT disabled)
    RETURNING name
)
SELECT wanted.name, before.manifest_id, moved.name IS NOT NULL
FROM unnest(%s::text[]) AS wanted(name) LEFT JOIN before USING (name) LEFT JOIN moved USING (name)
"""


def move(repository: Repository, manifest_id: int, names: Sequence[str], *, at: datetime | None = None) -> set[int]:
    """Put tags on a manifest, wherever they were; the manifests (ids) whose tags are others now.

    `at`: when that was done at another site; else it is done now, and so later than whatever was done before, however
    far ahead the clock there is. PreconditionFailed for an immutable one that is elsewhere, and for one that was put
    elsewhere later. The caller has entered the repository (`turns.enter`).
    """
    if not names:
        return set()
    place, project, wanted = repository.pk, repository.project_id, sorted(names)
    if at is not None:
        _check_news(repository, manifest_id, wanted, at)
    when = at or timezone.now()
    rows = fetch(_MOVE, (place, wanted, place, manifest_id, when, wanted, project, wanted))
    held = [name for name, _, moved in rows if not moved]
    if held:
        _move_ruled(repository, manifest_id, held, when)
    return {each for _, before, _ in rows if before != manifest_id for each in (before, manifest_id) if each}


def _check_news(repository: Repository, manifest_id: int, names: Sequence[str], at: datetime) -> None:
    later = Tag.objects.filter(repository=repository, name__in=names, pushed_at__gte=at).exclude(manifest=manifest_id)
    if name := later.values_list("name", flat=True).first():
        raise tagged.moved_later(repository.name, name)


def _move_ruled(repository: Repository, manifest_id: int, names: Sequence[str], at: datetime) -> None:
    """Move tags that are there already, in a project with rules. An immutable one may be pushed again, and stays."""
    rules = immutability.rules_of(repository.project_id).of_repository(repository.name)
    tags = Tag.objects.filter(repository=repository, name__in=names)
    for name in tags.exclude(manifest=manifest_id).values_list("name", flat=True):
        if rules.cover(name):
            raise _immutable(repository, name, "updated")
    movable = [name for name in names if not rules.cover(name)]
    tags.filter(name__in=movable).update(
        manifest=manifest_id, pushed_at=Greatest(Value(at), F("pushed_at") + timedelta(milliseconds=1))
    )


@transaction.atomic
def delete(repository: str, name: str, *, actor: Actor, context: audit.Context) -> None:
    """Take one tag away; the manifest stays. ManifestUnknown where there is no such tag, PreconditionFailed where it
    is immutable."""
    held = turns.take(repository)
    tags = Tag.objects.filter(repository=held, name=name).select_related("manifest")
    tag = tags.defer("manifest__payload").first()
    if held is None or tag is None:
        raise ManifestUnknown(detail={"name": repository, "reference": name})
    check_may_go(held, Tag.objects.filter(pk=tag.pk))
    tell(Change(DELETE, repository, tags=[name]))
    tag.delete()
    listed.settle(held.pk, [tag.manifest_id])
    _record("delete", repository, name, digest=tag.manifest.digest, actor=actor, context=context)


def check_may_go(repository: Repository, tags: QuerySet[Tag]) -> None:
    """Go on unless one of these tags of the repository is immutable: PreconditionFailed. Until the transaction ends
    no rule comes that would say otherwise."""
    rules = immutability.hold(repository.project_id).of_repository(repository.name)
    if rules:
        for name in tags.values_list("name", flat=True).iterator(chunk_size=_BATCH):
            if rules.cover(name):
                raise _immutable(repository, name, "deleted")


def _immutable(repository: Repository, name: str, deed: str) -> PreconditionFailed:
    words = f"the tag {repository.name}:{name} is configured as immutable, cannot be {deed}"
    return PreconditionFailed(words, detail={"name": repository.name, "tag": name})


def _record(operation: str, repository: str, name: str, *, digest: str, actor: Actor, context: audit.Context) -> None:
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="tag",
        resource=f"{repository}:{name}",
        project=project_of(repository),
        context=context,
        detail={"digest": digest},
    )
