"""Which artifacts lists show, worked out anew from all rows, against what was kept with each change."""

from django.db.models import Exists, OuterRef, Q

from artifacts.models import Manifest, ManifestChild, Repository, Tag


def mislisted() -> list[str]:
    """Manifests that are listed and shouldn't be, or the other way round, and repositories whose count is wrong."""
    subject = Manifest.objects.filter(repository=OuterRef("repository"), digest=OuterRef("subject"))
    parents = ManifestChild.objects.filter(child=OuterRef("pk"))
    tags = Tag.objects.filter(manifest=OuterRef("pk"))
    shown = Manifest.objects.filter(Q(subject="") | ~Exists(subject)).filter(~Exists(parents) | Exists(tags))
    expected = set(shown.values_list("pk", flat=True))
    wrong = [
        f"{row.repository.name}@{row.digest} is {'listed' if row.listed else 'not listed'}"
        for row in Manifest.objects.select_related("repository")
        if row.listed != (row.pk in expected)
    ]
    for repository in Repository.objects.all():
        count = Manifest.objects.filter(repository=repository, listed=True).count()
        if repository.artifact_count != count:
            wrong.append(f"{repository.name} has {count} listed, not {repository.artifact_count}")
    return wrong
