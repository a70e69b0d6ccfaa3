"""The pages about replication: for whom they are, how many queries they take, and what comes of their forms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api import stage
from tests.people import make_user
from tests.portal.browser import Browser

pytestmark = pytest.mark.django_db

_REGISTRIES = "/administration/registries"
_REPLICATION = "/administration/replication"
_POLICY = f"{_REPLICATION}/{stage.ID}"
_EXECUTION = f"{_REPLICATION}/executions/{stage.ID}"
PAGES = [
    _REGISTRIES,
    f"{_REGISTRIES}?q=se",
    f"{_REGISTRIES}/new",
    f"{_REGISTRIES}/new?kind=aws-ecr",
    f"{_REGISTRIES}/new?kind=google-gcr",
    f"{_REGISTRIES}/new?kind=nothing",
    f"{_REGISTRIES}/{stage.ID}",
    f"{_REGISTRIES}/{stage.ID}/delete",
    _REPLICATION,
    f"{_REPLICATION}?q=se",
    f"{_REPLICATION}/new",
    f"{_REPLICATION}/flows",
    f"{_REPLICATION}/queues",
    f"{_REPLICATION}/executions",
    f"{_REPLICATION}/going",
    _POLICY,
    f"{_POLICY}/edit",
    f"{_POLICY}/delete",
    _EXECUTION,
    f"{_EXECUTION}?state=Failed",
    f"{_EXECUTION}/tasks/{stage.ID}",
]
DEEDS = [
    f"{_REGISTRIES}/new",
    f"{_REGISTRIES}/{stage.ID}",
    f"{_REGISTRIES}/{stage.ID}/check",
    f"{_REGISTRIES}/{stage.ID}/delete",
    f"{_REPLICATION}/new",
    f"{_REPLICATION}/preview",
    f"{_POLICY}/edit",
    f"{_POLICY}/start",
    f"{_POLICY}/switch",
    f"{_POLICY}/delete",
    f"{_EXECUTION}/stop",
    f"{_EXECUTION}/retry",
]


@pytest.fixture
def browsers() -> dict[str, Browser]:
    stage.build()
    make_user("stranger")
    found = {"nobody": Browser(), "stranger": Browser(), "somebody": Browser(), "admin": Browser()}
    for name in ("stranger", "somebody", "admin"):
        assert found[name].sign_in(name).status_code == 302
    return found


@pytest.fixture
def admin(browsers: dict[str, Browser]) -> Browser:
    return browsers["admin"]


def send(browser: Browser, path: str, **fields: Any) -> Any:
    return browser.post(path, {"csrf_token": browser.csrf_token, **fields})


@pytest.mark.parametrize("partial", [False, True])
def test_they_are_for_system_administrators_alone(browsers: dict[str, Browser], partial: bool):
    headers = {"HX-Request": "true"} if partial else {}
    expected = {"nobody": {302, 204}, "stranger": {403}, "somebody": {403}, "admin": {200, 286}}
    wrong = [
        (path, name, found)
        for path in PAGES
        for name, browser in browsers.items()
        if (found := browser.get(path, headers=headers).status_code) not in expected[name]
    ]
    assert not wrong


def test_what_they_do_is_refused_to_everybody_else(browsers: dict[str, Browser]):
    for path in DEEDS:
        assert {send(browsers[name], path).status_code for name in ("stranger", "somebody")} == {403}, path
        assert browsers["admin"].post(path, {}).status_code == 403, path  # without the page's token
        assert send(browsers["admin"], path).status_code not in {403, 500}, path
