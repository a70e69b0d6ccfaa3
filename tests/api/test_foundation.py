"""Callers, pages and what isn't there yet."""

import pytest

from artifacts.models import Repository
from audit import spool
from audit.models import AuditRecord
from projects.models import Project
from tests.api.caller import NOBODY, Caller, error_of, links
from tests.people import make_user
from tests.roundtrips import fewest

pytestmark = pytest.mark.django_db


def test_nobody_is_told_to_authenticate():
    assert error_of(NOBODY.get("users/current")) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("path", ["users/current", "users"])
def test_a_wrong_password_is_never_taken_for_nobody(alice, path):
    assert error_of(Caller("alice", "Wrong-Horse-9").get(path)) == (401, "UNAUTHORIZED")
    spool.drain()
    record = AuditRecord.objects.get()
    assert (record.actor, record.operation, record.result) == ("alice", "login", "failure")


def test_who_fails_too_often_has_to_wait(alice):
    stranger = Caller("alice", "Wrong-Horse-9")
    answers = (stranger.get("users/current") for _ in range(15))
    held_back = next(answer for answer in answers if answer.status_code != 401)
    assert error_of(held_back) == (429, "TOO_MANY_REQUEST")
    assert int(held_back["Retry-After"]) > 0


@pytest.mark.parametrize("header", ["Bearer abc", "Basic !", "Basic YQ==", "x"])
def test_a_credential_of_another_kind_is_refused(client, header):
    answer = client.get("/api/v2.0/users/current", headers={"Authorization": header})
    assert error_of(answer) == (401, "UNAUTHORIZED")


def test_a_locked_user_cannot_sign_in():
    make_user("bob", is_active=False)
    assert error_of(Caller("bob").get("users/current"))[0] == 401


@pytest.mark.parametrize("path", ["scanners", "system/gc", "retentions/1", "jobservice/pools", "nothing/at/all", ""])
@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_what_comes_later_says_so(client, path, method):
    assert error_of(getattr(client, method)(f"/api/v2.0/{path}")) == (501, "NOT_IMPLEMENTED")


def test_another_method_is_refused(root):
    assert error_of(root.delete("users")) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"[1]", b'"x"', b'{"a": NaN}', b"\xff"])
def test_a_body_that_is_none_is_refused(root, body):
    assert error_of(root.post("users", body)) == (400, "BAD_REQUEST")


def test_a_body_of_another_type_is_refused(root):
    answer = root.client.post("/api/v2.0/users", {"username": "x"})
    assert error_of(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_pages_have_links_and_a_total(root):
    for number in range(6):
        make_user(f"user{number}")
    answers = [root.get("users", page=page, page_size=3, sort="username") for page in (1, 2, 3, 4)]
    assert [answer["X-Total-Count"] for answer in answers] == ["7"] * 4
    assert [links(answer) for answer in answers] == [{"next"}, {"prev", "next"}, {"prev"}, {"prev"}]
    names = [row["username"] for answer in answers for row in answer.json()]
    assert names == ["admin", *(f"user{number}" for number in range(6))]
    assert "</api/v2.0/users?sort=username&page=3&page_size=3&after=" in answers[1]["Link"]
    assert "</api/v2.0/users?sort=username&page=1&page_size=3>" in answers[1]["Link"]


@pytest.mark.parametrize(
    "query", [{"page": "x"}, {"page_size": -1}, {"page_size": 101}, {"page": -1}, {"page": 10**10}]
)
def test_pages_out_of_range_are_refused(root, query):
    assert error_of(root.get("users", **query)) == (422, "UNPROCESSABLE_ENTITY")


def test_a_page_of_no_number_and_no_size_is_the_first_and_largest(root):
    for number in range(12):
        make_user(f"user{number}")
    answer = root.get("users", page=0, page_size=0)
    assert (len(answer.json()), answer["X-Total-Count"], links(answer)) == (13, "13", set())


@pytest.mark.parametrize(
    "path", ["users/", "users/1/", "projects/library/repositories/", "projects/1/metadatas/", "ping/"]
)
def test_a_slash_at_the_end_makes_no_difference(root, path):
    Project.objects.get_or_create(id=1, defaults={"name": "library", "public": True})
    with_it, without = root.get(path), root.get(path.rstrip("/"))
    assert (with_it.status_code, with_it.content) == (without.status_code, without.content) == (200, with_it.content)


def test_a_slash_at_the_end_is_no_part_of_a_repositorys_name(root):
    project = Project.objects.create(name="apps")
    Repository.objects.create(project=project, name="apps/team/web")
    assert root.get("projects/apps/repositories/team%252Fweb/").json()["name"] == "apps/team/web"


def test_keys_are_read_as_go_writes_them_too(root):
    make_user("zoe")
    assert [row["username"] for row in root.get("users", q="Username=zoe", sort="-UserID").json()] == ["zoe"]
    assert error_of(root.get("users", q="NothingLikeIt=1"))[0] == 400


@pytest.mark.parametrize(
    "query", [{"q": "nothing=1"}, {"sort": "nothing"}, {"q": "user_id=x"}, {"q": "user_id=~1"}, {"q": "username=\x00"}]
)
def test_a_query_that_makes_no_sense_is_refused(root, query):
    assert error_of(root.get("users", **query)) == (400, "BAD_REQUEST")


def test_a_list_costs_the_same_for_one_row_and_for_many(root):
    few = fewest(lambda: root.get("users", page_size=50))
    for number in range(20):
        make_user(f"user{number}")
    assert len(root.get("users", page_size=50).json()) == 21
    assert fewest(lambda: root.get("users", page_size=50)) == few
