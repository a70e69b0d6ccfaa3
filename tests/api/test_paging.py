"""Lists of any length: followed by key, counted without counting all each time."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from api import totals
from audit.models import AuditRecord
from db import keyset
from projects.models import Project
from rbac.models import User
from tests.api.caller import error_of
from tests.people import make_user
from tests.roundtrips import fewest

pytestmark = pytest.mark.django_db


def next_of(answer) -> str:
    found = re.search(r'<([^>]*)>; rel="next"', answer.get("Link", ""))
    return found[1].removeprefix("/api/v2.0/") if found else ""


def follow(caller, path):
    """Every page of a list, by its links."""
    while path:
        answer = caller.get(path)
        assert answer.status_code == 200
        yield answer
        path = next_of(answer)


@pytest.fixture
def people():
    User.objects.bulk_create(User(username=f"user{n:03}", realname=f"name{n % 3}") for n in range(25))


@pytest.mark.parametrize("sort", ["", "username", "-username", "realname,-username", "creation_time", "-realname"])
def test_links_lead_through_all_of_a_list_in_its_order(root, people, sort):
    whole = [row["username"] for row in root.get("users", sort=sort, page_size=100).json()]
    pages = list(follow(root, f"users?sort={sort}&page_size=7"))
    assert [row["username"] for page in pages for row in page.json()] == whole
    assert [page["X-Total-Count"] for page in pages] == ["26"] * 4


def test_pages_by_number_hold_the_same(root, people):
    linked = [page.json() for page in follow(root, "users?page_size=9")]
    assert linked == [root.get("users", page_size=9, page=number).json() for number in (1, 2, 3)]


def test_a_page_far_in_a_list_holds_the_same(root, people, monkeypatch):
    near = root.get("users", page_size=4, page=4, sort="-realname,username").json()
    monkeypatch.setattr("api.paging._NEAR", 3)
    assert root.get("users", page_size=4, page=4, sort="-realname,username").json() == near
    assert root.get("users", page_size=4, page=7).json() == root.get("users", sort="user_id", page_size=100).json()[24:]


def test_what_comes_in_meanwhile_shifts_no_page(root):
    for number in range(4):
        Project.objects.create(name=f"p{number}", public=True)
    first = root.get("projects", page_size=2)  # the newest come first
    Project.objects.create(name="newer", public=True)
    second = root.get(next_of(first))
    assert [row["name"] for row in (*first.json(), *second.json())] == ["p3", "p2", "p1", "p0"]


def test_an_order_by_what_may_be_missing_is_paged_by_number(root):
    for number in range(3):
        Project.objects.create(name=f"p{number}", owner=make_user(f"u{number}"))
    answer = root.get("projects", sort="owner", page_size=2)
    assert "after" not in parse_qs(urlsplit(next_of(answer)).query)
    assert [len(page.json()) for page in follow(root, "projects?sort=owner&page_size=2")] == [2, 1]


@pytest.mark.parametrize(
    "key", ["x", "!", "W10", "bnVsbA", "W1siaWQiLCAiYSJdXQ", "W1siaWQiLCBudWxsXV0", "é", "A" * 3000]
)
def test_a_key_that_is_none_is_refused(root, people, key):
    assert error_of(root.get("users", after=key)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("value", ["99999999999999999999", "1\x00", "-1e9"])
def test_a_key_that_no_row_can_have_is_refused(root, people, value):
    row = User(pk=1)
    order = keyset.order_of(User.objects.order_by("id"))
    row.pk = value
    assert error_of(root.get("users", after=keyset.written(order, row))) == (400, "BAD_REQUEST")


def test_a_key_of_another_order_is_refused(root, people):
    link = next_of(root.get("users", sort="username", page_size=3))
    assert error_of(root.get(link.replace("sort=username", "sort=email"))) == (400, "BAD_REQUEST")


def test_a_short_list_is_not_counted(root):
    assert fewest(lambda: root.get("users")) == 2  # who calls, and the page
    assert root.get("users")["X-Total-Count"] == "1"


def test_a_long_list_is_counted_once_in_a_while(root, people, monkeypatch):
    monkeypatch.setattr(totals, "FEW", 10)
    assert root.get("users")["X-Total-Count"] == "26"
    make_user("late")
    assert root.get("users")["X-Total-Count"] == "26"
    assert root.get("users", q="username=~user")["X-Total-Count"] == "25"
    totals.forget()
    assert root.get("users")["X-Total-Count"] == "27"


def test_links_reach_further_back_than_numbers(root, settings, monkeypatch):
    monkeypatch.setattr("api.logs.FURTHEST", 4)
    now = timezone.now()
    for number in range(7):
        at = now + timedelta(milliseconds=number)
        AuditRecord.objects.create(at=at, resource=str(number), result="success", detail={})
    assert error_of(root.get("audit-logs", page_size=2, page=3)) == (400, "BAD_REQUEST")
    pages = list(follow(root, "audit-logs?page_size=2"))
    assert [row["resource"] for page in pages for row in page.json()] == list("6543210")
    assert pages[0]["X-Total-Count"] == "4"
