"""The API by a session of the pages: one more credential, with a token against foreign pages."""

import pytest
from django.test import Client

from rbac.models import User
from tests.api.caller import BASE, Caller, error_of
from tests.people import PASSWORD, make_project, make_user

HEADER = "X-Harbor-CSRF-Token"


class Page:
    """A script of our pages: the session's cookie, and the token that the last answer brought."""

    def __init__(self, username: str, password: str = PASSWORD) -> None:
        self.client = Client(raise_request_exception=False)
        answer = self.client.post("/c/login", {"principal": username, "password": password})
        assert answer.status_code == 200
        self.token = self.client.get(f"{BASE}users/current")[HEADER]

    def send(self, method: str, path: str, body: object = None, token: str | None = None, **headers: str):
        headers[HEADER] = self.token if token is None else token
        send = getattr(self.client, method)
        return send(BASE + path, body, content_type="application/json", headers=headers)


@pytest.fixture
def page(alice) -> Page:
    return Page("alice")


def test_a_session_is_whoever_signed_in(page):
    assert page.client.get(f"{BASE}users/current").json()["username"] == "alice"


def test_an_answer_by_session_is_for_nobody_else(page):
    assert page.client.get(f"{BASE}users/current")["Cache-Control"] == "no-store"


def test_nobody_else_is_given_a_token(alice):
    assert HEADER not in alice.get("users/current")
    assert HEADER not in Client().get(f"{BASE}systeminfo")


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_what_changes_something_needs_the_token(page, method):
    bob = make_user("bob")
    path = {"post": "projects", "put": "users/100", "delete": f"users/{bob.pk}"}[method]
    for token in ("", "x", Page("bob").token):
        status, code = error_of(page.send(method, path, {"project_name": "mine"}, token))
        assert (status, code) == (403, "FORBIDDEN")
    refused = page.send(method, path, {}, "")
    assert "CSRF" in refused.json()["errors"][0]["message"]
    assert refused.cookies["_gorilla_csrf"].value  # terraform tries again only if it comes along


def test_with_the_token_it_is_done(page):
    assert page.send("post", "projects", {"project_name": "mine"}).status_code == 201
    profile = {"email": "a@example.com", "realname": "A", "comment": ""}
    assert page.send("put", "users/100", profile).status_code == 200


def test_basic_authentication_needs_no_token_and_goes_before_the_session(page, root):
    page.client.defaults["HTTP_AUTHORIZATION"] = root.headers["Authorization"]
    assert page.client.get(f"{BASE}users/current").json()["username"] == "admin"
    assert page.send("post", "projects", {"project_name": "mine"}, "").status_code == 201


def test_a_wrong_credential_is_not_saved_by_a_session(page):
    page.client.defaults["HTTP_AUTHORIZATION"] = Caller("alice", "wrong").headers["Authorization"]
    assert error_of(page.client.get(f"{BASE}users/current"))[0] == 401


@pytest.mark.parametrize("cookie", ["", "x", "a" * 4000, "\\000", '"'])
def test_a_cookie_that_is_no_session_is_nobody_and_no_failure(db, cookie):
    client = Client(raise_request_exception=False)
    client.cookies["sid"] = cookie
    assert error_of(client.get(f"{BASE}users/current")) == (401, "UNAUTHORIZED")
    assert client.get(f"{BASE}systeminfo").status_code == 200
    assert error_of(client.post(f"{BASE}projects", "{}", content_type="application/json"))[0] == 401


def test_a_session_shows_what_its_user_may_see_and_nothing_more(page):
    make_project("secret")
    assert page.client.get(f"{BASE}projects").json() == []
    assert error_of(page.client.get(f"{BASE}projects/secret"))[0] == 403


def test_a_password_changed_here_ends_the_sessions_elsewhere(page):
    elsewhere = Page("alice")
    new = {"old_password": PASSWORD, "new_password": "Staple-Battery-7"}
    assert page.send("put", "users/100/password", new).status_code == 200
    assert page.client.get(f"{BASE}users/current").status_code == 200
    assert elsewhere.client.get(f"{BASE}users/current").status_code == 401


def test_a_password_set_by_an_administrator_ends_all_of_them(page, root):
    assert root.put("users/100/password", {"new_password": "Staple-Battery-7"}).status_code == 200
    assert page.client.get(f"{BASE}users/current").status_code == 401


def test_a_deleted_user_is_signed_out(page):
    User.objects.filter(pk=100).delete()
    assert page.client.get(f"{BASE}users/current").status_code == 401
