"""Harbor's REST API v2.0, under `/api/v2.0/`. A path that isn't here yet answers 501."""

from django.urls import URLPattern, re_path

from api import (
    allowlists,
    artifacts,
    configurations,
    health,
    icons,
    immutable,
    labels,
    ldap,
    logs,
    members,
    oidc,
    overview,
    permissions,
    personal_tokens,
    project_artifacts,
    project_robots,
    projects,
    quotas,
    registries,
    replication,
    replication_policies,
    repositories,
    robots,
    systeminfo,
    usergroups,
    users,
)
from api.endpoint import Endpoint, Later

_NAMES = {"repository_name": "(?s:.*[^/])"}  # slashes may come decoded; everything else is one segment


def route(path: str, view: type[Endpoint]) -> URLPattern:
    """`path` as the contract writes it, with {names}. A slash at the end makes no difference, as in Harbor: terraform
    asks for `/quotas/`."""
    parts = [_segment(part) for part in path.rstrip("/").split("/")]
    return re_path(rf"^{'/'.join(parts)}/?\Z", view.as_view(), name=path)


def _segment(part: str) -> str:
    if not part.startswith("{"):
        return part
    name = part.strip("{}")
    return f"(?P<{name}>{_NAMES.get(name, '[^/]+')})"


_REPOSITORY = "projects/{project_name}/repositories/{repository_name}"
_ARTIFACT = f"{_REPOSITORY}/artifacts/{{reference}}"

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
    route("users/{user_id}/cli_secret", users.UserCliSecret),
    route("system/oidc/ping", oidc.Ping),
    route("users/{user_id}/tokens", personal_tokens.PersonalTokens),
    route("users/{user_id}/tokens/{token_id}", personal_tokens.OnePersonalToken),
    route("configurations", configurations.Configurations),
    route("internalconfig", configurations.InternalConfig),
    route("usergroups", usergroups.UserGroups),
    route("usergroups/search", usergroups.UserGroupSearch),
    route("usergroups/{group_id}", usergroups.OneUserGroup),
    route("ldap/ping", ldap.Ping),
    route("ldap/users/search", ldap.Users),
    route("ldap/users/import", ldap.Import),
    route("ldap/groups/search", ldap.Groups),
    route("systeminfo", systeminfo.SystemInfo),
    route("systeminfo/getcert", systeminfo.Certificate),
    route("systeminfo/volumes", systeminfo.Volumes),
    route("statistics", overview.Statistics),
    route("search", overview.Search),
    route("system/CVEAllowlist", allowlists.SystemAllowlist),
    route("labels", labels.Labels),
    route("labels/{label_id}", labels.OneLabel),
    route("audit-logs", logs.AuditLogs),
    route("auditlog-exts", logs.AuditLogExts),
    route("auditlog-exts/events", logs.EventTypes),
    route("projects", projects.Projects),
    route("projects/{project_name_or_id}", projects.OneProject),
    route("projects/{project_name_or_id}/_deletable", projects.Deletable),
    route("projects/{project_name_or_id}/summary", projects.Summary),
    route("projects/{project_name_or_id}/metadatas/", projects.Metadatas),
    route("projects/{project_name_or_id}/metadatas/{meta_name}", projects.OneMetadata),
    route("projects/{project_name_or_id}/members", members.Members),
    route("projects/{project_name_or_id}/members/{mid}", members.OneMember),
    route("projects/{project_name_or_id}/artifacts", project_artifacts.ProjectArtifacts),
    route("projects/{project_name_or_id}/immutabletagrules", immutable.ImmutableRules),
    route("projects/{project_name_or_id}/immutabletagrules/{immutable_rule_id}", immutable.OneImmutableRule),
    route("projects/{project_name}/logs", logs.ProjectLogs),
    route("projects/{project_name}/auditlog-exts", logs.ProjectLogExts),
    route("projects/{project_name_or_id}/robots", project_robots.ProjectRobots),
    route("projects/{project_name_or_id}/robots/{robot_id}", project_robots.OneProjectRobot),
    route("robots", robots.Robots),
    route("robots/{robot_id}", robots.OneRobot),
    route("permissions", permissions.Permissions),
    route("registries", registries.Registries),
    route("registries/ping", registries.Ping),
    route("registries/{id}", registries.OneRegistry),
    route("registries/{id}/info", registries.RegistryInfo),
    route("replication/adapters", registries.Adapters),
    route("replication/adapterinfos", registries.AdapterInfos),
    route("replication/policies", replication_policies.Policies),
    route("replication/policies/{id}", replication_policies.OnePolicy),
    route("replication/statistics", replication.Statistics),
    route("replication/executions", replication.Executions),
    route("replication/executions/{id}", replication.OneExecution),
    route("replication/executions/{id}/retry", replication.Retry),
    route("replication/executions/{id}/tasks", replication.Tasks),
    route("replication/executions/{id}/tasks/{task_id}/log", replication.TaskLog),
    route("quotas", quotas.Quotas),
    route("quotas/{id}", quotas.OneQuota),
    route("repositories", repositories.AllRepositories),
    route("icons/{digest}", icons.OneIcon),
    route("projects/{project_name}/repositories", repositories.Repositories),
    # The longest first: a repository's name may hold slashes.
    route(f"{_REPOSITORY}/artifacts", artifacts.Artifacts),
    route(f"{_ARTIFACT}/additions/vulnerabilities", Later),
    route(f"{_ARTIFACT}/additions/{{addition}}", artifacts.Addition),
    route(f"{_ARTIFACT}/accessories", artifacts.Accessories),
    route(f"{_ARTIFACT}/tags", artifacts.Tags),
    route(f"{_ARTIFACT}/tags/{{tag_name}}", artifacts.OneTag),
    route(f"{_ARTIFACT}/labels", artifacts.ArtifactLabels),
    route(f"{_ARTIFACT}/labels/{{label_id}}", artifacts.OneArtifactLabel),
    route(f"{_ARTIFACT}/scan", Later),
    route(f"{_ARTIFACT}/scan/stop", Later),
    route(f"{_ARTIFACT}/scan/{{report_id}}/log", Later),
    route(_ARTIFACT, artifacts.OneArtifact),
    route(_REPOSITORY, repositories.OneRepository),
    re_path("", Later.as_view(), name="later"),
]
