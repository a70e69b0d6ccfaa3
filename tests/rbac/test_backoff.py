from datetime import UTC, datetime, timedelta

import pytest

from db.prepared import fetch
from rbac import backoff
from rbac.backoff import BackOff, check, fail, succeed
from rbac.models import LoginFailure

pytestmark = pytest.mark.django_db

HERE, THERE = "192.0.2.7", "198.51.100.9"


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch):
    """PostgreSQL's clock stands still within a test's transaction; Python's is made to agree with it."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz=None):
            return fetch("SELECT now()", ())[0][0].astimezone(tz)

    monkeypatch.setattr(backoff, "datetime", Stopped)


def fail_often(times, address=HERE, username="alice"):
    for _ in range(times):
        fail(address, username)


def wait(address=HERE, username="alice"):
    """The seconds that the next try has to wait."""
    try:
        check(address, username)
    except BackOff as error:
        return error.retry_after
    return 0


def let_pass(interval):
    for row in LoginFailure.objects.all():
        LoginFailure.objects.filter(pk=row.pk).update(last_at=row.last_at - interval)


def test_the_first_tries_are_free():
    fail_often(4)

    assert wait() == 0


def test_the_delay_doubles_up_to_minutes():
    delays = []
    fail_often(4)
    for _ in range(12):
        fail_often(1)
        delays.append(wait())

    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_the_delay_ends_by_itself():
    fail_often(8)
    assert wait() == 8

    let_pass(timedelta(seconds=9))

    assert wait() == 0


def test_it_is_per_user_and_per_address():
    fail_often(10)

    assert wait() > 0
    assert wait(address=THERE) == 0
    assert wait(username="bob") == 0


def test_a_success_resets_it():
    fail_often(10)

    succeed(HERE, "alice")

    assert wait() == 0
    assert not LoginFailure.objects.exists()


def test_addresses_of_one_ipv6_network_count_as_one():
    fail_often(10, address="2001:db8:0:1::1")

    assert wait(address="2001:db8:0:1:ffff::2") > 0
    assert wait(address="2001:db8:0:2::1") == 0


def test_an_ipv4_address_in_ipv6_clothes_is_the_same_address():
    fail_often(10, address="::ffff:192.0.2.7")

    assert wait() > 0


@pytest.mark.parametrize("address", ["", "unix:", "x" * 300, "1.2.3.4\r\n", "\x00"])
@pytest.mark.parametrize("username", ["", "\x00", "\ud800", "x" * 5000])
def test_hostile_names_and_addresses_are_counted_too(address, username):
    fail_often(6, address=address, username=username)

    assert wait(address=address, username=username) > 0


def test_old_failures_are_removed_so_that_the_table_stays_small():
    for n in range(30):
        fail(HERE, f"user{n}")
    let_pass(timedelta(hours=2))

    fail(HERE, "alice")

    assert [row.username for row in LoginFailure.objects.all()] == ["alice"]


def test_an_old_streak_is_not_continued():
    LoginFailure.objects.create(
        address=HERE, username="alice", failures=50, last_at=datetime.now(UTC) - backoff.FORGOTTEN_AFTER * 2
    )

    fail_often(1)

    assert wait() == 0
