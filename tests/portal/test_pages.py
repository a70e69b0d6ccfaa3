"""Every page that there is, for everybody from nobody to the system administrator; and how many queries it takes."""

from functools import partial

import pytest
from django.db import connection

from configuration import values
from projects.models import Member, Project
from rbac import policy
from rbac.models import Role
from tests.api import stage
from tests.people import make_user
from tests.portal.browser import Browser
from tests.roundtrips import fewest

pytestmark = pytest.mark.django_db

ROLES = ["limitedGuest", "guest", "developer", "maintainer", "projectAdmin"]
EVERYBODY = ["nobody", "stranger", *ROLES, "admin"]
_TEAM = "/projects/team"
_REPOSITORY = f"{_TEAM}/repositories/app"
_ARTIFACT = f"{_REPOSITORY}/-/artifacts/{stage.DIGEST}"
# The first of EVERYBODY who sees a page, and all after it too.
PAGES = [
    ("/", "nobody"),
    ("/search?q=team", "nobody"),
    ("/search", "nobody"),
    ("/projects", "nobody"),
    ("/projects?q=te&show=mine&sort=-created", "nobody"),
    ("/projects?show=starred", "nobody"),
    ("/projects?show=public", "nobody"),
    ("/projects/library", "nobody"),
    ("/new-project", "stranger"),
    (_TEAM, "limitedGuest"),
    (f"{_TEAM}?q=ap&sort=-pulls", "limitedGuest"),
    (f"{_TEAM}/delete", "projectAdmin"),
    (_REPOSITORY, "limitedGuest"),
    (f"{_REPOSITORY}?q=v", "limitedGuest"),
    (f"{_REPOSITORY}?label={stage.ID}", "limitedGuest"),
    (f"{_REPOSITORY}/-/describe", "developer"),
    (f"{_REPOSITORY}/-/delete", "maintainer"),
    (f"{_REPOSITORY}/-/tags/v1/delete", "maintainer"),
    (_ARTIFACT, "limitedGuest"),
    (f"{_REPOSITORY}/-/artifacts/sha256:{'b' * 64}", "limitedGuest"),
    (f"{_ARTIFACT}/delete", "maintainer"),
    (f"{_ARTIFACT}/tags", "developer"),
    (f"{_ARTIFACT}/labels", "developer"),
    (f"{_ARTIFACT}/copy", "limitedGuest"),
    (f"{_ARTIFACT}/move", "maintainer"),
    (f"{_TEAM}/members", "guest"),
    (f"{_TEAM}/members?q=some", "guest"),
    (f"{_TEAM}/members/new", "projectAdmin"),
    (f"{_TEAM}/members/{stage.ID}/remove", "projectAdmin"),
    (f"{_TEAM}/robots", "guest"),
    (f"{_TEAM}/robots?q=robot$team", "guest"),
    (f"{_TEAM}/robots/new", "projectAdmin"),
    (f"{_TEAM}/robots/{stage.ID + 1}/secret", "projectAdmin"),
    (f"{_TEAM}/robots/{stage.ID + 1}/delete", "projectAdmin"),
    (f"{_TEAM}/labels", "guest"),
    (f"{_TEAM}/labels/new", "maintainer"),
    (f"{_TEAM}/labels/{stage.ID}", "maintainer"),
    (f"{_TEAM}/labels/{stage.ID}/delete", "maintainer"),
    (f"{_TEAM}/rules", "maintainer"),
    (f"{_TEAM}/rules/new", "maintainer"),
    (f"{_TEAM}/rules/{stage.ID}", "maintainer"),
    (f"{_TEAM}/rules/{stage.ID}/delete", "maintainer"),
    (f"{_TEAM}/rules/preview?repository_decoration=repoMatches&repository_pattern=**", "maintainer"),
    (f"{_TEAM}/logs", "projectAdmin"),
    (f"{_TEAM}/logs?actor=admin&kind=login+user&since=2026-01-01&until=2026-02-01&result=success", "projectAdmin"),
    (f"{_TEAM}/logs?as=csv", "projectAdmin"),
    (f"{_TEAM}/settings", "projectAdmin"),
    ("/administration/robots", "admin"),
    ("/administration/robots/new", "admin"),
    (f"/administration/robots/{stage.ID}/secret", "admin"),
    ("/administration/labels", "admin"),
    ("/administration/labels/new", "admin"),
    ("/administration/trail?project=team", "admin"),
    ("/administration/trail?as=json", "admin"),
    ("/account", "stranger"),
    ("/account/password", "stranger"),
    ("/account/tokens/new", "stranger"),
    ("/administration/users", "admin"),
    ("/administration/users?q=some&sort=-created", "admin"),
    ("/administration/users/new", "admin"),
    (f"/administration/users/{stage.ID}", "admin"),
    (f"/administration/users/{stage.ID}/password", "admin"),
    (f"/administration/users/{stage.ID}/delete", "admin"),
    ("/administration/groups", "admin"),
    ("/administration/groups/new", "admin"),
    (f"/administration/groups/{stage.ID}", "admin"),
    (f"/administration/groups/{stage.ID}/rename", "admin"),
    (f"/administration/groups/{stage.ID}/delete", "admin"),
    ("/administration/quotas", "admin"),
    ("/administration/quotas?sort=hard", "admin"),
    (f"/administration/quotas/{stage.ID}", "admin"),
    ("/administration/configuration", "admin"),
    ("/administration/configuration/ldap", "admin"),
    ("/administration/configuration/oidc", "admin"),
    ("/administration/system", "admin"),
]
_LISTS = (
    _TEAM, f"{_TEAM}?q=more", _REPOSITORY, f"{_REPOSITORY}?q=more", f"{_REPOSITORY}?label={stage.ID}", _ARTIFACT,
    f"{_ARTIFACT}/labels", f"{_TEAM}/members", f"{_TEAM}/robots", f"{_TEAM}/labels", f"{_TEAM}/rules", f"{_TEAM}/logs",
    "/projects?q=more", "/search?q=more", "/account",
)  # fmt: skip
_ADMINISTRATION = (
    "/administration/users", "/administration/groups", f"/administration/groups/{stage.ID}", "/administration/robots",
    "/administration/labels", "/administration/quotas", "/administration/trail", "/administration/system",
    "/administration/registries", "/administration/replication", f"/administration/replication/{stage.ID}",
    "/administration/replication/flows", "/administration/replication/queues", "/administration/replication/executions",
    f"/administration/replication/executions/{stage.ID}",
    f"/administration/replication/executions/{stage.ID}/tasks/{stage.ID}",
)  # fmt: skip
# What one sends to do something: the path, and the first who may. The deed itself may then fail for what it names.
DEEDS = [
    (f"{_TEAM}/star", "limitedGuest"),
    ("/new-project", "stranger"),
    (f"{_TEAM}/delete", "projectAdmin"),
    (f"{_REPOSITORY}/-/describe", "developer"),
    (f"{_REPOSITORY}/-/delete", "maintainer"),
    (f"{_REPOSITORY}/-/tags/v1/delete", "maintainer"),
    (f"{_ARTIFACT}/delete", "maintainer"),
    (f"{_ARTIFACT}/tags", "developer"),
    (f"{_ARTIFACT}/labels", "developer"),
    (f"{_ARTIFACT}/copy", "limitedGuest"),
    (f"{_ARTIFACT}/move", "maintainer"),
    (f"{_TEAM}/members/new", "projectAdmin"),
    (f"{_TEAM}/members/{stage.ID}/role", "projectAdmin"),
    (f"{_TEAM}/members/{stage.ID}/remove", "projectAdmin"),
    (f"{_TEAM}/robots/new", "projectAdmin"),
    (f"{_TEAM}/robots/{stage.ID + 1}/switch", "projectAdmin"),
    (f"{_TEAM}/robots/{stage.ID + 1}/delete", "projectAdmin"),
    (f"{_TEAM}/labels/new", "maintainer"),
    (f"{_TEAM}/labels/{stage.ID}", "maintainer"),
    (f"{_TEAM}/labels/{stage.ID}/delete", "maintainer"),
    (f"{_TEAM}/rules/new", "maintainer"),
    (f"{_TEAM}/rules/{stage.ID}", "maintainer"),
    (f"{_TEAM}/rules/{stage.ID}/switch", "maintainer"),
    (f"{_TEAM}/rules/{stage.ID}/delete", "maintainer"),
    (f"{_TEAM}/settings", "projectAdmin"),
    ("/administration/robots/new", "admin"),
    ("/administration/labels/new", "admin"),
    ("/account", "stranger"),
    ("/account/password", "stranger"),
    ("/account/tokens/new", "stranger"),
    ("/administration/users/new", "admin"),
    (f"/administration/users/{stage.ID}", "admin"),
    (f"/administration/users/{stage.ID}/password", "admin"),
    (f"/administration/users/{stage.ID}/change", "admin"),
    (f"/administration/groups/{stage.ID}", "admin"),
    (f"/administration/groups/{stage.ID}/take-out", "admin"),
    (f"/administration/quotas/{stage.ID}", "admin"),
    ("/administration/configuration/audit", "admin"),
]


@pytest.fixture
def browsers(upstream) -> dict[str, Browser]:
    stage.build()
    found = {"nobody": Browser()}
    for name in ("stranger", *ROLES):
        user = make_user(name)
        if name in ROLES:
            Member.objects.create(project_id=stage.ID, user=user, role=Role.objects.get(name=name))
    for name in ("stranger", *ROLES, "admin"):
        found[name] = Browser()
        assert found[name].sign_in(name).status_code == 302
    return found


def test_each_page_is_shown_to_those_who_may_see_it_and_no_others(browsers):
    wrong = []
    for path, first in PAGES:
        for place, name in enumerate(EVERYBODY):
            answer = browsers[name].get(path)
            expected = 200 if place >= EVERYBODY.index(first) else 302 if name == "nobody" else 403
            if answer.status_code != expected:
                wrong.append((path, name, answer.status_code, expected))
            if answer.status_code == 302:
                assert answer["Location"].startswith("/account/sign-in?then=")
    assert not wrong


def test_what_somebody_may_not_do_is_refused_when_it_is_sent_all_the_same(browsers):
    wrong, tokens = [], {name: browsers[name].csrf_token for name in EVERYBODY[1:]}
    for path, first in DEEDS:
        for place, name in enumerate(EVERYBODY[1:], start=1):
            browser = browsers[name]
            answer = browser.post(path, {"csrf_token": tokens[name]})
            refused = answer.status_code == 403
            if refused != (place < EVERYBODY.index(first)) or answer.status_code >= 500:
                wrong.append((path, name, answer.status_code))
    assert not wrong


def test_nothing_is_done_without_the_pages_token(browsers):
    for path in sorted({path.partition("?")[0] for path, _ in DEEDS}):
        answer = browsers["admin"].post(path, {"confirm": "team"})
        assert (path, answer.status_code, "CSRF" in answer.content.decode()) == (path, 403, True)


def test_no_page_takes_more_queries_for_more_rows(browsers, monkeypatch):
    for module, seconds in ((values, "_SECONDS"), (policy, "_CACHE_SECONDS")):
        monkeypatch.setattr(module, seconds, 3600.0)  # what is remembered stays so, however slow the machine is
    # To prepare a statement that was used some times before is a round trip too.
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)

    def costs() -> dict[tuple[str, str], int]:
        keeper, admin = browsers["projectAdmin"], browsers["admin"]
        pages = [("projectAdmin", keeper, path) for path in ("/", "/projects", *_LISTS)]
        pages += [("admin", admin, path) for path in ("/", *_LISTS, *_ADMINISTRATION)]
        return {(name, path): fewest(partial(browser.get, path), tries=2) for name, browser, path in pages}

    def fill(numbers: range) -> None:
        for number in numbers:
            made = Project.objects.create(name=f"more-{number}")
            Member.objects.create(project=made, user=user, role=role)
            stage.fill_more(number)
            stage.crowd_more(number)

    role = Role.objects.get(name="projectAdmin")
    user = Member.objects.get(user__username="projectAdmin").user
    fill(range(2))
    before = costs()
    fill(range(2, 12))
    assert {page: cost for page, cost in costs().items() if cost != before[page]} == {}
    assert max(before.values()) <= 25


def test_what_is_not_offered_is_not_in_the_page(browsers):
    assert "New project" not in browsers["nobody"].text("/projects")
    for name, offered in (("guest", False), ("maintainer", True)):
        page = browsers[name].text(_ARTIFACT)
        assert ("/tags/v1/delete" in page, f"{_ARTIFACT}/delete" in page) == (offered, offered)


def test_a_list_of_artifacts_is_narrowed_to_a_label(browsers):
    def shown(label: object) -> int:
        return len(browsers["guest"].get(f"{_REPOSITORY}?label={label}").context["entries"])

    assert (shown(stage.ID), shown(stage.ID + 1), shown("x"), shown(5)) == (1, 0, 2, 2)


def test_one_page_leads_to_the_next_and_back(browsers):
    for number in range(60):
        Project.objects.create(name=f"p-{number:02}", public=True)
    browser, seen, path = browsers["nobody"], [], "/projects"
    while path:
        page = browser.get(path)
        seen += [entry["project"].name for entry in page.context["entries"]]
        following = page.context["page"].next
        path = f"/projects?after={following}" if following else ""
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 61
    before = browser.get(f"/projects?before={page.context['page'].previous}")
    assert [entry["project"].name for entry in before.context["entries"]] == seen[25:50]
    assert browser.get("/projects?after=nonsense").status_code == 400
