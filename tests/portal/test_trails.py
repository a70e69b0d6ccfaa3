"""The audit trail on a page and as a file."""

import csv
import io
import json
from typing import Any

import pytest

import audit
from audit.models import AuditRecord
from tests.people import CONTEXT
from tests.portal.browser import Browser

pytestmark = pytest.mark.django_db
LOGS = "/projects/team/logs"


def record(number: int, **more: str) -> None:
    said: dict[str, Any] = {"actor": "alice", "operation": "create", "resource_type": "tag", "project": "team", **more}
    audit.record(resource=f"team/app:v{number}", context=CONTEXT, **said)


def shown(browser: Browser, path: str) -> list[str]:
    return [each.resource for each in browser.get(path).context["records"]]


def test_a_project_shows_its_own_records_and_no_others(browser):
    record(1)
    record(2, project="other")
    assert shown(browser, LOGS) == ["team/app:v1"]
    assert shown(browser, f"{LOGS}?project=other") == ["team/app:v1"]


def test_they_are_narrowed_by_who_what_and_when(browser):
    record(1)
    record(2, actor="bob")
    record(3, operation="delete", result="denied")
    assert shown(browser, f"{LOGS}?actor=bob") == ["team/app:v2"]
    assert shown(browser, f"{LOGS}?kind=delete+tag") == ["team/app:v3"]
    assert shown(browser, f"{LOGS}?result=denied") == ["team/app:v3"]
    assert shown(browser, f"{LOGS}?resource=team/app:v1") == ["team/app:v1"]
    assert shown(browser, f"{LOGS}?until=2020-01-01") == []
    assert len(shown(browser, f"{LOGS}?since=2020-01-01")) == 3
    assert browser.get(f"{LOGS}?since=yesterday").status_code == 400


def test_pages_go_back_by_key(browser):
    for number in range(60):
        record(number)
    first = browser.get(LOGS)
    second = browser.get(f"{LOGS}?before={first.context['older']}")
    third = browser.get(f"{LOGS}?before={second.context['older']}")
    found = [each.resource for page in (first, second, third) for each in page.context["records"]]
    assert found == [f"team/app:v{number}" for number in reversed(range(60))]
    assert third.context["older"] == ""
    assert browser.get(f"{LOGS}?before=nonsense").status_code == 400


def test_a_file_holds_what_the_filters_let_through(browser):
    for number in range(30):
        record(number)
    record(99, actor="=cmd()")
    answer = browser.get(f"{LOGS}?as=csv")
    assert answer["Content-Disposition"] == 'attachment; filename="team-audit.csv"'
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    assert [row["actor"] for row in rows] == ["'=cmd()", *["alice"] * 30]
    told = json.loads(b"".join(browser.get(f"{LOGS}?as=json&actor=%3Dcmd()")))
    assert [each["actor"] for each in told] == ["=cmd()"]
    assert set(told[0]) >= {"at", "resource", "result", "address", "detail"}


def test_what_would_look_through_too_much_is_refused_in_words(browser, monkeypatch):
    record(1)
    monkeypatch.setattr("audit.trail._DEAREST", 0.0)
    answer = browser.get(f"{LOGS}?resource=team/app:v1")
    assert answer.status_code == 400
    assert "Narrow it" in answer.content.decode()
    assert AuditRecord.objects.exists()
