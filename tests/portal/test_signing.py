"""Signing in and out by the pages, and by Harbor's `/c/`."""

import json
import re

import pytest
from django.db import OperationalError
from django.test import Client

from audit import spool
from audit.models import AuditRecord
from projects import personal
from rbac import actions, sessions
from rbac.actors import SYSTEM, Actor
from rbac.models import LoginFailure, Session, User
from tests.people import CONTEXT, PASSWORD, make_user
from tests.portal.browser import HOST, Browser

pytestmark = pytest.mark.django_db
FORM = {"principal": "alice", "password": PASSWORD}


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def browser(alice) -> Browser:
    return Browser()


def recorded(operation: str, result: str) -> list[str]:
    spool.drain()
    return [row.actor for row in AuditRecord.objects.filter(operation=operation, result=result)]


def test_the_form_signs_in_and_the_page_says_who_it_is(browser):
    page = browser.text("/account/sign-in")
    assert 'action="/c/login"' in page
    assert re.findall(r'name="(\w+)"', page)[-2:] == ["principal", "password"]
    answer = browser.sign_in("alice")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert "You are signed in as <strong>alice</strong>" in browser.text("/")
    assert recorded("login", "success") == ["alice"]


def test_who_is_signed_in_needs_no_form(browser):
    browser.sign_in("alice")
    assert browser.get("/account/sign-in")["Location"] == "/"


def test_the_cookie_is_out_of_reach_for_scripts_and_foreign_forms(browser):
    cookie = browser.sign_in("alice").cookies["sid"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/")
    assert not cookie["max-age"]
    assert not cookie["domain"]


def test_without_encryption_the_cookie_is_not_marked_secure(alice):
    client = Client()
    assert client.post("/c/login", FORM).status_code == 200
    assert not client.cookies["sid"]["secure"]


def test_a_script_is_answered_as_by_harbor(alice):
    client = Client()
    answer = client.post("/c/login", FORM)
    assert (answer.status_code, answer.content) == (200, b"")
    assert client.get("/api/v2.0/users/current").json()["username"] == "alice"
    assert client.get("/c/log_out").status_code == 200
    assert client.get("/api/v2.0/users/current").status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"password": "wrong"},
        {"principal": "nobody"},
        {"principal": ""},
        {"password": ""},
        {"principal": "ali\x00ce"},
        {"principal": "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")},
        {"principal": "a" * 100_000},
        {"password": "a" * 100_000},
    ],
)
def test_a_wrong_sign_in_says_so_and_leaves_no_session(browser, change):
    answer = browser.post("/c/login", {**FORM, **change})
    assert answer.status_code == 401
    assert "Incorrect user name or password." in answer.content.decode()
    assert not browser.sid
    assert Client().post("/c/login", {**FORM, **change}).json()["errors"][0]["code"] == "UNAUTHORIZED"
    assert not Session.objects.exists()
    assert len(recorded("login", "failure")) == 2


def test_the_name_comes_back_escaped_and_the_password_does_not(browser):
    answer = browser.sign_in('"><script>alert(1)</script>', "Secret-Password-1").content.decode()
    assert "<script>" not in answer
    assert "&lt;script&gt;" in answer
    assert "Secret-Password-1" not in answer


def test_too_many_wrong_ones_are_held_back_like_at_the_api(browser):
    LoginFailure.objects.create(address="127.0.0.1", username="alice", failures=10)
    answer = browser.sign_in("alice")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert "Too many failed sign-ins" in answer.content.decode()
    assert recorded("login", "denied") == ["alice"]
    assert Client().post("/c/login", FORM).json()["errors"][0]["code"] == "TOO_MANY_REQUEST"


def test_a_locked_user_does_not_sign_in(browser, alice):
    actions.lock_user(alice, actor=SYSTEM, context=CONTEXT)
    assert browser.sign_in("alice").status_code == 401


def test_a_lock_signs_out(browser, alice):
    browser.sign_in("alice")
    actions.lock_user(alice, actor=SYSTEM, context=CONTEXT)
    assert not browser.is_signed_in


@pytest.mark.parametrize("name", ["robot$ci", "robot$team+ci"])
def test_robots_have_no_pages(browser, name):
    assert browser.sign_in(name, "x").status_code == 401


def test_a_personal_token_is_no_password_of_the_pages(browser, alice):
    owner = Actor(kind="user", name="alice", user_id=alice.pk)
    _, token = personal.create(alice, "t", {None: ["*"]}, duration=1, actor=owner, context=CONTEXT)
    assert browser.sign_in("alice", token).status_code == 401


def test_a_session_that_somebody_planted_is_not_taken_over(browser):
    browser.cookies["sid"] = "planted"
    browser.sign_in("alice")
    assert browser.sid != "planted"
    assert sessions.read("planted") is None
    mallory = Browser()
    make_user("mallory")
    mallory.sign_in("mallory")
    planted = mallory.sid
    browser.cookies["sid"] = planted
    browser.sign_in("alice")
    assert browser.sid != planted
    assert not mallory.is_signed_in  # it is the one that was ended, not made alice's


def test_signing_out_is_a_link_and_takes_the_cookie_away(browser):
    browser.sign_in("alice")
    sid = browser.sid
    answer = browser.get("/c/log_out")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert not browser.sid
    assert sessions.read(sid) is None
    assert recorded("logout", "success") == ["alice"]
    assert browser.get("/c/log_out").status_code == 302


def test_signing_out_everywhere_ends_the_other_browser_too(browser):
    other = Browser()
    other.sign_in("alice")
    browser.sign_in("alice")
    assert browser.post("/account/sign-out-everywhere").status_code == 403
    answer = browser.post("/account/sign-out-everywhere", {"csrf_token": browser.csrf_token})
    assert answer.status_code == 302
    assert not browser.is_signed_in
    assert not other.is_signed_in
    assert browser.post("/account/sign-out-everywhere").status_code == 302


FOREIGN = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": f"https://{HOST}"},
    {"origin": "https://evil.example"},
    {"origin": f"http://{HOST}"},
    {"origin": f"https://{HOST}:8443"},
    {"origin": f"https://{HOST}.evil.example"},
    {"origin": "null"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_foreign_page_signs_nobody_in(browser, headers):
    assert browser.sign_in("alice", **headers).status_code == 403
    assert not browser.sid


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_foreign_page_signs_nobody_out(browser, headers):
    browser.sign_in("alice")
    browser.get("/c/log_out", headers=headers)
    everywhere = {"csrf_token": browser.csrf_token}
    assert browser.post("/account/sign-out-everywhere", everywhere, headers=headers).status_code == 403
    assert browser.is_signed_in


def test_a_form_left_open_in_another_tab_still_signs_in(browser):
    browser.sign_in("alice")
    make_user("bob")
    assert browser.sign_in("bob").status_code == 302
    assert "<strong>bob</strong>" in browser.text("/")


def test_who_says_nothing_of_where_it_comes_from_needs_the_token_once_signed_in(alice):
    client = Client()
    client.post("/c/login", FORM)
    answer = client.post("/c/login", FORM)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "FORBIDDEN")
    token = client.get("/api/v2.0/users/current")["X-Harbor-CSRF-Token"]
    assert client.post("/c/login", FORM, headers={"X-Harbor-CSRF-Token": token}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("get", "/c/login", "POST"),
        ("post", "/c/log_out", "GET, HEAD"),
        ("put", "/account/sign-in", "GET, HEAD"),
        ("get", "/account/sign-out-everywhere", "POST"),
    ],
)
def test_another_method_is_refused(browser, method, path, allowed):
    answer = getattr(browser, method)(path)
    assert (answer.status_code, answer["Allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/", "/account/sign-in", "/c/login", "/c/log_out"])
def test_every_page_is_kept_from_caches_frames_and_foreign_scripts(browser, path):
    answer = browser.get(path)
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?! src=\"/static/)|<style| style=| on[a-z]+=", answer.content.decode())


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"principal=alice", "multipart/form-data"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"principal=%00&password=%ff", "application/x-www-form-urlencoded"),
        (b"principal=alice", "application/x-www-form-urlencoded; charset=utf-16"),
        (b"principal=alice", "application/x-www-form-urlencoded; charset=nonsense"),
        (b'{"principal": "alice"}', "application/json"),
        (b"&".join(b"a=1" for _ in range(2000)), "application/x-www-form-urlencoded"),
        (b"principal=" + b"a" * 6_000_000, "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_form_is_refused(alice, body, kind):
    answer = Client(raise_request_exception=False).generic("POST", "/c/login", body, content_type=kind)
    assert answer.status_code in {400, 401}
    json.loads(answer.content)


def test_the_database_away_is_503(browser, monkeypatch):
    browser.sign_in("alice")

    def away(*_: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(sessions, "fetch", away)
    answer = browser.get("/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert "gone" not in answer.content.decode()
