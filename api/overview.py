"""`/statistics` and `/search`: what there is, as far as the caller may know."""

from __future__ import annotations

from typing import TypedDict

from rest_framework.request import Request
from rest_framework.response import Response

from api import places, projects, repositories, totals
from api.document import Query, operation
from api.endpoint import Endpoint
from api.errors import Unprocessable
from artifacts import figures
from artifacts.models import Repository
from db.prepared import planned_anew
from db.searching import named
from projects.models import Project
from rbac.actors import Actor

_FOUND = 100  # of each kind; Harbor answers all there are


class StatisticShape(TypedDict):
    private_project_count: int
    private_repo_count: int
    public_project_count: int
    public_repo_count: int
    total_project_count: int
    total_repo_count: int
    total_storage_consumption: int


class SearchRepositoryShape(TypedDict):
    project_id: int
    project_name: str
    project_public: bool
    repository_name: str
    pull_count: int
    artifact_count: int


class SearchShape(TypedDict):
    project: list[projects.ProjectShape]
    repository: list[SearchRepositoryShape]


class Statistics(Endpoint):
    @operation("getStatistic", group="statistic", answers=StatisticShape)
    def get(self, request: Request) -> Response:
        """getStatistic: the totals and the storage are for administrators, as in Harbor."""
        self.require_somebody()
        return Response(_of_all() if self.actor.is_admin else _of(self.actor))


def _of_all() -> StatisticShape:
    projects_of = {public: totals.count(Project.objects.filter(public=public)) for public in (True, False)}
    repositories_of = {public: figures.repositories(public=public) for public in (True, False)}
    return {
        "public_project_count": projects_of[True],
        "public_repo_count": repositories_of[True],
        "private_project_count": projects_of[False],
        "private_repo_count": repositories_of[False],
        "total_project_count": sum(projects_of.values()),
        "total_repo_count": sum(repositories_of.values()),
        "total_storage_consumption": figures.stored(),
    }


def _of(actor: Actor) -> StatisticShape:
    """What `actor` may know of: its own private projects, and what is public, which is the same for everybody."""
    private = Project.objects.private_to(actor)
    return {
        "public_project_count": totals.count(Project.objects.filter(public=True)),
        "public_repo_count": figures.repositories(public=True),
        "private_project_count": totals.count(private),
        "private_repo_count": totals.count(Repository.objects.filter(private.holding())),
        "total_project_count": 0,
        "total_repo_count": 0,
        "total_storage_consumption": 0,
    }


class Search(Endpoint):
    @operation("search", group="search", answers=SearchShape, query=[Query("q", required=True, more={"minLength": 1})])
    def get(self, request: Request) -> Response:
        """search: projects and repositories by a part of their name."""
        wanted = request.query_params.get("q", "")
        if not wanted:
            raise Unprocessable("q in query is required")
        with planned_anew():
            return Response(self._found(wanted))

    def _found(self, wanted: str) -> SearchShape:
        known, _more = named(Project.objects.visible_to(self.actor), "name", wanted)
        found = list(known.select_related("owner").order_by("name")[:_FOUND])
        listable = places.projects_with(self.actor, "repository:list").holding()
        of_them, _more = named(Repository.objects.filter(listable), "name", wanted)
        rows = list(of_them.select_related("project").order_by("name")[:_FOUND])
        shown = [self._repository(row, shape) for row, shape in zip(rows, repositories.shapes(rows), strict=True)]
        return {"project": projects.shapes(found, self.actor), "repository": shown}

    def _repository(self, row: Repository, shape: repositories.RepositoryShape) -> SearchRepositoryShape:
        return {
            "project_id": row.project_id,
            "project_name": row.project.name,
            "project_public": row.project.public,
            "repository_name": row.name,
            "pull_count": row.pull_count,
            "artifact_count": shape["artifact_count"],
        }
