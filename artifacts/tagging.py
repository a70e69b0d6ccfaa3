"""Tags: put on a manifest, moved by a push, taken away; an immutable one does neither of the last two."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

import audit
from artifacts.models import Manifest, Repository, Tag
from db.prepared import fetch
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
    rows = Manifest.objects.filter(repository__name=repository, digest=digest).only("id", "repository_id", "digest")
    manifest = rows.select_for_update(of=("self",)).first()
    if manifest is None:
        raise ManifestUnknown(detail={"name": repository, "reference": digest})
    tag = Tag(repository_id=manifest.repository_id, name=name, manifest=manifest)
    try:
        with transaction.atomic():
            tag.save()
    except IntegrityError as error:
        raise TagExists(f"the repository {repository} has a tag {name} already") from error
    _record("create", repository, name, digest=digest, actor=actor, context=context)
    return tag


# A tag that is there stays as it is wherever a rule is in force: `_move_ruled` looks at it then. So a project without
# rules pays nothing for them.
_MOVE = """
WITH moved AS (
    INSERT INTO artifacts_tag (repository_id, name, manifest_id, pushed_at)
    SELECT %s, wanted.name, %s, %s FROM unnest(%s::text[]) AS wanted(name)
    ON CONFLICT (repository_id, name) DO UPDATE SET manifest_id = EXCLUDED.manifest_id, pushed_at = EXCLUDED.pushed_at
    WHERE NOT EXISTS (SELECT FROM projects_immutablerule WHERE project_id = %s AND NOT disabled)
    RETURNING name
)
SELECT wanted.name FROM unnest(%s::text[]) AS wanted(name)
WHERE wanted.name NOT IN (SELECT name FROM moved)
"""


def move(repository: Repository, manifest_id: int, names: Sequence[str]) -> None:
    """Put tags on a manifest, wherever they were. PreconditionFailed for an immutable one that is elsewhere.

    The caller has entered the repository (`repositories.enter`).
    """
    if not names:
        return
    ordered = sorted(names)  # so that pushes can't deadlock
    held = fetch(_MOVE, (repository.pk, manifest_id, timezone.now(), ordered, repository.project_id, ordered))
    if held:
        _move_ruled(repository, manifest_id, [name for (name,) in held])


def _move_ruled(repository: Repository, manifest_id: int, names: Sequence[str]) -> None:
    """Move tags that are there already, in a project with rules. An immutable one may be pushed again, and stays."""
    rules = immutability.rules_of(repository.project_id).of_repository(repository.name)
    tags = Tag.objects.filter(repository=repository, name__in=names)
    for name in tags.exclude(manifest=manifest_id).values_list("name", flat=True):
        if rules.cover(name):
            raise _immutable(repository, name, "updated")
    movable = [name for name in names if not rules.cover(name)]
    tags.filter(name__in=movable).update(manifest=manifest_id, pushed_at=timezone.now())


def delete(repository: str, name: str, *, actor: Actor, context: audit.Context) -> None:
    """Take one tag away; the manifest stays. ManifestUnknown where there is no such tag, PreconditionFailed where it
    is immutable."""
    with transaction.atomic():
        tags = Tag.objects.filter(repository__name=repository, name=name).select_related("repository", "manifest")
        tag = tags.defer("manifest__payload").select_for_update(of=("self",)).first()
        if tag is None:
            raise ManifestUnknown(detail={"name": repository, "reference": name})
        check_may_go(tag.repository, Tag.objects.filter(pk=tag.pk))
        tag.delete()
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
