"""HEAD, and what a client says it accepts: neither changes what an operation answers."""

import pytest

from api.urls import urlpatterns
from tests.api import stage
from tests.api.caller import BASE, NOBODY, Caller, error_of
from tests.api.compatibility import routed

pytestmark = pytest.mark.django_db

READ = sorted(path for method, path in routed() if method == "get" and ("head", path) not in routed())
ACCEPTED = [
    "",
    "*/*",
    "text/html",
    "application/xml;q=1",
    "application/json;q=0",
    "application/vnd.api+json; version=3",
]
ACCEPTED += [";;;=,", "a/b/c", "*", "text/*;q=x", "application/json\t", "é", "x/y," * 500]


def place(path: str) -> str:
    """`path` with values that lead somewhere, as far as there is anything."""
    view = next(each for each in urlpatterns if each.name == path).callback.view_class  # type: ignore[attr-defined]
    return "/".join(
        str(stage.known(view.get.operation.name, part.strip("{}"))) if part.startswith("{") else part
        for part in path.split("/")
    )


@pytest.fixture
def admin() -> Caller:
    stage.build()
    return Caller("admin")


def test_every_get_has_a_head_of_the_same_status_and_headers(admin):
    for path in READ:
        url = BASE + place(path)
        get, head = admin.client.get(url), admin.client.head(url)
        assert (head.status_code, head.content) == (get.status_code, b""), url
        assert head["Content-Type"] == get["Content-Type"], url
        assert head.get("X-Total-Count") == get.get("X-Total-Count"), url


def test_a_head_is_refused_as_the_get_is():
    assert NOBODY.head("users").status_code == 401
    assert NOBODY.head("projects/team").status_code == 401


def test_a_head_of_what_comes_later_says_so():
    assert NOBODY.head("scanners").status_code == 501


def test_a_path_without_a_get_has_no_head(admin):
    assert admin.head("usergroups/search").status_code == admin.get("usergroups/search").status_code
    assert admin.head("system/oidc/ping").status_code == 405


@pytest.mark.parametrize("accepted", ACCEPTED)
def test_whatever_is_accepted_the_answer_is_json(root, accepted):
    answer = root.client.get(f"{BASE}users", headers={"Accept": accepted})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    answer = root.client.get(f"{BASE}users/999", {"format": "xml"}, headers={"Accept": accepted})
    assert error_of(answer) == (404, "NOT_FOUND")


def test_what_is_no_json_comes_whatever_is_accepted(root):
    answer = root.client.get(f"{BASE}ping", headers={"Accept": "application/json"})
    assert (answer.content, answer["Content-Type"]) == (b"Pong", "text/plain")
