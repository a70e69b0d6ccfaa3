"""Signing in by a provider: whole journeys before a real one."""

import time
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rbac import actions
from rbac.actors import SYSTEM
from rbac.models import Group, Identity, Newcomer, Session, User
from tests.forger import dripping
from tests.people import CONTEXT, forget_everything, make_user
from tests.portal.browser import HOST, Browser
from tests.portal.visits import choose, follow_back, recorded, visit
from tests.provider import items_for

pytestmark = pytest.mark.django_db
BY: Any = {"actor": SYSTEM, "context": CONTEXT}


@pytest.fixture
def browser() -> Browser:
    return Browser()


# --- before a real provider


def test_a_newcomer_chooses_a_name_and_is_signed_in(browser, provider):
    provider.knows("a1", name="Alice Example", email="alice@example.com")
    answer = visit(browser, provider, "a1")
    assert (answer.status_code, answer["Location"]) == (302, "/c/oidc/onboard")
    assert not browser.sid
    assert 'value="Alice_Example"' in browser.text("/c/oidc/onboard")
    answer = choose(browser, "alice")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert "You are signed in as <strong>alice</strong>" in browser.text("/")
    user = User.objects.get(username="alice")
    assert (user.email, user.realname) == ("alice@example.com", "Alice Example")
    assert Identity.objects.get(user=user).subject == "a1"
    assert not Newcomer.objects.exists()
    assert recorded("login") == ["alice"]


def test_the_next_time_there_is_nothing_to_choose(browser, provider):
    provider.knows("a2", name="Alice")
    visit(browser, provider, "a2")
    choose(browser, "alice")
    other = Browser()
    assert visit(other, provider, "a2")["Location"] == "/"
    assert other.is_signed_in
    assert other.sid != browser.sid


def test_on_boarding_by_itself_takes_the_user_claim(browser, provider, configure):
    configure(oidc_auto_onboard=True, oidc_user_claim="nick")
    provider.knows("a3", nick="alice", name="Somebody Else")
    assert visit(browser, provider, "a3")["Location"] == "/"
    assert User.objects.get().username == "alice"


def test_groups_and_the_admin_group_come_along(browser, provider, configure):
    configure(oidc_auto_onboard=True, oidc_admin_group="admins", oidc_group_filter="^build")
    provider.knows("a4", name="alice", groups=["admins", "builders"])
    visit(browser, provider, "a4")
    user = User.objects.get()
    assert user.is_admin
    assert list(user.user_groups.values_list("name", "kind")) == [("builders", "oidc")]
    provider.knows("a4", name="alice", groups=[])
    visit(browser, provider, "a4")
    assert User.objects.filter(is_admin=False, user_groups=None).exists()
    assert Group.objects.exists()


def test_the_sign_in_page_offers_it_beside_the_password(browser, provider, configure):
    page = browser.text("/account/sign-in")
    assert 'href="/c/oidc/login">Sign in via Example Login</a>' in page
    assert "<details>" not in page
    configure(primary_auth_mode=True)
    assert "<details><summary>Sign in with a local account</summary>" in browser.text("/account/sign-in")
    make_user("admin", id=1)
    assert browser.sign_in("admin").status_code == 302
    assert browser.is_signed_in
    configure(auth_mode="db_auth")
    assert "/c/oidc/login" not in Browser().text("/account/sign-in")


def test_who_says_no_at_the_provider_is_not_signed_in(browser, provider):
    away = browser.get("/c/oidc/login")["Location"]
    refused = provider.refuse(away)
    state = parse_qs(urlsplit(away).query)["state"][0]
    answer = follow_back(browser, f"{refused}&state={state}")  # which this provider leaves out
    assert answer.status_code == 401
    assert "did not sign you in" in answer.content.decode()
    assert recorded("login", "failure") == ["anonymous"]
    browser.get("/c/oidc/login")
    assert follow_back(browser, refused).status_code == 400
    assert not browser.is_signed_in


def test_signing_out_leads_to_the_provider_where_that_is_set_up(browser, provider, configure):
    configure(oidc_auto_onboard=True, oidc_logout=True)
    provider.knows("a5", name="alice")
    visit(browser, provider, "a5")
    stored = Session.objects.get().id_token
    answer = browser.get("/c/log_out")
    url = urlsplit(answer["Location"])
    said = parse_qs(url.query)
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{provider.url}/oauth2/end_session"
    assert said["post_logout_redirect_uri"] == [f"https://{HOST}/"]
    assert said["id_token_hint"][0].count(".") == 2
    assert stored
    assert said["id_token_hint"][0] not in stored  # it is sealed
    assert not Session.objects.exists()
    assert not browser.sid
    assert browser.get("/c/log_out")["Location"] == "/"


def test_signing_out_stays_here_otherwise(browser, provider, configure):
    configure(oidc_auto_onboard=True)
    provider.knows("a6", name="alice")
    visit(browser, provider, "a6")
    assert Session.objects.get().id_token == ""
    assert browser.get("/c/log_out")["Location"] == "/"


def test_a_provider_that_is_away_keeps_nobody_signed_in(browser, provider, configure):
    configure(oidc_auto_onboard=True, oidc_logout=True)
    provider.knows("a7", name="alice")
    visit(browser, provider, "a7")
    forget_everything()
    provider.stop()
    assert browser.get("/c/log_out")["Location"] == "/"
    assert not browser.is_signed_in


def test_a_provider_that_is_away_is_said_to_be_so_and_local_people_go_on(browser, provider):
    forget_everything()
    provider.stop()
    began = time.monotonic()
    answer = browser.get("/c/oidc/login")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert "127.0.0.1" not in answer.content.decode()
    make_user("bob")
    assert browser.sign_in("bob").status_code == 302
    assert time.monotonic() - began < 10


def test_a_provider_that_drips_is_given_up(browser, configure):
    with dripping(head=b"HTTP/1.1 200 OK\r\n\r\n") as url:
        configure(**items_for(url) | {"oidc_timeout": 1})
        began = time.monotonic()
        assert browser.get("/c/oidc/login").status_code == 503
        assert browser.get("/c/oidc/login").status_code == 503
        assert time.monotonic() - began < 4


def test_a_lock_signs_out_and_keeps_out(browser, provider, configure):
    configure(oidc_auto_onboard=True)
    provider.knows("a8", name="alice")
    visit(browser, provider, "a8")
    actions.lock_user(User.objects.get(), **BY)
    assert not browser.is_signed_in
    answer = visit(browser, provider, "a8")
    assert answer.status_code == 403
    assert "locked" in answer.content.decode()
    assert not browser.is_signed_in
    assert recorded("login", "failure") == ["alice"]


# --- names


@pytest.fixture
def newcomer(browser, provider):
    provider.knows("n1", name="Nina")
    visit(browser, provider, "n1")
    return browser


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("bob", 409),
        ("BOB", 409),
        ("admin", 409),
        ("", 400),
        ("a:b", 400),
        ("system", 400),
        ("x" * 256, 400),
        ("a\x00", 400),
    ],
)
def test_a_name_that_cannot_be_is_asked_for_again(newcomer, name, status):
    make_user("bob")
    answer = choose(newcomer, name)
    assert answer.status_code == status
    assert 'role="alert"' in answer.content.decode()
    assert User.objects.count() == 1
    assert choose(newcomer, "nina").status_code == 302


def test_a_name_is_shown_escaped(newcomer):
    page = choose(newcomer, '"><script>').content.decode()
    assert "<script>" not in page


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_a_foreign_page_chooses_no_name(newcomer, headers):
    assert choose(newcomer, "nina", **headers).status_code == 403
    assert not User.objects.exists()


def test_a_name_is_not_chosen_without_the_forms_token(newcomer):
    for token in ("", "x"):
        answer = newcomer.post("/c/oidc/onboard", {"username": "nina", "csrf_token": token})
        assert answer.status_code == 403
    assert not User.objects.exists()


def test_who_was_not_vouched_for_chooses_no_name(browser, provider):
    for cookie in ("", "x", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")):
        browser.cookies["oidc_newcomer"] = cookie
        assert browser.get("/c/oidc/onboard").status_code == 400
        assert browser.post("/c/oidc/onboard", {"username": "nina"}).status_code == 400


def test_a_name_is_chosen_once(newcomer):
    cookie = newcomer.cookies["oidc_newcomer"].value
    choose(newcomer, "nina")
    newcomer.cookies["oidc_newcomer"] = cookie
    assert newcomer.get("/c/oidc/onboard").status_code == 400


def test_a_claimed_name_that_is_taken_is_said_to_be_so(browser, provider, configure):
    configure(oidc_auto_onboard=True)
    make_user("bob", is_admin=True)
    provider.knows("mallory", name="bob", email="bob@example.com")
    answer = visit(browser, provider, "mallory")
    assert answer.status_code == 403
    assert "there is a user bob already" in answer.content.decode()
    assert not browser.is_signed_in
    assert not Identity.objects.exists()


def test_a_provider_that_names_nobody_is_said_to_do_so(browser, provider, configure):
    configure(oidc_auto_onboard=True, oidc_user_claim="nick")
    provider.knows("a9", name="alice")
    answer = visit(browser, provider, "a9")
    assert answer.status_code == 403
    assert "Example Login gives no user name" in unescape(answer.content.decode())
