"""A project's repositories in order of what they hold and of their last push, where that can be told in time."""

from datetime import timedelta

import pytest
from django.utils import timezone

from artifacts import sizes
from artifacts.models import Blob, BlobLink, Manifest, Repository
from projects.models import Project

pytestmark = pytest.mark.django_db
_NUMBER = 60  # repositories: three pages


@pytest.fixture(autouse=True)
def team(browser) -> None:
    """`team/00` to `team/59`; each third holds nothing, the others the more the higher their number modulo 7."""
    project, now = Project.objects.get(name="team"), timezone.now()
    for number in range(_NUMBER):
        repository = Repository.objects.create(project=project, name=f"team/{number:02}", created_at=now)
        if number % 3:
            blob = Blob.objects.create(
                digest=f"sha256:{number:064x}", canonical=f"sha256:{number:064x}", size=_size(number)
            )
            BlobLink.objects.create(repository=repository, blob=blob)
    _push("team/07", now + timedelta(hours=1))
    _push("team/41", now + timedelta(hours=2))


def _size(number: int) -> int:
    return (number % 7 + 1) * 1000 if number % 3 else 0


def _push(name: str, at) -> None:
    repository = Repository.objects.get(name=name)
    Manifest.objects.create(repository=repository, digest=f"sha256:{'f' * 64}", payload=b"", size=1, pushed_at=at)


def walked(browser, sort: str) -> list[list[int]]:
    """The numbers of the repositories, page by page; going back from the last page shows the one before it."""
    pages, path = [], f"/projects/team?sort={sort}"
    while path:
        page = browser.get(path)
        pages.append(_numbers(page))
        following = page.context["page"].next
        path = f"/projects/team?sort={sort}&after={following}" if following else ""
    assert _numbers(browser.get(f"/projects/team?sort={sort}&before={page.context['page'].previous}")) == pages[-2]
    return pages


def _numbers(page) -> list[int]:
    return [int(row.name.partition("/")[2]) for row, _, _ in page.context["entries"]]


@pytest.mark.parametrize(("sort", "turn"), [("size", 1), ("-size", -1)])
def test_by_size(browser, sort, turn):
    pages = walked(browser, sort)
    expected = sorted(range(_NUMBER), key=lambda number: (_size(number), number))[::turn]
    assert [len(page) for page in pages] == [25, 25, 10]
    assert [number for page in pages for number in page] == expected


def test_by_the_last_push(browser):
    pages = walked(browser, "-pushed")
    assert pages[0][:3] == [41, 7, 59]
    assert sorted(number for page in pages for number in page) == list(range(_NUMBER))


def test_by_size_among_those_that_are_found(browser):
    assert _numbers(browser.get("/projects/team?sort=-size&q=team/1")) == [13, 19, 11, 17, 10, 16, 14, 18, 15, 12]


def test_not_where_it_would_mean_to_read_too_much(browser, monkeypatch):
    assert "sort=size" in browser.text("/projects/team")
    monkeypatch.setattr(sizes, "FEW_LINKS", 10)
    assert _numbers(browser.get("/projects/team?sort=-size"))[:3] == [0, 1, 2]
    page = browser.text("/projects/team")
    assert ("sort=size" in page, "sort=pushed" in page) == (False, True)
    monkeypatch.setattr(sizes, "FEW_REPOSITORIES", 10)
    assert "sort=pushed" not in browser.text("/projects/team")
