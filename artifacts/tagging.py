"""A tag is put on a manifest that is there already. (A push moves tags itself.)"""

from django.db import IntegrityError, transaction

import audit
from artifacts.models import Manifest, Tag
from oci.errors import ManifestUnknown
from oci.reference import parse_tag, project_of
from rbac.actors import Actor


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
    audit.record(
        actor=actor.name,
        operation="create",
        resource_type="tag",
        resource=f"{repository}:{name}",
        project=project_of(repository),
        context=context,
        detail={"digest": digest},
    )
    return tag
