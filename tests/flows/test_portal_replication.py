"""Replication in a browser: watched from the registry's set-up to its end, and what its pages look like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows import voyages
from tests.flows.chromium import Chromium, running_chromium
from tests.flows.conformance.pushes import push_content
from tests.flows.content import OCI_MANIFEST, Content
from tests.flows.stacks import Running
from tests.flows.test_portal import DESKTOP, SHOTS, WATCH, look_at, sign_in, submit
from tests.flows.wire import Wire
from tests.flows.world import World, image

_REGISTRIES, _REPLICATION = "/administration/registries", "/administration/replication"
_EXECUTION = f"{_REPLICATION}/executions"
# By the names of their pictures; the ids are those of `voyages.seed`.
PAGES = {
    "registries": _REGISTRIES,
    "registry-new": f"{_REGISTRIES}/new",
    "registry-edit": _REGISTRIES + "/{registry}",
    "registry-hostile": _REGISTRIES + "/{hostile-registry}",
    "policies": _REPLICATION,
    "policy": _REPLICATION + "/{policy}",
    "policy-scheduled": _REPLICATION + "/{scheduled}",
    "policy-hostile": _REPLICATION + "/{hostile}",
    "policy-new": f"{_REPLICATION}/new",
    "policy-edit": _REPLICATION + "/{policy}/edit",
    "flows": f"{_REPLICATION}/flows",
    "queues": f"{_REPLICATION}/queues",
    "executions": _EXECUTION,
    "execution-live": _EXECUTION + "/{live}",
    "execution-failed": _EXECUTION + "/{failed}",
    "execution-dry": _EXECUTION + "/{dry}",
    "execution-hostile": _EXECUTION + "/{evil}",
    "task": _EXECUTION + "/{failed}/tasks/{task}",
    "task-live": _EXECUTION + "/{live}/tasks/{working}",
    "task-hostile": _EXECUTION + "/{evil}/tasks/{evil-task}",
    "home-replicating": "/",
}


@pytest.fixture(scope="module")
def chromium(workspace: Path) -> Iterator[Chromium]:
    with running_chromium(workspace / "portal-replication") as browser:
        browser.before_each_page(WATCH)
        yield browser


@pytest.fixture
def world(stack: Running) -> Iterator[World]:
    yield World(stack)
    voyages.forget(stack)


@pytest.fixture
def browser(chromium: Chromium, world: World) -> Chromium:
    chromium.forget()
    chromium.emulate(*DESKTOP)
    sign_in(chromium, world, "admin")
    return chromium


def write(browser: Chromium, name: str, value: str) -> None:
    """Fill in a field as a person does: the page notices."""
    script = """(name, value) => {
        const field = document.querySelector(`main form [name=${name}]`);
        field.value = value;
        for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, {bubbles: true}));
    }"""
    browser.evaluate(f"({script})({json.dumps(name)}, {json.dumps(value)}); null")


def says(selector: str, words: str) -> str:
    return f"(document.querySelector({json.dumps(selector)})?.innerText ?? '').includes({json.dumps(words)})"


def press(browser: Chromium, deed: str) -> None:
    submit(browser, f"main button[name=deed][value={deed}]")


def test_a_replication_is_watched_from_setting_up_the_registry_to_its_end(
    world: World, browser: Chromium, distribution: str
):
    world.post("projects", {"project_name": "voyage"})
    content = Content()
    image(content, 6_000_000)
    content.tag("v1.0.0")
    push_content(world.wire, "voyage/ship", content)
    _set_up_registry(browser, world, distribution)
    _write_policy(browser, world)
    press(browser, "try")
    browser.until(says("#live", "Start it"))
    assert "voyage/ship" in browser.text
    assert Wire(distribution, None).request("GET", "/v2/mirror/ship/tags/list").status == 404

    submit(browser, "#begin")
    browser.evaluate("window.stays = true")
    browser.until("document.querySelector('[role=progressbar]').getAttribute('aria-valuenow') > 0")
    browser.until(says("#status", "The execution is done."))
    assert "1 of 1" in browser.text
    assert browser.evaluate("window.stays && document.querySelector('#live')['htmx-internal-data'].cancelled")
    accepted = {"Accept": OCI_MANIFEST}
    assert Wire(distribution, None).request("GET", "/v2/mirror/ship/manifests/v1.0.0", headers=accepted).status == 200

    browser.leave_by("document.querySelector('#live tbody a').click()")
    assert "voyage/ship" in browser.text
    assert browser.evaluate("document.querySelectorAll('.log li').length > 1")
    assert browser.evaluate("wrongs") == []


def _set_up_registry(browser: Chromium, world: World, distribution: str) -> None:
    browser.go(f"{world.stack.url}{_REGISTRIES}/new")
    write(browser, "name", "harbour wall")
    write(browser, "kind", "docker-hub")
    browser.until("document.querySelector('#id_url').tagName === 'SELECT'")
    write(browser, "kind", "docker-registry")
    browser.until("document.querySelector('#id_url').tagName === 'INPUT'")
    write(browser, "url", "http://127.0.0.1:1")
    browser.evaluate("document.querySelector('button[value=test]').click()")
    browser.until("document.querySelector('#tried .alert-danger') !== null")
    write(browser, "url", distribution)
    browser.evaluate("document.querySelector('button[value=test]').click()")
    browser.until(says("#tried", "takes the credential"))
    press(browser, "save")
    assert "harbour wall is set up, and answers" in browser.text


def _write_policy(browser: Chromium, world: World) -> None:
    """Slow enough to be watched."""
    browser.go(f"{world.stack.url}{_REPLICATION}/new")
    write(browser, "name", "outward bound")
    write(browser, "registry", browser.evaluate("document.querySelector('#id_registry option:last-child').value"))
    write(browser, "repositories", "voyage/**")
    write(browser, "speed", "1500")
    write(browser, "namespace", "mirror")
    browser.until(says("#preview", "mirror/ship"))
    write(browser, "cron", "0 0 2 * * *")
    browser.evaluate("document.querySelector('[name=trigger][value=scheduled]').click()")
    browser.until(says("#preview", "Next:"))
    browser.evaluate("document.querySelector('[name=trigger][value=manual]').click()")


def test_every_page_can_be_used_by_everybody_and_nothing_in_it_is_carried_out(world: World, browser: Chromium):
    ids = voyages.seed(world.stack)
    browser.emulate(1360, 800)
    for name, path in {"flows": f"{_REPLICATION}/flows", "execution": f"{_EXECUTION}/{ids['live']}"}.items():
        browser.go(world.stack.url + path)  # as people see it, for docs/images
        browser.screenshot(SHOTS / "readme" / f"{name}.png", whole=False)
    ids |= voyages.attack(world.stack)
    wrong = []
    for name, path in PAGES.items():
        wrong += look_at(browser, world, name, path.format(**ids))
    assert wrong == []


def test_a_log_grows_as_the_task_tells_and_ends_with_it(world: World, browser: Chromium):
    ids = voyages.seed(world.stack)
    voyages.tell(world.stack, ids["working"], *(f"line {number}" for number in range(250)))
    browser.go(world.stack.url + f"{_EXECUTION}/{ids['live']}/tasks/{ids['working']}")
    shown = "document.querySelectorAll('.log li:not(#tail)').length"
    assert browser.evaluate(shown) == 200
    assert "Earlier lines" in browser.text
    voyages.tell(world.stack, ids["working"], "<b>one more</b>")
    browser.until(f"{shown} === 201")
    assert browser.text.count("<b>one more</b>") == 1
    voyages.tell(world.stack, ids["working"], "the last word", over=True)
    browser.until("document.getElementById('tail') === null")
    assert browser.evaluate(shown) == 202
    browser.until(says("#live", "Ended"))
    assert browser.evaluate("wrongs") == []


def test_who_serves_the_queues_is_shown(world: World, browser: Chromium):
    browser.go(world.stack.url + f"{_REPLICATION}/queues")
    browser.until(says("#processes", "Replicator"))
    rows = browser.evaluate("[...document.querySelectorAll('#processes tbody tr')].map(row => row.innerText)")
    assert len(rows) == 4
    for words, queue in (("Worker", "maintenance"), ("Replicator", "replication"), ("Clock", ""), ("Web", "")):
        assert [row for row in rows if row.startswith(words) and queue in row], (words, rows)
    assert "No worker takes from" not in browser.text


def test_it_works_without_scripts(world: World, browser: Chromium):
    ids = voyages.seed(world.stack)
    browser.emulate(*DESKTOP, scripts=False)
    browser.go(world.stack.url + f"{_EXECUTION}/{ids['live']}")
    assert "Look again" in browser.text
    browser.go(world.stack.url + _REPLICATION + f"/{ids['policy']}/edit")
    browser.evaluate("document.querySelector('[name=repositories]').value = 'nothing/**'")
    browser.evaluate("document.querySelector('noscript button[value=preview]').click()")
    browser.until(says("#preview", "Nothing that is here now"))
