"""The words of the trail, and the index by kinds of deeds."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from audit import journal, partitions, vocabulary
from audit.entry import Entry

pytestmark = pytest.mark.django_db


def add(*deeds: tuple[str, str, str], at: datetime | None = None) -> None:
    """(actor, operation, resource type) of each."""
    moment = at or datetime.now(UTC)
    entries = [
        Entry(moment, actor, "", "", "", operation, resource_type, "x", "team", "success", {})
        for actor, operation, resource_type in deeds
    ]
    journal.append(entries)


def test_an_empty_trail_has_no_words():
    assert vocabulary.actors(10) == []
    assert vocabulary.kinds() == []


def test_each_word_is_told_once_from_whichever_month():
    last_month = partitions.this_month() - timedelta(days=5)
    add(("bob", "pull", "artifact"), ("alice", "pull", "artifact"), ("bob", "create", "tag"))
    add(("bob", "pull", "artifact"), ("zoe", "delete", "tag"), ("", "create", "artifact"),
        at=datetime(last_month.year, last_month.month, 20, tzinfo=UTC))  # fmt: skip
    assert vocabulary.actors(10) == ["", "alice", "bob", "zoe"]
    assert vocabulary.actors(2) == ["", "alice"]
    assert sorted(vocabulary.kinds()) == [
        ("create", "artifact"), ("create", "tag"), ("delete", "tag"), ("pull", "artifact"),
    ]  # fmt: skip


def test_a_month_made_later_has_the_index_too():
    made = partitions.months_later(partitions.this_month(), 9)
    partitions._make([made])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_index i JOIN pg_inherits h ON h.inhrelid = i.indexrelid"
            " WHERE h.inhparent = 'audit_record_kind'::regclass AND i.indrelid = %s::regclass AND i.indisvalid",
            [partitions._table(made)],
        )
        assert cursor.fetchone() == (1,)


@pytest.mark.parametrize("parent", ["audit_record_kind", "audit_record_actor", "audit_record_project"])
def test_every_month_has_each_index(parent):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_record'::regclass EXCEPT "
            "SELECT i.indrelid FROM pg_index i JOIN pg_inherits h ON h.inhrelid = i.indexrelid "
            "WHERE h.inhparent = %s::regclass",
            [parent],
        )
        assert cursor.fetchall() == []
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", [parent])
        assert cursor.fetchone() == (True,)
