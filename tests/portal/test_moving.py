"""An artifact moves by the pages: for who may delete it where it is and push to where it goes."""

import re
from html import unescape

import pytest

from artifacts.models import Tag
from tests.door import Door, image
from tests.people import join, make_project, make_user
from tests.portal.browser import Browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def moved(browser, upstream) -> str:
    """The page by which an image of team/app moves; grace is a developer of `apps` besides."""
    join(make_project("apps"), make_user("dora"), "projectAdmin")
    digest = Door("team/app").push(image(tag="v1")).top.digest
    return f"/projects/team/repositories/app/-/artifacts/{digest}"


def send(browser: Browser, path: str, **fields: str):
    return browser.post(path, {"csrf_token": browser.csrf_token, **fields})


def where() -> str:
    return Tag.objects.get(name="v1").repository.name


def test_it_is_offered_and_done(browser, moved):
    assert f"{moved}/move" in browser.text(moved)
    answer = send(browser, f"{moved}/move", project="team", repository="other/app")
    assert answer["Location"] == moved.replace("/app/", "/other/app/")
    assert "Moved to team/other/app." in browser.text(answer["Location"])
    assert where() == "team/other/app"


def test_where_to_is_for_the_person_to_say(browser, moved):
    for deed in ("copy", "move"):
        page = browser.text(f"{moved}/{deed}")
        assert re.search(r'name="repository" value="app"', page)
        assert not re.search(r'name="project" value=', page)


def test_it_moves_back_to_where_it_was(browser, moved):
    there = send(browser, f"{moved}/move", project="team", repository="other/app")["Location"]
    found = re.search(r'name="undo" value="([^"]+)"', browser.text(there))
    assert found
    assert send(browser, "/undo", undo=found[1])["Location"] == moved
    assert "Moved back to team/app." in browser.text(moved)
    assert where() == "team/app"


def test_it_goes_nowhere_that_one_may_not_push_to(browser, moved):
    answer = send(browser, f"{moved}/move", project="apps", repository="app")
    assert (answer.status_code, "no such project, or you may not see it" in unescape(answer.content.decode())) == (
        403,
        True,
    )
    assert where() == "team/app"


def test_what_keeps_an_immutable_tag_is_told_with_what_to_do(browser, moved):
    rule = {"repository_decoration": "repoMatches", "repository_pattern": "**", "tag_decoration": "matches"}
    send(browser, "/projects/team/rules/new", **rule, tag_pattern="v*")
    answer = send(browser, f"{moved}/move", project="team", repository="other/app")
    assert answer.status_code == 412
    assert "who may change the project's rules can switch that off" in unescape(answer.content.decode())
    assert where() == "team/app"


def test_who_may_not_delete_is_offered_a_copy_alone(browser, moved):
    join(Tag.objects.get().repository.project, make_user("gus"), "developer")
    gus = Browser()
    gus.sign_in("gus")
    page = gus.text(moved)
    assert (f"{moved}/copy" in page, f"{moved}/move" in page) == (True, False)
    assert send(gus, f"{moved}/move", project="team", repository="mine").status_code == 403
    assert where() == "team/app"


def test_a_place_that_it_is_at_already_is_said(browser, moved):
    answer = send(browser, f"{moved}/move", project="team", repository="app")
    assert (answer.status_code, "is in team/app already" in answer.content.decode()) == (412, True)
