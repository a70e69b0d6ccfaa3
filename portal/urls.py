"""The pages' URLs. Those below `c/` are Harbor's.

A repository's name has slashes, so `/-/` ends it: no name holds that.
"""

from collections.abc import Callable

from django.http import HttpResponse
from django.urls import URLPattern, path

from portal import (
    account,
    artifacts,
    configurations,
    copying,
    groups,
    immutable,
    labels,
    limits,
    marking,
    members,
    oidc,
    picture,
    projects,
    replication_urls,
    repositories,
    robots,
    settings,
    signing,
    system,
    trails,
    users,
    views,
)

_PROJECT = "projects/<str:name>"
_REPOSITORY = f"{_PROJECT}/repositories/<path:repository>"
_ARTIFACT = f"{_REPOSITORY}/-/artifacts/<str:digest>"


def _of_both(place: str, view: Callable[..., HttpResponse], name: str) -> list[URLPattern]:
    """A page that a project has and the installation too."""
    return [
        path(f"{_PROJECT}/{place}", view, name=name),
        path(f"administration/{place}", view, name=f"system-{name}"),
    ]


urlpatterns = [
    path("", views.start, name="start"),
    path("search", views.search, name="search"),
    path("account/sign-in", signing.sign_in, name="sign-in"),
    path("account/sign-out-everywhere", signing.sign_out_everywhere, name="sign-out-everywhere"),
    path("account/preferences", views.preferences, name="preferences"),
    path("account/resume", views.resume, name="resume"),
    path("undo", views.undo, name="undo"),
    path("c/login", signing.login, name="login"),
    path("c/log_out", signing.log_out, name="log-out"),
    path("c/oidc/login", oidc.login, name="oidc-login"),
    path("c/oidc/callback", oidc.callback, name="oidc-callback"),
    path("c/oidc/onboard", oidc.onboard, name="oidc-onboard"),
    path("projects", projects.projects, name="projects"),
    path("new-project", projects.new, name="new-project"),
    path(_PROJECT, repositories.repositories_of, name="project"),
    path(f"{_PROJECT}/star", projects.star, name="star"),
    path(f"{_PROJECT}/delete", projects.delete, name="delete-project"),
    path(f"{_PROJECT}/members", members.members, name="members"),
    path(f"{_PROJECT}/members/new", members.add, name="add-member"),
    path(f"{_PROJECT}/members/<int:member_id>/role", members.change_role, name="change-role"),
    path(f"{_PROJECT}/members/<int:member_id>/remove", members.remove, name="remove-member"),
    path(f"{_PROJECT}/rules", immutable.rules, name="rules"),
    path(f"{_PROJECT}/rules/new", immutable.new, name="new-rule"),
    path(f"{_PROJECT}/rules/preview", immutable.preview, name="preview-rule"),
    path(f"{_PROJECT}/rules/<int:rule_id>", immutable.edit, name="edit-rule"),
    path(f"{_PROJECT}/rules/<int:rule_id>/switch", immutable.switch, name="switch-rule"),
    path(f"{_PROJECT}/rules/<int:rule_id>/delete", immutable.delete, name="delete-rule"),
    path(f"{_PROJECT}/logs", trails.of_project, name="logs"),
    path(f"{_PROJECT}/settings", settings.settings, name="settings"),
    *_of_both("robots", robots.robots_of, "robots"),
    *_of_both("robots/new", robots.new, "new-robot"),
    *_of_both("robots/<int:robot_id>/secret", robots.refresh, "refresh-robot"),
    *_of_both("robots/<int:robot_id>/switch", robots.switch, "switch-robot"),
    *_of_both("robots/<int:robot_id>/delete", robots.delete, "delete-robot"),
    *_of_both("labels", labels.labels_of, "labels"),
    *_of_both("labels/new", labels.new, "new-label"),
    *_of_both("labels/<int:label_id>", labels.edit, "edit-label"),
    *_of_both("labels/<int:label_id>/delete", labels.delete, "delete-label"),
    path("account", account.account, name="account"),
    path("account/register", account.register, name="register"),
    path("account/password", account.password, name="password"),
    path("account/tokens/new", account.new_token, name="new-token"),
    path("account/tokens/<int:token_id>/revoke", account.revoke, name="revoke-token"),
    path("administration/users", users.users, name="users"),
    path("administration/users/new", users.new, name="new-user"),
    path("administration/users/<int:user_id>", users.user, name="user"),
    path("administration/users/<int:user_id>/password", users.password, name="user-password"),
    path("administration/users/<int:user_id>/change", users.change, name="change-user"),
    path("administration/users/<int:user_id>/delete", users.delete, name="delete-user"),
    path("administration/groups", groups.list_groups, name="groups"),
    path("administration/groups/new", groups.new, name="new-group"),
    path("administration/groups/<int:group_id>", groups.group, name="group"),
    path("administration/groups/<int:group_id>/take-out", groups.take_out, name="take-out"),
    path("administration/groups/<int:group_id>/rename", groups.rename, name="rename-group"),
    path("administration/groups/<int:group_id>/delete", groups.delete, name="delete-group"),
    path("administration/quotas", limits.limits, name="quotas"),
    path("administration/quotas/<int:quota_id>", limits.limit, name="quota"),
    path("administration/configuration", configurations.configuration, name="configuration"),
    path("administration/configuration/<str:part>", configurations.configuration, name="configuration-part"),
    path("administration/system/states", picture.states, name="states"),
    path("administration/system", system.system, name="system"),
    path("administration/trail", trails.of_everything, name="system-trail"),
    path(_ARTIFACT, artifacts.artifact, name="artifact"),
    path(f"{_ARTIFACT}/delete", artifacts.delete, name="delete-artifact"),
    path(f"{_ARTIFACT}/tags", marking.add_tag, name="add-tag"),
    path(f"{_ARTIFACT}/labels", marking.labels, name="labels-of-artifact"),
    path(f"{_ARTIFACT}/copy", copying.copy, name="copy-artifact"),
    path(f"{_ARTIFACT}/move", copying.move, name="move-artifact"),
    path(f"{_ARTIFACT}/additions/<str:addition>", artifacts.addition, name="addition"),
    path(f"{_REPOSITORY}/-/tags/<str:tag>/delete", marking.delete_tag, name="delete-tag"),
    path(f"{_REPOSITORY}/-/describe", repositories.describe, name="describe-repository"),
    path(f"{_REPOSITORY}/-/delete", repositories.delete, name="delete-repository"),
    path(_REPOSITORY, artifacts.artifacts, name="repository"),
    *replication_urls.urlpatterns,
]
