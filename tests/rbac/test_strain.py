"""A flood of failed logins takes a part of the machine, never all of it, and stops nobody who is signed in."""

import pytest

from rbac import credentials, strain
from rbac.backoff import BackOff
from rbac.credentials import InvalidCredentials, authenticate
from tests.people import PASSWORD, make_user

HERE, THERE = "192.0.2.7", "192.0.2.8"


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    now = [1000.0]
    monkeypatch.setattr("rbac.strain.time.monotonic", lambda: now[0])
    return now


def fail_until_refused(address=HERE, most=1000):
    """How many failures are let through."""
    for count in range(most):
        try:
            strain.check(address)
        except BackOff:
            return count
        strain.fail(address)
    return most


def test_so_many_may_fail_at_once_and_then_so_many_a_second(clock):
    assert fail_until_refused() == strain.ADDRESS.burst
    with pytest.raises(BackOff) as refused:
        strain.check(HERE)
    assert refused.value.retry_after == 1 / strain.ADDRESS.rate
    clock[0] += 10
    assert fail_until_refused() == 10 * strain.ADDRESS.rate
    clock[0] += 10_000
    assert fail_until_refused() == strain.ADDRESS.burst


def test_another_address_is_not_stopped_by_it():
    fail_until_refused(HERE)
    assert fail_until_refused(THERE) == strain.ADDRESS.burst


def test_one_ipv6_network_is_one_origin():
    assert fail_until_refused("2001:db8::1") == strain.ADDRESS.burst
    assert fail_until_refused("2001:db8::2") == 0


def test_many_addresses_share_an_allowance_too():
    let_through = sum(fail_until_refused(f"192.0.2.{host}") for host in range(20))
    assert let_through == strain.ALL.burst


def test_addresses_without_end_are_not_remembered_without_end(monkeypatch):
    monkeypatch.setattr(strain, "_ORIGINS", 10)
    for host in range(30):
        strain.fail(f"192.0.2.{host}")
    assert len(strain._strain._left) == 10


@pytest.mark.django_db
def test_names_that_differ_each_time_are_stopped_before_a_password_is_hashed(monkeypatch):
    hashed: list[str] = []
    monkeypatch.setattr(credentials, "make_password", hashed.append)
    for number in range(100):
        with pytest.raises((InvalidCredentials, BackOff)):
            authenticate(f"guess-{number}", "wrong", address=HERE)
    assert len(hashed) == strain.ADDRESS.burst


@pytest.mark.django_db
def test_who_is_remembered_signs_in_all_the_same():
    make_user()
    authenticate("alice", PASSWORD, address=HERE)
    fail_until_refused()
    assert authenticate("alice", PASSWORD, address=HERE).name == "alice"
    make_user("bob")
    with pytest.raises(BackOff):
        authenticate("bob", PASSWORD, address=HERE)


@pytest.mark.django_db
def test_a_success_costs_nothing():
    make_user()
    authenticate("alice", PASSWORD, address=HERE)
    assert fail_until_refused() == strain.ADDRESS.burst
