"""Harbor's REST API v2.0, under `/api/v2.0/`. A path that isn't here yet answers 501."""

from django.urls import URLPattern, re_path

from api import health, members, projects, systeminfo, users
from api.endpoint import Endpoint, Later

_NAMES = {"repository_name": ".+"}  # slashes may come decoded; everything else is one segment


def route(path: str, view: type[Endpoint]) -> URLPattern:
    """`path` as the contract writes it, with {names}."""
    parts = [_segment(part) for part in path.split("/")]
    return re_path(f"^{'/'.join(parts)}$", view.as_view(), name=path)


def _segment(part: str) -> str:
    if not part.startswith("{"):
        return part
    name = part.strip("{}")
    return f"(?P<{name}>{_NAMES.get(name, '[^/]+')})"


urlpatterns = [
    route("ping", health.Ping),
    route("health", health.Health),
    route("users", users.Users),
    route("users/search", users.UserSearch),
    route("users/current", users.CurrentUser),
    route("users/current/permissions", users.CurrentPermissions),
    route("users/{user_id}", users.OneUser),
    route("users/{user_id}/password", users.UserPassword),
    route("users/{user_id}/sysadmin", users.UserSysAdmin),
    route("systeminfo", systeminfo.SystemInfo),
    route("projects", projects.Projects),
    route("projects/{project_name_or_id}", projects.OneProject),
    route("projects/{project_name_or_id}/_deletable", projects.Deletable),
    route("projects/{project_name_or_id}/summary", projects.Summary),
    route("projects/{project_name_or_id}/metadatas/", projects.Metadatas),
    route("projects/{project_name_or_id}/metadatas/{meta_name}", projects.OneMetadata),
    route("projects/{project_name_or_id}/members", members.Members),
    route("projects/{project_name_or_id}/members/{mid}", members.OneMember),
    re_path("", Later.as_view(), name="later"),
]
