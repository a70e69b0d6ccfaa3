"""The pages' URLs. Those below `c/` are Harbor's.

A repository's name has slashes, so `/-/` ends it: no name holds that.
"""

from django.urls import path

from portal import artifacts, copying, marking, oidc, projects, repositories, signing, views

_PROJECT = "projects/<str:name>"
_REPOSITORY = f"{_PROJECT}/repositories/<path:repository>"
_ARTIFACT = f"{_REPOSITORY}/-/artifacts/<str:digest>"

urlpatterns = [
    path("", views.start, name="start"),
    path("search", views.search, name="search"),
    path("account/sign-in", signing.sign_in, name="sign-in"),
    path("account/sign-out-everywhere", signing.sign_out_everywhere, name="sign-out-everywhere"),
    path("account/preferences", views.preferences, name="preferences"),
    path("account/resume", views.resume, name="resume"),
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
    path(_ARTIFACT, artifacts.artifact, name="artifact"),
    path(f"{_ARTIFACT}/delete", artifacts.delete, name="delete-artifact"),
    path(f"{_ARTIFACT}/tags", marking.add_tag, name="add-tag"),
    path(f"{_ARTIFACT}/labels", marking.labels, name="labels-of-artifact"),
    path(f"{_ARTIFACT}/copy", copying.copy, name="copy-artifact"),
    path(f"{_ARTIFACT}/additions/<str:addition>", artifacts.addition, name="addition"),
    path(f"{_REPOSITORY}/-/tags/<str:tag>/delete", marking.delete_tag, name="delete-tag"),
    path(f"{_REPOSITORY}/-/describe", repositories.describe, name="describe-repository"),
    path(f"{_REPOSITORY}/-/delete", repositories.delete, name="delete-repository"),
    path(_REPOSITORY, artifacts.artifacts, name="repository"),
]
