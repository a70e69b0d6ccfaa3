"""What projects use, worked out from the bytes of their manifests alone: what the counted figure must be."""

import json

from artifacts import limits, recount
from artifacts.models import Blob, Manifest
from projects import quotas
from projects.models import Project, Quota
from rbac.actors import SYSTEM
from tests.people import CONTEXT


def used(project: Project) -> int:
    figures = quotas.figures(project.pk)
    assert figures is not None
    return figures.used


def needed(project: Project) -> int:
    """Every blob that a manifest of the project names, and each manifest, once."""
    contents: dict[str, int] = {}
    for manifest in Manifest.objects.filter(repository__project=project):
        payload = bytes(manifest.payload)
        contents[manifest.digest] = len(payload)
        document = json.loads(payload)
        for entry in [document.get("config"), *document.get("layers", []), *document.get("manifests", [])]:
            if entry and "foreign" not in entry["mediaType"] and "nondistributable" not in entry["mediaType"]:
                blob = Blob.objects.filter(digest=entry["digest"]).first()
                contents[blob.canonical if blob else entry["digest"]] = entry["size"]
    return sum(contents.values())


def assert_right(*projects: Project) -> None:
    for project in projects:
        assert used(project) == needed(project)


def assert_no_differences() -> None:
    """Needs tests whose transactions are real."""
    assert [str(difference) for difference in recount.check()] == []


def limit(project: Project, hard: int) -> None:
    quotas.set_limit(Quota.objects.get(project=project), hard, actor=SYSTEM, context=CONTEXT)
    limits.forget()
