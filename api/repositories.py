"""Repositories, of one project and of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, places
from api.document import Moment, operation
from api.endpoint import Endpoint
from api.errors import BadRequest
from api.paging import paged
from api.query import Exact, Field, Listing, Term, a_number, a_time
from api.times import written
from artifacts import repositories
from artifacts.models import BlobLink, Repository


def _holding(term: Term) -> Q:
    """Those that hold a blob: a Harbor that replicates hither asks from where it could mount it."""
    if not isinstance(term, Exact):
        raise BadRequest("blob_digest is a digest")
    return Q(pk__in=BlobLink.objects.filter(blob__digest=term.value).values("repository"))


_REPOSITORIES = Listing(
    fields={
        "repository_id": Field("id", a_number),
        "project_id": Field("project_id", a_number),
        "name": Field("name"),
        "pull_count": Field("pull_count", a_number),
        "creation_time": Field("created_at", a_time),
        "update_time": Field("updated_at", a_time),
    },
    order=["-id"],
    special={"blob_digest": _holding},
)


class RepositoryShape(TypedDict):
    id: int
    project_id: int
    name: str
    description: str
    artifact_count: int
    pull_count: int
    creation_time: Moment
    update_time: Moment


def shapes(rows: Sequence[Repository]) -> list[RepositoryShape]:
    """Repositories as Harbor shows them: their artifacts are counted as a list of them would be."""
    return [
        {
            "id": row.pk,
            "project_id": row.project_id,
            "name": row.name,
            "description": row.description,
            "artifact_count": row.artifact_count,
            "pull_count": row.pull_count,
            "creation_time": written(row.created_at),
            "update_time": written(row.updated_at),
        }
        for row in rows
    ]


class AllRepositories(Endpoint):
    @operation("listAllRepositories", group="repository", answers=list[RepositoryShape], query=_REPOSITORIES.parameters)
    def get(self, request: Request) -> Response:
        """listAllRepositories: of every project in which the caller may list them."""
        rows = Repository.objects.filter(places.projects_with(self.actor, "repository:list").holding())
        rows = _REPOSITORIES.narrow(rows, request.query_params.get("q", ""))
        return paged(request, _REPOSITORIES.sort(rows, request.query_params.get("sort", "")), shapes)


class Repositories(Endpoint):
    @operation(
        "listRepositories",
        group="repository",
        answers=list[RepositoryShape],
        query=_REPOSITORIES.parameters,
        refuses=[403, 404],
    )
    def get(self, request: Request, project_name: str) -> Response:
        """listRepositories"""
        project = places.project(self, project_name, "repository:list", named=True)
        rows = _REPOSITORIES.narrow(Repository.objects.filter(project=project), request.query_params.get("q", ""))
        return paged(request, _REPOSITORIES.sort(rows, request.query_params.get("sort", "")), shapes)


class OneRepository(Endpoint):
    @operation("getRepository", group="repository", answers=RepositoryShape, refuses=[400, 403, 404])
    def get(self, request: Request, project_name: str, repository_name: str) -> Response:
        """getRepository"""
        return Response(shapes([places.repository(self, project_name, repository_name, "repository:read")])[0])

    @operation("updateRepository", group="repository", body=bodies.RepositoryUpdate, refuses=[403, 404])
    def put(self, request: Request, project_name: str, repository_name: str) -> Response:
        """updateRepository: its description."""
        repository = places.repository(self, project_name, repository_name, "repository:update")
        description = bodies.read(bodies.RepositoryUpdate, request)["description"]
        repositories.describe(repository, description, actor=self.actor, context=self.context)
        return Response()

    @operation("deleteRepository", group="repository", refuses=[400, 403, 404, 412])
    def delete(self, request: Request, project_name: str, repository_name: str) -> Response:
        """deleteRepository: with all that it holds."""
        repository = places.repository(self, project_name, repository_name, "repository:delete")
        repositories.delete(repository.name, actor=self.actor, context=self.context)
        return Response()
