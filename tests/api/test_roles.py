"""Who may do what: every operation that there is, for everybody from nobody to the system administrator."""

import pytest

from artifacts.models import Manifest, Repository, Tag
from projects.models import Label
from rbac.models import User
from tests.api.caller import BASE, NOBODY, Caller, make_caller
from tests.people import join, make_project, make_user

pytestmark = pytest.mark.django_db

ROLES = ["limitedGuest", "guest", "developer", "maintainer", "projectAdmin"]
EVERYBODY = ["nobody", "stranger", *ROLES, "admin"]

# The first of EVERYBODY who may, and all after it too.
_TEAM = "projects/team"
_REPOSITORY = f"{_TEAM}/repositories/app"
_ARTIFACT = f"{_REPOSITORY}/artifacts/v1"
OPERATIONS = [
    ("get", "ping", "nobody"),
    ("get", "health", "nobody"),
    ("get", "usergroups", "admin"),
    ("post", "usergroups", "admin"),
    ("get", "usergroups/search?groupname=x", "stranger"),
    ("get", "usergroups/999", "admin"),
    ("put", "usergroups/999", "admin"),
    ("delete", "usergroups/999", "admin"),
    ("post", "ldap/ping", "admin"),
    ("get", "ldap/users/search?username=x", "admin"),
    ("post", "ldap/users/import", "admin"),
    ("get", "ldap/groups/search?groupname=x", "admin"),
    ("get", "systeminfo", "nobody"),
    ("get", "systeminfo/getcert", "nobody"),
    ("get", "systeminfo/volumes", "admin"),
    ("get", "search?q=x", "nobody"),
    ("get", "projects", "nobody"),
    ("get", "repositories", "nobody"),
    ("get", "icons/sha256:none", "nobody"),
    ("get", "statistics", "stranger"),
    ("get", "system/CVEAllowlist", "stranger"),
    ("put", "system/CVEAllowlist", "admin"),
    ("get", "labels?scope=g", "stranger"),
    ("post", "labels", "nobody"),  # what is asked for decides; see test_labels
    ("get", "labels/999", "stranger"),
    ("put", "labels/999", "admin"),
    ("delete", "labels/999", "admin"),
    ("get", "audit-logs", "stranger"),
    ("get", "auditlog-exts", "stranger"),
    ("get", "auditlog-exts/events", "admin"),
    ("get", "configurations", "admin"),
    ("put", "configurations", "admin"),
    ("get", "internalconfig", "admin"),
    ("get", "users/current", "stranger"),
    ("get", "users/current/permissions", "stranger"),
    ("get", "users/search?username=x", "stranger"),
    ("get", "users", "admin"),
    ("post", "users", "admin"),
    ("get", "users/9999999", "admin"),
    ("put", "users/9999999", "admin"),
    ("delete", "users/9999999", "admin"),
    ("put", "users/9999999/password", "admin"),
    ("put", "users/9999999/sysadmin", "admin"),
    ("put", "users/9999999/cli_secret", "admin"),
    ("post", "system/oidc/ping", "admin"),
    ("get", "users/current/tokens", "stranger"),
    ("post", "users/current/tokens", "stranger"),
    ("delete", "users/9999999/tokens/1", "admin"),
    ("get", "permissions", "projectAdmin"),
    ("get", "robots", "admin"),
    ("post", "robots", "stranger"),  # whose level the body says
    ("get", "robots/1", "admin"),
    ("put", "robots/1", "admin"),
    ("patch", "robots/1", "admin"),
    ("delete", "robots/1", "admin"),
    ("get", f"{_TEAM}/robots", "guest"),
    ("post", f"{_TEAM}/robots", "projectAdmin"),
    ("get", f"{_TEAM}/robots/1", "guest"),
    ("put", f"{_TEAM}/robots/1", "projectAdmin"),
    ("delete", f"{_TEAM}/robots/1", "projectAdmin"),
    ("get", "registries", "admin"),
    ("post", "registries", "admin"),
    ("post", "registries/ping", "admin"),
    ("get", "registries/999", "admin"),
    ("put", "registries/999", "admin"),
    ("delete", "registries/999", "admin"),
    ("get", "registries/999/info", "admin"),
    ("get", "replication/adapters", "admin"),
    ("get", "replication/adapterinfos", "admin"),
    ("get", "replication/policies", "admin"),
    ("post", "replication/policies", "admin"),
    ("get", "replication/policies/999", "admin"),
    ("put", "replication/policies/999", "admin"),
    ("delete", "replication/policies/999", "admin"),
    ("get", "replication/statistics", "admin"),
    ("get", "replication/executions", "admin"),
    ("post", "replication/executions", "admin"),
    ("get", "replication/executions/999", "admin"),
    ("put", "replication/executions/999", "admin"),
    ("post", "replication/executions/999/retry", "admin"),
    ("get", "replication/executions/999/tasks", "admin"),
    ("get", "replication/executions/999/tasks/1/log", "admin"),
    ("get", "quotas", "admin"),
    ("get", "quotas/999", "admin"),
    ("put", "quotas/999", "admin"),
    ("post", "projects", "stranger"),
    ("head", "projects?project_name=library", "stranger"),
    ("get", _TEAM, "limitedGuest"),
    ("put", _TEAM, "projectAdmin"),
    ("delete", _TEAM, "projectAdmin"),
    ("get", f"{_TEAM}/_deletable", "projectAdmin"),
    ("get", f"{_TEAM}/summary", "limitedGuest"),
    ("get", f"{_TEAM}/members", "guest"),
    ("post", f"{_TEAM}/members", "projectAdmin"),
    ("get", f"{_TEAM}/members/999", "guest"),
    ("put", f"{_TEAM}/members/999", "projectAdmin"),
    ("delete", f"{_TEAM}/members/999", "projectAdmin"),
    ("get", f"{_TEAM}/metadatas/", "projectAdmin"),
    ("post", f"{_TEAM}/metadatas/", "projectAdmin"),
    ("get", f"{_TEAM}/metadatas/public", "maintainer"),
    ("put", f"{_TEAM}/metadatas/public", "projectAdmin"),
    ("delete", f"{_TEAM}/metadatas/public", "projectAdmin"),
    ("get", f"{_TEAM}/artifacts", "limitedGuest"),
    ("get", f"{_TEAM}/immutabletagrules", "maintainer"),
    ("post", f"{_TEAM}/immutabletagrules", "maintainer"),
    ("put", f"{_TEAM}/immutabletagrules/999", "maintainer"),
    ("delete", f"{_TEAM}/immutabletagrules/999", "maintainer"),
    ("get", f"{_TEAM}/logs", "projectAdmin"),
    ("get", f"{_TEAM}/auditlog-exts", "projectAdmin"),
    ("get", f"{_TEAM}/repositories", "limitedGuest"),
    ("get", _REPOSITORY, "limitedGuest"),
    ("put", _REPOSITORY, "developer"),
    ("delete", f"{_TEAM}/repositories/none", "maintainer"),
    ("get", f"{_REPOSITORY}/artifacts", "limitedGuest"),
    ("post", f"{_REPOSITORY}/artifacts?from=team/app:v1", "developer"),
    ("get", _ARTIFACT, "limitedGuest"),
    ("delete", f"{_REPOSITORY}/artifacts/none", "maintainer"),
    ("get", f"{_ARTIFACT}/tags", "limitedGuest"),
    ("post", f"{_ARTIFACT}/tags", "developer"),
    ("delete", f"{_ARTIFACT}/tags/none", "maintainer"),
    ("get", f"{_ARTIFACT}/accessories", "limitedGuest"),
    ("get", f"{_ARTIFACT}/additions/build_history", "limitedGuest"),
    ("post", f"{_ARTIFACT}/labels", "developer"),
    ("delete", f"{_ARTIFACT}/labels/999", "developer"),
]


@pytest.fixture
def callers() -> dict[str, Caller]:
    """One of each, in a private project with one artifact."""
    team = make_project("team")
    make_project("library", public=True)
    repository = Repository.objects.create(name="team/app", project=team)
    manifest = Manifest.objects.create(
        repository=repository, digest=f"sha256:{'a' * 64}", media_type="application/vnd.oci.image.index.v1+json",
        payload=b"{}", size=2,
    )  # fmt: skip
    Tag.objects.create(repository=repository, name="v1", manifest=manifest)
    found = {"nobody": NOBODY, "stranger": make_caller("stranger")[0]}
    for role in ROLES:
        found[role], user = make_caller(role)
        join(team, user, role)
    found["admin"] = make_caller("admin", is_admin=True)[0]
    make_user("subject", id=9_999_999)
    Label.objects.create(id=999, name="global")
    return found


@pytest.mark.parametrize(("method", "path", "first"), OPERATIONS)
def test_an_operation_is_for_some_and_for_nobody_below(callers, method, path, first):
    allowed = EVERYBODY.index(first)
    for place, who in enumerate(EVERYBODY):
        if place > allowed + 1 and who != "admin" and method == "delete":
            continue  # it may be gone by now
        send = getattr(callers[who].client, method)
        extra = {"data": "[]", "content_type": "application/json"} if method in {"post", "put", "patch"} else {}
        status = send(BASE + path, **extra).status_code
        if place < allowed:
            assert status == (401 if who == "nobody" else 403), who
        else:
            assert status not in {401, 403}, who
            assert status < 500, who


def test_the_table_has_every_operation_there_is():
    from tests.api.compatibility import routed  # noqa: PLC0415

    assert len(OPERATIONS) == len(routed())


def test_a_locked_member_is_nobody_at_all(callers):
    User.objects.filter(username="projectAdmin").update(is_active=False)
    assert callers["projectAdmin"].get(_TEAM).status_code == 401
