"""The REST API's own page in a real browser: under its policy, by its own files alone, with a password."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.chromium import Chromium, running_chromium
from tests.flows.stacks import Running

# Before the page's own scripts: what its policy forbids, and what fails in it.
WATCH = """
window.wrongs = [];
document.addEventListener('securitypolicyviolation', event => wrongs.push(event.violatedDirective + event.blockedURI));
window.addEventListener('error', event => wrongs.push(event.message));
"""
THERE = """
const there = async (what, where = document) => {
    for (let tries = 0; tries < 300; tries++) {
        if (where.querySelector(what)) return where.querySelector(what);
        await new Promise(done => setTimeout(done, 100));
    }
    throw new Error(what);
};
const fill = (field, value) => {
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set.call(field, value);
    field.dispatchEvent(new Event('input', {bubbles: true}));
};
"""
AUTHORIZE = """
    (await there('.btn.authorize')).click();
    fill(await there('.auth-container input[name=username]'), 'admin');
    fill(await there('.auth-container input[name=password]'), %r);
    (await there('.auth-container .authorize')).click();
    (await there('.btn-done')).click();
"""
TRY = """
    (await there('#operations-tag-%(group)s')).click();
    const block = await there('#operations-%(group)s-%(operation)s');
    (await there('.opblock-summary-control', block)).click();
    (await there('.try-out__btn', block)).click();
    for (const [name, value] of Object.entries(%(parameters)s))
        fill(await there(`tr[data-param-name="${name}"] input`, block), value);
    await new Promise(done => setTimeout(done, 1000));  // the page takes what is typed after a moment
    (await there('.execute', block)).click();
    return (await there('.live-responses-table .response .response-col_status', block)).innerText;
"""


@pytest.fixture(scope="module")
def browser(workspace: Path) -> Iterator[Chromium]:
    with running_chromium(workspace / "page") as made:
        made.before_each_page(WATCH)
        yield made


@pytest.fixture
def page(browser: Chromium, stack: Running) -> Chromium:
    browser.forget()
    browser.go(f"{stack.url}/devcenter-api-2.0")
    browser.evaluate(f"(async () => {{ {THERE} await there('.opblock-tag'); }})()")
    return browser


def run(page: Chromium, *scripts: str) -> str:
    return str(page.evaluate(f"(async () => {{ {THERE} {' '.join(scripts)} }})()"))


def tried(group: str, operation: str, parameters: str = "{}") -> str:
    return TRY % {"group": group, "operation": operation, "parameters": parameters}


def test_it_shows_every_group_by_files_of_its_own(page: Chromium, stack: Running):
    assert page.url == f"{stack.url}/api/docs"
    groups = page.evaluate("[...document.querySelectorAll('.opblock-tag')].map(each => each.dataset.tag)")
    assert {"artifact", "project", "robot", "quota", "user"} <= set(groups)
    loaded = page.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
    assert loaded
    assert all(name.startswith((f"{stack.url}/", "data:")) for name in loaded)
    run(page, "for (const each of document.querySelectorAll('.opblock-tag')) each.click();", "await there('.opblock');")
    assert page.evaluate("wrongs") == []


def test_an_operation_is_tried_out_with_a_password(page: Chromium, stack: Running):
    assert run(page, tried("user", "getCurrentUserInfo")) == "401"
    page.go("about:blank")  # what stands behind the # would not load it anew
    page.go(f"{stack.url}/api/docs")
    asked = tried("project", "getProject", "{project_name_or_id: 'library'}")
    assert run(page, AUTHORIZE % stack.admin_password, asked) == "200"
    answer = page.evaluate("document.querySelector('.live-responses-table .response .microlight').innerText")
    assert '"name": "library"' in answer
    assert page.evaluate("wrongs") == []


def test_the_example_that_stands_there_is_taken(page: Chromium, stack: Running):
    assert run(page, AUTHORIZE % stack.admin_password, tried("project", "createProject")) in {"201", "409"}
