"""Names looked for by a part: as many as are found at once, and what too few letters find among many."""

import pytest

from artifacts.models import Repository
from db import searching
from projects.models import Member
from rbac.models import Role
from tests.people import make_project, make_user
from tests.portal.browser import Browser

pytestmark = pytest.mark.django_db
_SOME = "These are some of many that match"


@pytest.fixture
def browser() -> Browser:
    """Of a member of `team`, which has four repositories; `others` has one of the same name."""
    team, others = make_project("team"), make_project("others")
    for name in ("app", "grapple", "maple", "zebra"):
        Repository.objects.create(project=team, name=f"team/{name}")
    Repository.objects.create(project=others, name="others/apple")
    Member.objects.create(project=team, user=make_user("ann"), role=Role.objects.get(name="guest"))
    made = Browser()
    made.sign_in("ann")
    return made


def repositories(browser: Browser, q: str) -> list[str]:
    page = browser.get(f"/projects/team?q={q}")
    return [row.name for row, _, _ in page.context["entries"]]


def found(browser: Browser, q: str) -> list[str]:
    page = browser.get(f"/search?q={q}")
    return [row.name for row in (*page.context["projects"], *page.context["repositories"])]


def test_a_part_is_found_anywhere_in_a_name_and_only_where_one_may_look(browser):
    assert repositories(browser, "APPL") == ["team/grapple"]
    assert repositories(browser, "ap") == ["team/app", "team/grapple", "team/maple"]
    assert found(browser, "appl") == ["team/grapple"]
    assert found(browser, "others") == []


def test_where_more_match_than_are_found_at_once_the_page_says_so(browser, monkeypatch):
    monkeypatch.setattr(searching, "MOST", 2)
    assert len(repositories(browser, "team")) == 2
    assert _SOME in browser.text("/projects/team?q=team")
    assert repositories(browser, "zebra") == ["team/zebra"]
    assert _SOME not in browser.text("/projects/team?q=zebra")
    assert _SOME not in browser.text("/projects/team")


def test_among_many_two_letters_find_what_begins_with_them(browser, monkeypatch):
    monkeypatch.setattr(searching, "FEW", 3)
    assert repositories(browser, "ap") == ["team/app"]
    assert repositories(browser, "app") == ["team/app", "team/grapple"]
    assert found(browser, "Te") == ["team", "team/app", "team/grapple", "team/maple", "team/zebra"]
    assert found(browser, "ot") == []
