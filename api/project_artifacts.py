"""`/projects/{…}/artifacts`: those of all its repositories."""

from __future__ import annotations

from django.db.models import OuterRef, QuerySet, Subquery
from rest_framework.request import Request
from rest_framework.response import Response

from api import places
from api.artifact_shapes import ArtifactShape, Wanted, shapes
from api.artifacts import ARTIFACTS, WITH
from api.document import Query, operation
from api.endpoint import Endpoint
from api.paging import paged
from api.query import parse
from artifacts.models import Manifest, Repository
from projects.models import Project

_LATEST = Query(
    "latest_in_repository",
    bool,
    "only the newest of each repository, among those of the artifact_type or media_type in q; else of no effect",
    more={"default": False},
)
_KINDS = ("artifact_type", "media_type")


class ProjectArtifacts(Endpoint):
    @operation(
        "listArtifactsOfProject",
        group="project",
        answers=list[ArtifactShape],
        query=[*ARTIFACTS.parameters, *WITH, _LATEST],
        refuses=[403, 404],
    )
    def get(self, request: Request, project_name_or_id: str) -> Response:
        """listArtifactsOfProject"""
        project = places.project(self, project_name_or_id, "artifact:list")
        asked = request.query_params
        rows = Manifest.objects.filter(project=project, listed=True).prefetch_related("repository").defer("payload")
        if asked.get("latest_in_repository", "").lower() in {"true", "1"}:
            rows = _latest(project, rows, asked.get("q", ""))
        rows = ARTIFACTS.sort(ARTIFACTS.narrow(rows, asked.get("q", "")), asked.get("sort", ""))
        return paged(request, rows, lambda found: shapes(found, Wanted.of(request)))


def _latest(project: Project, rows: QuerySet[Manifest], q: str) -> QuerySet[Manifest]:
    """Of `rows`, the newest in each repository among those of the kinds in `q`."""
    kinds = [ARTIFACTS.fields[key].condition(term) for key, term in parse(q).items() if key in _KINDS]
    if not kinds:
        return rows
    alike = Manifest.objects.filter(*kinds, repository=OuterRef("pk"), listed=True).order_by("-pushed_at", "-pk")
    filled = Repository.objects.filter(project=project, artifact_count__gt=0)
    newest = filled.annotate(newest=Subquery(alike.values("pk")[:1]))
    return rows.filter(pk__in=newest.values("newest"))
