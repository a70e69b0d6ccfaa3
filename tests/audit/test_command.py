"""`manage.py audit`: newest first, by key, filtered, with what is still spooled."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit import Context, journal, spool
from audit.entry import LIMITS, clean_entry
from audit.models import AuditRecord
from audit.trail import Cursor, Filters, newest

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 7, 31, 12, tzinfo=UTC)


def add(at: datetime, *, result: str = "success", **texts: str) -> None:
    journal.append([clean_entry(at, dict.fromkeys(LIMITS, "") | texts, result, None)])


def listed(capsys, *arguments: str) -> list[dict[str, Any]]:
    call_command("audit", "--json", *arguments)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_it_carries_in_the_spool_first_and_shows_the_newest_first(capsys):
    add(NOON, actor="old")
    spool.write(
        spool.Record(
            actor="new",
            operation="pull",
            resource_type="artifact",
            resource="library/alpine:3",
            context=Context("192.0.2.1"),
        )
    )
    assert [record["actor"] for record in listed(capsys)] == ["new", "old"]


def test_pages_follow_each_other_without_gap_or_double_among_equal_moments(capsys):
    for number in range(7):
        add(NOON + timedelta(seconds=number // 3), actor=str(number))
    seen, before = [], None
    while page := newest(Filters(), limit=2, before=before):
        seen += [record.actor for record in page]
        before = Cursor.parse(str(Cursor.of(page[-1])))
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    ("arguments", "actors"),
    [
        (["--actor", "alice"], {"alice"}),
        (["--operation", "delete"], {"bob"}),
        (["--resource-type", "tag"], {"bob"}),
        (["--resource", "team/app:1"], {"bob"}),
        (["--project", "library"], {"alice"}),
        (["--result", "denied"], {"eve"}),
        (["--since", "2026-07-31T13:00:00Z"], {"eve"}),
        (["--until", "2026-07-31"], {"alice"}),
        (["--since", "2026-07-31", "--until", "2026-07-31T14:30:00+02:00"], {"bob"}),
        (["--limit", "1"], {"eve"}),
    ],
)
def test_filters(capsys, arguments, actors):
    add(NOON - timedelta(days=1), actor="alice", project="library", operation="pull")
    add(NOON, actor="bob", operation="delete", resource_type="tag", resource="team/app:1")
    add(NOON + timedelta(hours=1), actor="eve", result="denied")
    assert {record["actor"] for record in listed(capsys, *arguments)} == actors


def test_the_cursor_it_prints_leads_to_the_next_page(capsys):
    for number in range(3):
        add(NOON, actor=str(number))
    call_command("audit", "--limit", "2")
    cursor = capsys.readouterr().err.split()[-1]
    assert [record["actor"] for record in listed(capsys, "--before", cursor)] == ["0"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--before", "x"],
        ["--before", "9" * 40 + "-1"],
        ["--since", "yesterday"],
        ["--until", "2026-02-30"],
        ["--limit", "0"],
    ],
)
def test_it_says_what_it_does_not_understand(arguments):
    with pytest.raises(CommandError):
        call_command("audit", *arguments)


def test_text_output_is_one_line_a_record(capsys):
    add(NOON, actor="a\nb", operation="login", resource_type="user", resource="a\nb", address="192.0.2.1")
    call_command("audit")
    out = capsys.readouterr().out.splitlines()
    assert out == [r"2026-07-31 12:00:00  success  a\u000ab  login  user  a\u000ab  192.0.2.1  -"]
    assert AuditRecord.objects.count() == 1
