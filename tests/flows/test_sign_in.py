"""People sign in to the pages with a browser, by password and by an OpenID provider, and foreign pages get nowhere."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.flows.chromium import Chromium, running_chromium
from tests.flows.clients import Skopeo
from tests.flows.stacks import Running, eventually, running_stack
from tests.forger import dripping
from tests.provider import ProviderProcess, items_for, running_provider

FORM = "document.getElementById('principal').value = {!r}; document.getElementById('password').value = {!r};"
SEND = "document.querySelector('main form button').click()"


@pytest.fixture(scope="module")
def provider(workspace: Path) -> Iterator[ProviderProcess]:
    (workspace / "provider").mkdir()
    with running_provider(workspace / "provider") as process:
        yield process


@pytest.fixture(scope="module")
def company(workspace: Path, provider: ProviderProcess) -> Iterator[Running]:
    """A stack of its own, whose people sign in by the provider; `builders` build in the project `yard`."""
    with running_stack(workspace / "oidc") as running:
        api = requests.Session()
        api.auth = ("admin", running.admin_password)
        base = f"{running.url}/api/v2.0"
        assert api.post(f"{base}/system/oidc/ping", json={"url": provider.url}, timeout=30).status_code == 200
        items = {name: item for name, item in items_for(provider.url).items() if name != "oidc_timeout"}
        assert api.put(f"{base}/configurations", json=items | {"oidc_logout": True}, timeout=30).status_code == 200
        assert api.post(f"{base}/projects", json={"project_name": "yard"}, timeout=30).status_code == 201
        builders = {"role_id": 2, "member_group": {"group_name": "builders", "group_type": 3}}
        assert api.post(f"{base}/projects/yard/members", json=builders, timeout=30).status_code == 201
        running.wait_until_it_answers()
        yield running


@pytest.fixture(scope="module")
def chromium(workspace: Path) -> Iterator[Chromium]:
    with running_chromium(workspace / "chromium") as browser:
        yield browser


@pytest.fixture
def browser(chromium: Chromium) -> Chromium:
    chromium.forget()
    return chromium


class _Page(BaseHTTPRequestHandler):
    """A foreign site: whatever page a test gives it."""

    page = ""

    def do_GET(self) -> None:
        body = self.page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(params=["localhost", "127.0.0.1"])
def foreign(request) -> Iterator[tuple[str, type[_Page]]]:
    """The URL of a foreign site: of another site, and of the same one (a browser counts no ports) at another origin."""
    page = type("Page", (_Page,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), page)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://{request.param}:{server.server_port}/", page
    server.shutdown()
    server.server_close()


def sign_in(browser: Chromium, running: Running, name: str, password: str) -> None:
    browser.go(f"{running.url}/account/sign-in")
    browser.evaluate(FORM.format(name, password))
    browser.leave_by(SEND)


def at_the_provider(browser: Chromium, sub: str) -> None:
    browser.evaluate(f"document.querySelector('input[name=sub]').value = {sub!r}")
    browser.leave_by("document.querySelector('form button').click()")


def sid(browser: Chromium) -> dict[str, Any]:
    return next((cookie for cookie in browser.cookies if cookie["name"] == "sid"), {})


def signed_in_as(browser: Chromium) -> str:
    return str(browser.evaluate("document.querySelector('.menu-text strong')?.textContent ?? ''"))


def follow(browser: Chromium, words: str) -> None:
    browser.leave_by(f"[...document.links].find(each => each.textContent.includes({words!r})).click()")


def test_a_password_signs_in_and_a_link_signs_out(company: Running, browser: Chromium):
    sign_in(browser, company, "admin", "Wrong-Password-1")
    assert "Incorrect user name or password" in browser.text
    browser.evaluate(FORM.format("admin", company.admin_password))
    browser.leave_by(SEND)
    assert browser.url == f"{company.url}/"
    assert signed_in_as(browser) == "admin"
    cookie = sid(browser)
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["expires"]) == (True, "Lax", -1)
    assert browser.evaluate("document.cookie") == ""
    follow(browser, "Sign out")
    assert "Sign in" in browser.text
    assert not sid(browser)


def test_a_page_of_ours_uses_the_api_with_the_token(company: Running, browser: Chromium):
    sign_in(browser, company, "admin", company.admin_password)
    ask = "fetch('/api/v2.0/projects', {method: 'POST', body: '{\"project_name\": \"%s\"}', headers: %s})"
    head = "{'Content-Type': 'application/json', 'X-Harbor-CSRF-Token': token}"
    browser.go(f"{company.url}/api/v2.0/health")  # a page of the same origin that lets scripts fetch
    without = ask % ("paged", "{'Content-Type': 'application/json'}")
    assert browser.evaluate(f"{without}.then(answer => answer.status)") == 403
    token = "fetch('/api/v2.0/users/current').then(answer => answer.headers.get('X-Harbor-CSRF-Token'))"
    assert browser.evaluate(f"{token}.then(token => {ask % ('paged', head)}).then(answer => answer.status)") == 201


def test_the_apis_own_page_tries_operations_out_by_the_session(company: Running, browser: Chromium):
    sign_in(browser, company, "admin", company.admin_password)
    browser.go(f"{company.url}/api/docs")

    def tried(group: str, operation: str) -> str:
        """Open the group and the operation, press its buttons, and wait for the status that it answers."""
        script = """(async () => {
            const there = async (what, where = document) => {
                for (let tries = 0; tries < 300; tries++) {
                    if (where.querySelector(what)) return where.querySelector(what);
                    await new Promise(done => setTimeout(done, 100));
                }
                throw new Error(what);
            };
            (await there('#operations-tag-%s')).click();
            const block = await there('#operations-%s');
            (await there('.opblock-summary-control', block)).click();
            (await there('.try-out__btn', block)).click();
            (await there('.execute', block)).click();
            return (await there('.live-responses-table .response .response-col_status', block)).innerText;
        })()"""
        return str(browser.evaluate(script % (group, f"{group}-{operation}"))).split()[0]

    assert tried("user", "getCurrentUserInfo") == "200"
    assert tried("project", "createProject") == "201"  # and isn't taken for a foreign page's doing (403)


def test_signing_out_everywhere_is_a_button(company: Running, browser: Chromium):
    elsewhere = requests.Session()
    form = {"principal": "admin", "password": company.admin_password}
    assert elsewhere.post(f"{company.url}/c/login", data=form, timeout=30).status_code == 200
    assert elsewhere.get(f"{company.url}/api/v2.0/users/current", timeout=30).status_code == 200
    sign_in(browser, company, "admin", company.admin_password)
    browser.leave_by("document.querySelector('form[action$=everywhere] button').click()")
    assert "Sign in" in browser.text
    assert elsewhere.get(f"{company.url}/api/v2.0/users/current", timeout=30).status_code == 401


def test_a_foreign_page_does_nothing_with_the_cookie(company: Running, browser: Chromium, foreign):
    url, page = foreign
    sign_in(browser, company, "admin", company.admin_password)
    before = sid(browser)["value"]
    target = company.url
    page.page = f"""
        <form id=everywhere method=post action="{target}/account/sign-out-everywhere"><input name=csrf_token></form>
        <form id=login method=post action="{target}/c/login">
          <input name=principal value=admin><input name=password value="{company.admin_password}"></form>
        <form id=text method=post enctype="text/plain" action="{target}/api/v2.0/projects">
          <input name='{{"project_name": "forged", "a":"' value='"}}'></form>
        <a id=out href="{target}/c/log_out">out</a>
    """
    for deed in ("everywhere", "login", "text"):
        browser.go(url)
        browser.leave_by(f"document.getElementById('{deed}').submit()")
        assert browser.url.startswith(target)
        assert sid(browser)["value"] == before, deed
    browser.go(url)
    browser.leave_by("document.getElementById('out').click()")
    browser.go(url)
    script = (
        f"fetch('{target}/api/v2.0/projects', {{method: 'POST', credentials: 'include', mode: 'no-cors',"
        " body: '{\"project_name\": \"forged\"}'}).then(() => 'sent', () => 'refused')"
    )
    assert browser.evaluate(script) in {"sent", "refused"}
    read = (
        f"fetch('{target}/api/v2.0/users/current', {{credentials: 'include'}}).then(a => a.text(), () => 'kept back')"
    )
    assert browser.evaluate(read) == "kept back"
    browser.go(f"{target}/")
    assert signed_in_as(browser) == "admin"
    assert sid(browser)["value"] == before
    listed = requests.get(f"{target}/api/v2.0/projects", auth=("admin", company.admin_password), timeout=30)
    assert "forged" not in listed.text


def test_a_newcomer_comes_by_the_provider_and_docker_by_a_token(
    company: Running, browser: Chromium, provider: ProviderProcess, skopeo: Skopeo
):
    provider.knows("nina-1", name="Nina", email="nina@example.com", groups=["builders"])
    browser.go(f"{company.url}/account/sign-in")
    follow(browser, "via Example Login")
    assert browser.url.startswith(f"{provider.url}/oauth2/authorize?")
    at_the_provider(browser, "nina-1")
    assert browser.url == f"{company.url}/c/oidc/onboard"
    browser.evaluate("document.getElementById('username').value = 'nina'")
    browser.leave_by("document.querySelector('main form button').click()")
    assert browser.url == f"{company.url}/"
    assert signed_in_as(browser) == "nina"

    browser.go(f"{company.url}/api/v2.0/health")
    made = browser.evaluate("""
        fetch('/api/v2.0/users/current').then(answer => fetch('/api/v2.0/users/current/tokens', {
            method: 'POST', body: '{"name": "docker"}', headers: {
                'Content-Type': 'application/json', 'X-Harbor-CSRF-Token': answer.headers.get('X-Harbor-CSRF-Token')
            },
        })).then(answer => answer.json())
    """)
    assert "Login Succeeded" in skopeo.login(company.host, "nina", made["token"])
    wire = company.wire("nina", made["token"])
    began = wire.request("POST", "/v2/yard/app/blobs/uploads/", headers={"Content-Length": "0"})
    assert began.status == 202  # she is one of the builders
    skopeo.login_refused(company.host, "nina", "Some-Password-1")


def test_the_next_time_the_provider_leads_straight_in_and_out_again(
    company: Running, browser: Chromium, provider: ProviderProcess
):
    provider.knows("otto-1", name="Otto")
    company.manage("configure", "oidc_auto_onboard", "true")
    try:
        time.sleep(3.5)  # until every process has seen it
        browser.go(f"{company.url}/c/oidc/login?redirect_url=/api/docs")
        at_the_provider(browser, "otto-1")
        assert browser.url == f"{company.url}/api/docs"
        browser.go(f"{company.url}/")
        assert signed_in_as(browser) == "Otto"
        follow(browser, "Sign out")
        assert browser.url.startswith(f"{provider.url}/oauth2/end_session?id_token_hint=")
        browser.leave_by("document.querySelector('form button').click()")
        assert browser.url == f"{company.url}/"
        assert "Sign in" in browser.text
    finally:
        company.manage("configure", "oidc_auto_onboard", "false")


def test_somebody_elses_answer_signs_nobody_in(company: Running, browser: Chromium, provider: ProviderProcess):
    attacker = requests.Session()
    away = attacker.get(f"{company.url}/c/oidc/login", allow_redirects=False, timeout=30).headers["Location"]
    browser.go(provider.sign_in(away, "mallory-1"))
    assert "did not begin in this browser" in browser.text
    assert not sid(browser)


def test_a_session_outlives_redis_and_the_web_processes(company: Running, browser: Chromium):
    sign_in(browser, company, "admin", company.admin_password)
    killed = {piece: company.pid_of(piece) for piece in ("redis", "web")}
    for pid in killed.values():
        assert pid
        os.kill(pid, signal.SIGKILL)

    def is_signed_in() -> bool:
        """While web processes are started anew nginx answers 503."""
        browser.go(f"{company.url}/")
        return signed_in_as(browser) == "admin"

    eventually(lambda: company.pid_of("web") not in {None, killed["web"]}, "the web processes don't come back")
    eventually(is_signed_in, "the session is gone")


def test_a_provider_that_hangs_holds_nobody_else_up(company: Running, provider: ProviderProcess, tmp_path: Path):
    clients = [Skopeo(tmp_path / f"skopeo{number}") for number in range(4)]
    with dripping() as url, ThreadPoolExecutor(10) as pool:
        company.manage("configure", "oidc_endpoint", url)
        try:
            time.sleep(3.5)
            waiting = [pool.submit(requests.get, f"{company.url}/c/oidc/login", timeout=60) for _ in range(6)]
            logins = [pool.submit(each.login, company.host, "admin", company.admin_password) for each in clients]
            assert all("Login Succeeded" in each.result() for each in logins)
            assert {each.result().status_code for each in waiting} == {503}
        finally:
            company.manage("configure", "oidc_endpoint", provider.url)
