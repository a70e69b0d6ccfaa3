"""Projects that users have starred. Nobody else sees that, so it is no deed for the audit trail."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction

from projects.errors import ProjectUnknown
from projects.models import Favourite, Project, ProjectQuerySet
from rbac.actors import Actor

MOST = 100  # of one user; they are all shown at once


def add(project: Project, *, actor: Actor) -> None:
    """Star the project for the actor, who is a user. Beyond MOST the oldest star goes. ProjectUnknown if it is gone."""
    try:
        with transaction.atomic():
            Favourite.objects.get_or_create(user_id=actor.user_id or 0, project=project)
    except IntegrityError as error:
        raise ProjectUnknown(f"there is no project {project.name} any more") from error
    mine = Favourite.objects.filter(user=actor.user_id)
    mine.filter(pk__in=mine.order_by("-pk").values("pk")[MOST:]).delete()


def remove(project: Project, *, actor: Actor) -> None:
    Favourite.objects.filter(user=actor.user_id, project=project).delete()


def among(projects: Iterable[int], actor: Actor) -> set[int]:
    """Those of `projects` (ids) that the actor has starred."""
    if actor.user_id is None:
        return set()
    return set(
        Favourite.objects.filter(user=actor.user_id, project__in=list(projects)).values_list("project", flat=True)
    )


def of(actor: Actor) -> ProjectQuerySet:
    """The actor's, as far as it may still know of them."""
    starred = list(Favourite.objects.filter(user=actor.user_id or 0).values_list("project", flat=True)[:MOST])
    return Project.objects.visible_to(actor).filter(pk__in=starred)
