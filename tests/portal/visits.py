"""Journeys of a browser between our pages and a provider's."""

from html import unescape
from typing import Any

from audit import spool
from audit.models import AuditRecord
from tests.portal.browser import HOST, TOKEN, Browser
from tests.provider import ProviderProcess


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
