"""Artifacts looked for by a part of a tag, however many tags there are."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from artifacts.models import Manifest, Repository, Tag

FEW = 5000  # artifacts of a repository, whose tags are looked through for a part anywhere in them
MOST = 1000  # tags that are found at once in a larger one


def looks_through(repository: Repository) -> bool:
    """Whether a part is found anywhere in a tag; else tags are found by what they begin with, on their index."""
    return repository.artifact_count <= FEW


def tagged(rows: QuerySet[Manifest], repository: Repository, part: str) -> QuerySet[Manifest]:
    """Those of the repository's artifacts that have a tag like that."""
    if looks_through(repository):
        return rows.filter(Exists(Tag.objects.filter(manifest=OuterRef("pk"), name__icontains=part)))
    found = Tag.objects.filter(repository=repository, name__startswith=part).order_by("name")
    return rows.filter(pk__in=list(found.values_list("manifest", flat=True)[:MOST]))
