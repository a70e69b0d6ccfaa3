"""Months made ahead, strays brought home, old months dropped whole."""

from datetime import UTC, date, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit import journal, partitions
from audit.entry import LIMITS, clean_entry
from audit.models import AuditRecord
from audit.tasks import keep_partitions

pytestmark = pytest.mark.django_db


def add(at: datetime) -> None:
    journal.append([clean_entry(at, dict.fromkeys(LIMITS, "x"), "success", None)])


def partition_of(at: datetime) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM audit_record WHERE at = %s", [at])
        (name,) = cursor.fetchone()
    return str(name)


def test_migrations_made_this_month_and_three_ahead():
    this = partitions.this_month()
    assert set(partitions.existing()) >= {partitions.months_later(this, ahead) for ahead in range(4)}


@pytest.mark.parametrize(
    ("month", "count", "there"),
    [
        (date(2026, 11, 1), 1, date(2026, 12, 1)),
        (date(2026, 11, 1), 2, date(2027, 1, 1)),
        (date(2026, 1, 1), -1, date(2025, 12, 1)),
        (date(2026, 12, 1), -24, date(2024, 12, 1)),
        (date(2026, 5, 1), 0, date(2026, 5, 1)),
    ],
)
def test_months_are_counted_over_the_turn_of_the_year(month, count, there):
    assert partitions.months_later(month, count) == there


def test_making_ahead_twice_makes_each_month_once():
    made = partitions.make_ahead(8)
    assert made
    assert partitions.months_later(partitions.this_month(), 8) in made
    assert partitions.make_ahead(8) == []


def test_a_month_made_later_takes_its_records_and_refuses_changes():
    month = partitions.make_ahead(9)[-1]
    at = datetime(month.year, month.month, 15, tzinfo=UTC)
    add(at)
    assert partition_of(at) == f"audit_record_{month:%Y_%m}"
    with pytest.raises(Exception, match="append-only"):
        AuditRecord.objects.filter(at=at).update(actor="y")


def test_a_record_never_fails_for_want_of_a_month_and_is_brought_home_later():
    first, last = datetime(2003, 2, 1, tzinfo=UTC), datetime(2003, 2, 28, 23, 59, 59, 999999, tzinfo=UTC)
    add(first)
    add(last)
    ids = list(AuditRecord.objects.order_by("id").values_list("id", flat=True))
    assert partition_of(first) == "audit_record_default"
    assert partitions.make_ahead() == [date(2003, 2, 1)]
    assert partition_of(first) == partition_of(last) == "audit_record_2003_02"
    assert list(AuditRecord.objects.order_by("id").values_list("id", flat=True)) == ids
    add(datetime(2001, 1, 1, tzinfo=UTC))
    assert partition_of(datetime(2001, 1, 1, tzinfo=UTC)) == "audit_record_default"


def test_old_months_are_dropped_whole_and_that_is_recorded():
    for at in (datetime(2003, 2, 1, tzinfo=UTC), datetime(2003, 3, 1, tzinfo=UTC)):
        add(at)
    partitions.make_ahead()
    assert partitions.drop_before(date(2003, 3, 31)) == [date(2003, 2, 1)]
    assert AuditRecord.objects.filter(at__year=2003).count() == 1
    record = AuditRecord.objects.get(resource_type="audit")
    assert (record.actor, record.operation, record.resource) == ("system", "delete", "2003-02")


def test_the_task_drops_what_is_older_than_the_retention_only_if_there_is_one(settings):
    add(datetime(2003, 2, 1, tzinfo=UTC))
    settings.AUDIT_RETENTION_MONTHS = 0
    keep_partitions()
    assert date(2003, 2, 1) in partitions.existing()
    settings.AUDIT_RETENTION_MONTHS = 12
    keep_partitions()
    keep_partitions()
    assert date(2003, 2, 1) not in partitions.existing()
    assert partitions.this_month() in partitions.existing()


def test_the_command_makes_and_drops(capsys):
    add(datetime(2003, 2, 1, tzinfo=UTC))
    call_command("auditpartitions", "--ahead", "4", "--older-than-months", "6")
    printed = capsys.readouterr().out
    assert "made 2003-02" in printed
    assert "dropped 2003-02" in printed
    with pytest.raises(CommandError):
        call_command("auditpartitions", "--older-than-months", "0")
