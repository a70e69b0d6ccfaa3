"""Harbor's cron expressions, and the clock's that are due when they are."""

from datetime import UTC, datetime

import pytest
from crontab import CronTab
from hypothesis import given
from hypothesis import strategies as st

from replication.cron import five_fields, next_times
from replication.errors import InvalidPolicy


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 0 3 * * *", ("0 3 * * *",)),
        ("0 0/15 * * * *", ("0,15,30,45 * * * *",)),
        ("0 */30 8-10 ? * MON-fri", ("0,30 8,9,10 * * 1,2,3,4,5",)),
        ("0 5 4 1 JAN,7 *", ("5 4 1 1,7 *",)),
        ("0 0 0 31 * ?", ("0 0 31 * *",)),
        ("0 0 0 29 2 *", ("0 0 29 2 *",)),
        ("0 0 0 1-31 1 sun", (f"0 0 {','.join(map(str, range(1, 32)))} 1 *",)),
    ],
)  # fmt: skip
def test_it_is_written_in_five_fields(cron, expected):
    assert five_fields(cron) == expected


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * * *",
        "0 0 3 * * * *",
        "* 0 3 * * *",
        "30 0 3 * * *",
        "0 60 3 * * *",
        "0 0 24 * * *",
        "0 0 0 0 * *",
        "0 0 0 32 * *",
        "0 0 0 * 13 *",
        "0 0 0 * * 7",
        "0 0 0 * * mon-sun",
        "0 5-3 * * * *",
        "0 */0 * * * *",
        "0 1,,2 * * * *",
        "0 -1 * * * *",
        "0 1- * * * *",
        "0 a * * * *",
        "0 ² * * * *",
        "0 0 0 31 2,4 *",
        "@daily",
        "0 0 3 * * *; rm",
        "0 " + "1," * 100 + "1 * * * *",
    ],
)
def test_it_refuses_what_is_none(cron):
    with pytest.raises(InvalidPolicy):
        five_fields(cron)


_DAY = st.integers(1, 31)
_WEEKDAY = st.integers(0, 6)


@given(_DAY, _WEEKDAY, st.dates(datetime(2024, 1, 1).date(), datetime(2028, 1, 1).date()))
def test_days_of_month_and_week_are_due_on_either_and_once(day, weekday, date):
    moment = datetime(date.year, date.month, date.day, 3, 0, tzinfo=UTC)
    due = [CronTab(each).test(moment) for each in five_fields(f"0 0 3 {day} * {weekday}")]
    assert sum(due) == (moment.day == day or moment.isoweekday() % 7 == weekday)


@given(st.text("0123456789*,-/? JANmonL#", max_size=30))
def test_whatever_it_takes_the_clock_takes(cron):
    try:
        written = five_fields(cron)
    except InvalidPolicy:
        return
    for each in written:
        assert CronTab(each).next(default_utc=True) is not None


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 30 2 * * *", ["2026-11-29 02:30", "2026-11-30 02:30", "2026-12-01 02:30"]),
        ("0 0,30 11-12 28 11 *", ["2026-11-28 12:30", "2027-11-28 11:00", "2027-11-28 11:30"]),
        ("0 0 12 29 2 *", ["2028-02-29 12:00", "2032-02-29 12:00"]),
        ("0 0 0 1 * sun", ["2026-11-29 00:00", "2026-12-01 00:00", "2026-12-06 00:00"]),  # either day
    ],
)
def test_its_next_times_are_told(cron, expected):
    after = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    assert [each.strftime("%Y-%m-%d %H:%M") for each in next_times(cron, after, len(expected))] == expected


def test_what_is_no_cron_has_no_times():
    with pytest.raises(InvalidPolicy):
        next_times("0 2 * * *", datetime(2026, 11, 28, tzinfo=UTC), 1)
