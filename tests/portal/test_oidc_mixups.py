"""Signing in by a provider, where a forged one, a foreign page or an old answer tries to get in between."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from db.sealing import seal
from portal import oidc as pages
from rbac import sessions, strain
from rbac.actors import SYSTEM
from rbac.models import Session, User
from tests.forger import callback, running_forger
from tests.people import CONTEXT, PASSWORD
from tests.portal.browser import HOST, Browser
from tests.portal.visits import follow_back, visit
from tests.provider import items_for

pytestmark = pytest.mark.django_db
BY: Any = {"actor": SYSTEM, "context": CONTEXT}


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def back(browser, provider, configure):
    """What the provider sends this browser back by."""
    configure(oidc_auto_onboard=True)
    provider.knows("m1", name="mona")
    return provider.sign_in(browser.get("/c/oidc/login")["Location"], "m1")


def test_an_answer_counts_once(browser, back):
    assert follow_back(browser, back)["Location"] == "/"
    browser.get("/c/log_out")
    assert follow_back(browser, back).status_code == 400
    assert not browser.is_signed_in


def test_an_answer_counts_once_though_its_cookie_was_kept(browser, back):
    cookie = browser.cookies["oidc_attempt"].value
    assert follow_back(browser, back)["Location"] == "/"
    browser.get("/c/log_out")
    browser.cookies["oidc_attempt"] = cookie
    assert follow_back(browser, back).status_code == 401  # by the provider: the code was redeemed
    assert not browser.is_signed_in


def test_an_answer_counts_in_the_browser_that_asked(back):
    """Whoever is led here by somebody else's answer isn't signed in as somebody else."""
    victim = Browser()
    assert follow_back(victim, back).status_code == 400
    victim.get("/c/oidc/login")
    assert follow_back(victim, back).status_code == 400
    assert not victim.sid
    assert not Session.objects.exists()


@pytest.mark.parametrize("state", ["", "x", "é", "\x00"])
def test_another_state_is_refused_and_ends_the_attempt(browser, back, state):
    code = parse_qs(urlsplit(back).query)["code"][0]
    answer = browser.get(callback({"code": code, "state": state}))
    assert answer.status_code == 400
    assert not browser.cookies["oidc_attempt"].value
    assert follow_back(browser, back).status_code == 400


def test_an_attempt_that_is_too_old_is_over(browser, back, monkeypatch):
    monkeypatch.setattr(pages, "_SECONDS", -1)
    assert follow_back(browser, back).status_code == 400


SEALED_FOR_ANOTHER = pytest.param(seal(b"{}", purpose="configuration"), id="sealed for another purpose")


@pytest.mark.parametrize("cookie", ["", "x", "AAAA", "é", SEALED_FOR_ANOTHER])
def test_a_cookie_of_ones_own_making_is_none(browser, back, cookie):
    browser.cookies["oidc_attempt"] = cookie
    assert follow_back(browser, back).status_code == 400


def test_an_answer_of_the_provider_before_is_none_of_the_new_ones(browser, back, configure):
    configure(oidc_endpoint="http://127.0.0.1:1")
    assert follow_back(browser, back).status_code == 400


def test_a_session_planted_beforehand_is_worth_nothing(browser, back):
    browser.cookies["sid"] = "planted"
    follow_back(browser, back)
    assert browser.sid != "planted"
    assert sessions.read("planted") is None


def test_the_cookies_of_an_attempt_go_nowhere_else(browser, provider):
    cookie = browser.get("/c/oidc/login").cookies["oidc_attempt"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")
    assert (cookie["path"], cookie["max-age"]) == ("/c/oidc/", 600)


@pytest.mark.parametrize(
    ("asked", "then"),
    [
        ("/api/docs", "/api/docs"),
        ("/harbor/projects?a=b#c", "/harbor/projects?a=b#c"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("\x00//evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("evil.example", "/"),
        (f"https://{HOST}@evil.example", "/"),
        ("/" + "a" * 2000, "/"),
        ("/a\r\nSet-Cookie: a=b", "/"),
    ],
)
def test_one_is_led_nowhere_but_to_our_own_pages(browser, provider, configure, asked, then):
    configure(oidc_auto_onboard=True)
    provider.knows("r1", name="rita")
    browser.get("/")
    away = browser.get("/c/oidc/login", {"redirect_url": asked})
    answer = follow_back(browser, provider.sign_in(away["Location"], "r1"))
    assert answer["Location"] == then or (asked.startswith("/a\r") and "\n" not in answer["Location"])
    assert "a" not in answer.cookies


def test_codes_that_are_none_are_held_back(browser, provider):
    for _ in range(int(strain.ADDRESS.burst)):
        state = parse_qs(urlsplit(browser.get("/c/oidc/login")["Location"]).query)["state"][0]
        assert browser.get(callback({"code": "guess", "state": state})).status_code == 401
    state = parse_qs(urlsplit(browser.get("/c/oidc/login")["Location"]).query)["state"][0]
    answer = browser.get(callback({"code": "guess", "state": state}))
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0


def test_an_error_from_the_provider_is_not_shown_as_it_is(browser, provider):
    state = parse_qs(urlsplit(browser.get("/c/oidc/login")["Location"]).query)["state"][0]
    answer = browser.get(callback({"error": "<script>", "error_description": "call 0123", "state": state, "code": "x"}))
    assert answer.status_code == 401
    assert "&lt;script" not in answer.content.decode()
    assert "<script>" not in answer.content.decode()
    assert "0123" not in answer.content.decode()


def test_a_forged_token_signs_nobody_in(browser, configure):
    with running_forger() as forger:
        configure(**items_for(forger.url), oidc_auto_onboard=True)
        forger.make_token = lambda good: forger.signed({**good, "nonce": "another"})
        answer = browser.get(callback(forger.consent(browser.get("/c/oidc/login")["Location"])))
        assert answer.status_code == 401
        forger.make_token = forger.signed
        assert browser.get(callback(forger.consent(browser.get("/c/oidc/login")["Location"])))["Location"] == "/"
    assert User.objects.get().username == "Alice_Example"


@pytest.mark.parametrize("mode", ["db_auth", "ldap_auth"])
@pytest.mark.parametrize("path", ["/c/oidc/login", "/c/oidc/callback?code=a&state=b"])
def test_where_nobody_signs_in_that_way_nothing_is_there(browser, configure, mode, path):
    configure(auth_mode=mode)
    assert browser.get(path).status_code == 412
    answer = Client().get(path)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (412, "PRECONDITION")


def test_a_password_is_none_of_somebody_of_the_providers(browser, provider, configure):
    configure(oidc_auto_onboard=True)
    provider.knows("p1", name="petra")
    visit(browser, provider, "p1")
    other = Browser()
    for password in ("", PASSWORD, User.objects.get().password):
        assert other.sign_in("petra", password).status_code == 401
