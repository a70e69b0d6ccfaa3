"""Each role in a browser: what it is offered on a project's pages, and what becomes of what it sends all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.chromium import Chromium, running_chromium
from tests.flows.test_portal import AXE, DESKTOP, RULES, RUN, SHOTS, WATCH, digest, fill, sign_in, submit, typed
from tests.flows.world import PEOPLE, World

_WEB = "/projects/web"
_SHOP = f"{_WEB}/repositories/storefront"
# By the one who has the role, in their order: each has what those before have, and this besides.
TABS = {
    "lee": {"Repositories"}, "gus": {"Members", "Robots", "Labels"}, "dora": set(), "mika": {"Immutable tags"},
    "grace": {"Logs", "Settings"},
}  # fmt: skip
CONTROLS = {
    "lee": {"copy"}, "gus": set(), "dora": {"tags", "labels"}, "mika": {"move", "delete", "latest/delete"},
    "grace": set(),
}  # fmt: skip
# What somebody sends who makes the form himself, and the first who may. {} is the digest of storefront:latest.
DEEDS = {
    f"{_SHOP}/-/artifacts/{{}}/tags": "dora",
    f"{_SHOP}/-/artifacts/{{}}/labels": "dora",
    f"{_SHOP}/-/describe": "dora",
    f"{_SHOP}/-/artifacts/{{}}/move": "mika",
    f"{_SHOP}/-/artifacts/{{}}/delete": "mika",
    f"{_SHOP}/-/tags/latest/delete": "mika",
    f"{_SHOP}/-/delete": "mika",
    f"{_WEB}/labels/new": "mika",
    f"{_WEB}/rules/new": "mika",
    f"{_WEB}/members/new": "grace",
    f"{_WEB}/robots/new": "grace",
    f"{_WEB}/settings": "grace",
    f"{_WEB}/delete": "grace",
    "/administration/users/new": "admin",
    "/administration/labels/new": "admin",
    "/administration/configuration/system": "admin",
    "/administration/registries/new": "admin",
    "/administration/replication/new": "admin",
}
_ORDER = ["lee", "gus", "dora", "mika", "grace", "admin"]


@pytest.fixture(scope="module")
def chromium(workspace: Path) -> Iterator[Chromium]:
    with running_chromium(workspace / "portal-roles") as browser:
        browser.before_each_page(WATCH)
        browser.emulate(*DESKTOP)
        yield browser


@pytest.fixture
def browser(chromium: Chromium) -> Chromium:
    chromium.forget()
    return chromium


def up_to(table: dict[str, set[str]], name: str) -> set[str]:
    found: set[str] = set()
    for each, more in table.items():
        found |= more
        if each == name:
            break
    return found


def paths(browser: Chromium) -> list[str]:
    """Where the links and forms of the page lead."""
    script = "[...document.querySelectorAll('main a[href], main form[action]')]"
    return list(browser.evaluate(f"{script}.map(each => new URL(each.href || each.action).pathname)"))


def sent(browser: Chromium, path: str) -> int:
    """The answer to a form that the page doesn't have, sent as the page would send it."""
    script = """path => fetch(path, {
        method: 'POST', headers: {Accept: 'text/html'}, redirect: 'manual',
        body: new URLSearchParams({csrf_token: document.querySelector('[name=csrf_token]').value}),
    }).then(answer => answer.status)"""
    return int(browser.evaluate(f"({script})({json.dumps(path)})"))


@pytest.mark.parametrize("name", PEOPLE)
def test_a_role_is_offered_what_it_may_and_refused_the_rest(world: World, browser: Chromium, name: str):
    latest = digest(world, "web/storefront", "latest")
    artifact = f"{_SHOP}/-/artifacts/{latest}"
    sign_in(browser, world, name)
    browser.go(world.stack.url + _WEB)
    tabs = browser.evaluate("[...document.querySelectorAll('.tabs a')].map(each => each.innerText.trim())")
    assert set(tabs) == up_to(TABS, name)
    browser.go(world.stack.url + artifact)
    found = {path.removeprefix(f"{artifact}/").removeprefix(f"{_SHOP}/-/tags/") for path in paths(browser)}
    every = up_to(CONTROLS, "grace")
    assert found & every == up_to(CONTROLS, name)
    assert "docker pull" in browser.text

    for path, first in DEEDS.items():
        may = _ORDER.index(name) >= _ORDER.index(first)
        if not may:
            assert sent(browser, path.format(latest)) == 403, path
    assert digest(world, "web/storefront", "latest") == latest


def test_a_guest_looks_at_all_and_changes_nothing(world: World, browser: Chromium):
    sign_in(browser, world, "gus")
    for page in (_WEB, _SHOP, f"{_WEB}/members", f"{_WEB}/robots", f"{_WEB}/labels", "/projects/data-platform"):
        browser.go(world.stack.url + page)
        assert "data-problem" not in browser.evaluate("document.querySelector('main').innerHTML")
        wrong = [path for path in paths(browser) if path.endswith(("/delete", "/new", "/describe", "/role", "/switch"))]
        assert wrong in ([], ["/new-project"]), page
        assert "docker push" not in browser.text
    browser.go(f"{world.stack.url}{_WEB}/settings")
    assert "You may not see or do this" in browser.text


def test_a_limited_guest_knows_nobody_else(world: World, browser: Chromium):
    sign_in(browser, world, "lee")
    for page in ("members", "robots", "labels", "logs"):
        browser.go(f"{world.stack.url}{_WEB}/{page}")
        assert "You may not see or do this" in browser.text
        assert "grace" not in browser.text


def test_what_a_maintainer_deletes_by_mistake_is_brought_back(world: World, browser: Chromium):
    sign_in(browser, world, "mika")
    world.image("web/undone", "one", 2000)
    home = f"{_WEB}/repositories/undone/-/artifacts/{digest(world, 'web/undone', 'one')}"
    browser.go(world.stack.url + home)
    browser.leave_by("document.querySelector('a[href$=\"/tags/one/delete\"]').click()")
    fill(browser, confirm="one")
    typed(browser, "#confirm")
    submit(browser)
    assert "The tag one is deleted" in browser.text
    browser.screenshot(SHOTS / "undo-desktop.png")
    browser.evaluate(AXE.read_text() + "; null")
    assert browser.evaluate(f"({RUN})({json.dumps(RULES)})") == []
    browser.leave_by("document.querySelector('form[action=\"/undo\"] button').click()")
    assert browser.url == world.stack.url + home
    assert "The tag one is set again" in browser.text
    browser.leave_by("document.querySelector('a[href$=\"/move\"]').click()")
    fill(browser, project="mobile", repository="undone")
    submit(browser)
    assert "Moved to mobile/undone" in browser.text
    browser.leave_by("document.querySelector('form[action=\"/undo\"] button').click()")
    assert "Moved back to web/undone" in browser.text
    assert browser.url == world.stack.url + home
