"""Signing in by a provider: whole journeys before a real one, and whatever a forged one or a foreign page tries."""

import time
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from audit import spool
from audit.models import AuditRecord
from db.sealing import seal
from portal import oidc as pages
from rbac import actions, sessions, strain
from rbac.actors import SYSTEM
from rbac.models import Group, Identity, Newcomer, Session, User
from tests.forger import callback, dripping, running_forger
from tests.people import CONTEXT, PASSWORD, forget_everything, make_user
from tests.portal.browser import HOST, TOKEN, Browser
from tests.provider import ProviderProcess, items_for

pytestmark = pytest.mark.django_db
BY: Any = {"actor": SYSTEM, "context": CONTEXT}


@pytest.fixture
def browser() -> Browser:
    return Browser()


def visit(browser: Browser, provider: ProviderProcess, sub: str, path: str = "/c/oidc/login") -> Any:
    """From our sign-in page to the provider, and back: the answer to what the browser brings."""
    away = browser.get(path)
    assert away.status_code == 302, away.content
    return follow_back(browser, provider.sign_in(away["Location"], sub))


def follow_back(browser: Browser, location: str) -> Any:
    assert location.startswith(f"https://{HOST}/c/oidc/callback?")
    return browser.get(location.removeprefix(f"https://{HOST}"))


def choose(browser: Browser, name: str, **headers: str) -> Any:
    found = TOKEN.search(browser.text("/c/oidc/onboard"))
    assert found
    form = {"username": name, "csrf_token": unescape(found.group(1))}
    return browser.post("/c/oidc/onboard", form, headers=headers)


def recorded(operation: str, result: str = "success") -> list[str]:
    spool.drain()
    rows = AuditRecord.objects.filter(operation=operation, result=result, resource_type="user").order_by("at", "id")
    return [row.actor for row in rows]


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
    assert '<a href="/c/oidc/login">Sign in via Example Login</a>' in page
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


# --- mix-ups


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


@pytest.mark.parametrize("cookie", ["", "x", "AAAA", "é", seal(b"{}", purpose="configuration")])
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
    assert "script" not in answer.content.decode()
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
