"""The portal in a browser: what it looks like, that everybody can use it, and that nothing in it is carried out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.chromium import Chromium, running_chromium
from tests.flows.stacks import CHECKOUT
from tests.flows.world import PASSWORD, World

SHOTS = CHECKOUT / "var" / "screenshots"
DESKTOP, PHONE = (1280, 800), (390, 844)
AXE = CHECKOUT / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WATCH = """
window.wrongs = [];
addEventListener('error', event => wrongs.push(event.message));
addEventListener('unhandledrejection', event => wrongs.push(String(event.reason)));
addEventListener('securitypolicyviolation', event => wrongs.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
RUN = """
rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})
    .then(found => found.violations.map(each => `${each.id}: ${each.nodes[0].html}`))
"""
_WEB = "/projects/web"
_SHOP = f"{_WEB}/repositories/storefront"
# What a project's administrator sees, by the name of its picture. {} is the digest of storefront:v2.0.0.
PAGES = {
    "home": "/",
    "search": "/search?q=store",
    "projects": "/projects",
    "projects-nothing": "/projects?q=nothing",
    "new-project": "/new-project",
    "project": _WEB,
    "project-empty": "/projects/data-platform",
    "repository": _SHOP,
    "repository-index": f"{_WEB}/repositories/gateway",
    "repository-describe": f"{_SHOP}/-/describe",
    "repository-delete": f"{_SHOP}/-/delete",
    "artifact": f"{_SHOP}/-/artifacts/{{}}",
    "artifact-labels": f"{_SHOP}/-/artifacts/{{}}/labels",
    "artifact-copy": f"{_SHOP}/-/artifacts/{{}}/copy",
    "artifact-move": f"{_SHOP}/-/artifacts/{{}}/move",
    "members": f"{_WEB}/members",
    "member-new": f"{_WEB}/members/new",
    "robots": f"{_WEB}/robots",
    "robot-new": f"{_WEB}/robots/new",
    "labels": f"{_WEB}/labels",
    "label-new": f"{_WEB}/labels/new",
    "rules": f"{_WEB}/rules",
    "rule-new": f"{_WEB}/rules/new",
    "logs": f"{_WEB}/logs",
    "settings": f"{_WEB}/settings",
    "account": "/account",
    "account-password": "/account/password",
    "account-token-new": "/account/tokens/new",
    "not-there": "/projects/nowhere",
    "hostile": "/projects/mobile/repositories/hostile",
    "hostile-search": "/search?q=%3Cimg%20src%3Dx%20onerror%3Ddocument.title%3D'owned'%3E",
}
# What an administrator sees; {user}, {group} and {quota} are ids.
ADMINISTRATION = {
    "system-robots": "/administration/robots",
    "system-robot-new": "/administration/robots/new",
    "system-labels": "/administration/labels",
    "system-trail": "/administration/trail",
    "users": "/administration/users",
    "user": "/administration/users/{user}",
    "user-new": "/administration/users/new",
    "groups": "/administration/groups",
    "group": "/administration/groups/{group}",
    "quotas": "/administration/quotas",
    "quota": "/administration/quotas/{quota}",
    "configuration": "/administration/configuration",
    "configuration-ldap": "/administration/configuration/ldap",
    "configuration-system": "/administration/configuration/system",
    "system": "/administration/system",
}


@pytest.fixture(scope="module")
def chromium(workspace: Path) -> Iterator[Chromium]:
    with running_chromium(workspace / "portal") as browser:
        browser.before_each_page(WATCH)
        yield browser


@pytest.fixture
def browser(chromium: Chromium) -> Chromium:
    chromium.forget()
    chromium.emulate(*DESKTOP)
    return chromium


def sign_in(browser: Chromium, world: World, name: str) -> None:
    password = world.stack.admin_password if name == "admin" else PASSWORD
    browser.go(f"{world.stack.url}/account/sign-in")
    fill(browser, principal=name, password=password)
    submit(browser)


def fill(browser: Chromium, **fields: str) -> None:
    for name, value in fields.items():
        browser.evaluate(f"document.querySelector('main [name={name}]').value = {json.dumps(value)}; null")


def typed(browser: Chromium, field: str) -> None:
    """Tell the page that somebody types there."""
    browser.evaluate(
        f"document.querySelector({json.dumps(field)}).dispatchEvent(new Event('input', {{bubbles: true}}))"
    )


def submit(browser: Chromium, button: str = "main .card button[type=submit]") -> None:
    browser.leave_by(f"document.querySelector({json.dumps(button)}).click()")


def digest(world: World, repository: str, tag: str) -> str:
    project, _, rest = repository.partition("/")
    path = f"projects/{project}/repositories/{rest.replace('/', '%252F')}/artifacts/{tag}"
    return str(world.api.get(f"{world.stack.url}/api/v2.0/{path}", timeout=30).json()["digest"])


def ids(world: World) -> dict[str, int]:
    """Of a user, a group and a quota that are there: other tests on the same stack have made and deleted some."""
    found = {}
    for name, path, key in (("user", "users", "user_id"), ("group", "usergroups", "id"), ("quota", "quotas", "id")):
        found[name] = world.api.get(f"{world.stack.url}/api/v2.0/{path}", timeout=30).json()[0][key]
    return found


def look_at(browser: Chromium, world: World, name: str, path: str) -> list[str]:
    """A page on a light desktop, which then becomes a dark phone: its pictures, and what is wrong with it."""
    wrong: list[str] = []
    browser.emulate(*DESKTOP)
    browser.go(world.stack.url + path)
    browser.evaluate(AXE.read_text() + "; null")
    for shape, size in (("desktop", DESKTOP), ("phone", PHONE)):
        browser.emulate(*size, dark=shape == "phone")
        browser.screenshot(SHOTS / f"{name}-{shape}.png")
        found = browser.evaluate(f"({RUN})({json.dumps(RULES)})")
        if browser.evaluate("document.documentElement.scrollWidth") > size[0]:  # innerWidth grows with what is too wide
            found.append("wider than the screen")
        wrong += [f"{name} {shape}: {each}" for each in found]
    if name != "not-there" and browser.evaluate("document.querySelector('p[data-problem]') !== null"):
        wrong.append(f"{name}: no page: {browser.text}")
    if browser.evaluate("document.title") == "owned":
        wrong.append(f"{name}: carried out")
    return wrong + [f"{name}: {each}" for each in browser.evaluate("wrongs")]


def test_every_page_can_be_used_by_everybody_and_nothing_in_it_is_carried_out(world: World, browser: Chromium):
    found = digest(world, "web/storefront", "v2.0.0")
    hostile = f"/projects/mobile/repositories/hostile/-/artifacts/{digest(world, 'mobile/hostile', 'latest')}"
    chart = digest(world, "mobile/hostile-chart", "1.0.0")
    inside = f"/projects/mobile/repositories/hostile-chart/-/artifacts/{chart}/additions"
    outside = {"welcome": "/", "sign-in": "/account/sign-in", "public-projects": "/projects"}
    wrong = [each for name, path in outside.items() for each in look_at(browser, world, name, path)]
    browser.emulate(*DESKTOP)
    sign_in(browser, world, "grace")
    more = {"hostile-artifact": hostile, "chart-values": f"{inside}/values.yaml", "chart-readme": f"{inside}/readme.md"}
    for name, path in {**PAGES, **more}.items():
        wrong += look_at(browser, world, name, path.format(found))
    browser.emulate(*DESKTOP)
    browser.forget()
    sign_in(browser, world, "admin")
    for name, path in {"admin-home": "/", **ADMINISTRATION}.items():
        wrong += look_at(browser, world, name, path.format(**ids(world)))
    assert wrong == []


def test_a_developer_pushes_looks_tags_and_deletes(world: World, browser: Chromium):
    sign_in(browser, world, "mika")
    name = f"{_WEB}/repositories/journey"
    world.image("web/journey", "one", 2000)
    browser.go(f"{world.stack.url}{_WEB}")
    browser.evaluate("document.querySelector('#q').value = 'journ'; null")
    typed(browser, "#q")
    browser.until("document.querySelectorAll('#list tbody tr').length === 1")
    assert "q=journ" in browser.url
    browser.leave_by("document.querySelector('#list tbody a').click()")
    assert browser.url == world.stack.url + name
    browser.leave_by("document.querySelector('#list a.mark').click()")
    assert "npm ci --omit=dev" in browser.text
    browser.evaluate("document.querySelector('[data-copy^=docker]').click()")
    browser.until("document.getElementById('status').textContent === 'Copied'")
    browser.leave_by("document.querySelector('a[href$=\"/tags\"]').click()")
    fill(browser, name="two")
    submit(browser)
    assert "The tag two is set" in browser.text
    browser.leave_by("document.querySelector('a[href$=\"/tags/one/delete\"]').click()")
    assert browser.evaluate("document.querySelector('[data-confirms]').disabled")
    fill(browser, confirm="one")
    typed(browser, "#confirm")
    submit(browser)
    assert "The tag one is deleted" in browser.text
    browser.go(world.stack.url + name)
    browser.leave_by("document.querySelector('a[href$=\"/-/delete\"]').click()")
    fill(browser, confirm="web/journey")
    browser.leave_by("document.querySelector('#confirm').form.submit()")
    assert "The repository web/journey is deleted" in browser.text


def test_an_administrator_of_a_project_makes_a_robot_that_can_sign_in(world: World, browser: Chromium):
    sign_in(browser, world, "grace")
    browser.go(f"{world.stack.url}{_WEB}/robots/new")
    fill(browser, name="journey", duration="7")
    submit(browser)
    secret = str(browser.evaluate("document.getElementById('secret').textContent"))
    robot = world.stack.wire("robot$web+journey", secret)
    assert robot.request("GET", "/v2/web/storefront/tags/list").status == 200
    browser.go(f"{world.stack.url}{_WEB}/robots")
    assert secret not in browser.evaluate("document.documentElement.outerHTML")
    browser.leave_by("document.querySelector('[aria-label=\"Switch robot$web+journey off\"]').click()")
    assert "The robot is switched off" in browser.text
    assert world.stack.wire("robot$web+journey", secret).request("GET", "/v2/").status == 401


def test_what_a_rule_covers_is_shown_as_it_is_written(world: World, browser: Chromium):
    sign_in(browser, world, "grace")
    browser.go(f"{world.stack.url}{_WEB}/rules/new")
    covered = "document.querySelectorAll('#preview .mark').length"
    before = browser.evaluate(covered)
    fill(browser, tag_pattern="v2.*")
    typed(browser, "[name=tag_pattern]")
    browser.until(f"{covered} === 1")
    assert before > 1
    assert "web/storefront:v2.0.0" in browser.text


def test_a_form_that_is_sent_after_its_session_has_ended_is_not_lost(world: World, browser: Chromium):
    sign_in(browser, world, "grace")
    browser.go(f"{world.stack.url}{_WEB}/labels/new")
    fill(browser, name="kept-label", description="A long text that nobody wants to type twice")
    browser.forget()
    submit(browser)
    assert "What you typed is kept" in browser.text
    fill(browser, principal="grace", password=PASSWORD)
    browser.leave_by("document.getElementById('password').form.querySelector('button').click()")
    assert "Nothing you typed is lost" in browser.text
    submit(browser)
    assert "The label kept-label is there" in browser.text


def test_it_works_without_scripts_and_by_the_keyboard(world: World, browser: Chromium):
    sign_in(browser, world, "grace")
    browser.go(f"{world.stack.url}/")
    browser.press("Tab")
    assert browser.evaluate("document.activeElement.className") == "skip-link"
    browser.press("/")
    assert browser.evaluate("document.activeElement.type") == "search"
    browser.emulate(*PHONE)
    browser.evaluate("document.querySelector('.topbar-menu').focus(); null")
    browser.press("Enter")
    assert browser.evaluate("document.querySelector('.sidebar').matches(':popover-open')")
    browser.go(f"{world.stack.url}{_WEB}")
    assert (
        browser.evaluate("""[...document.querySelectorAll('thead a')].map(link => {
        const {left, top, width, height} = link.getBoundingClientRect();
        return document.elementFromPoint(left + width / 2, top + height / 2) === link;
    })""")
        == [True] * 5
    )  # what orders the list
    browser.go(f"{world.stack.url}{_WEB}/settings")
    place = browser.evaluate("document.querySelector('.tabs [aria-current]').getBoundingClientRect().right")
    assert place <= PHONE[0]  # the last tab, of a row that is wider than the phone
    plain = world.session("grace")
    page = plain.get(f"{world.stack.url}/projects?q=we", timeout=30).text
    assert 'href="/projects/web"' in page
    assert 'href="/projects/mobile"' not in page


def test_colours_and_language_are_chosen_and_kept(world: World, browser: Chromium):
    browser.go(f"{world.stack.url}/account/sign-in")
    browser.leave_by("document.querySelector('button[name=theme][value=dark]').click()")
    browser.leave_by("document.querySelector('button[name=language][value=ja]').click()")
    assert browser.evaluate("document.documentElement.dataset.bsTheme + document.documentElement.lang") == "darkja"
    assert "サインイン" in browser.text
    browser.screenshot(SHOTS / "sign-in-ja-dark.png")


def test_the_readme_shows_it_as_it_is(world: World, browser: Chromium):
    """Pictures for docs/images, whoever copies them there."""
    world.api.put(f"{world.stack.url}/api/v2.0/configurations", json={"banner_message": ""}, timeout=30)
    world.activity()
    time.sleep(4)  # a change of the configuration counts everywhere within three seconds
    artifact = f"{_SHOP}/-/artifacts/{digest(world, 'web/storefront', 'v2.0.0')}"
    browser.emulate(1360, 800)
    sign_in(browser, world, "grace")
    shown = {"repository": _SHOP, "artifact": artifact, "immutable-tags": f"{_WEB}/rules/new"}
    for name, path in shown.items():
        browser.emulate(1360, 800, dark=name == "artifact")
        browser.go(world.stack.url + path)
        browser.screenshot(SHOTS / "readme" / f"{name}.png", whole=False)
    browser.emulate(1360, 800)
    browser.forget()
    sign_in(browser, world, "admin")
    browser.until("!!document.querySelector('.chart canvas') && !!document.querySelector('#states .mark')")
    browser.screenshot(SHOTS / "readme" / "home.png", whole=False)
