"""What a stranger can cause without an account is counted in the trail, and doesn't fill it."""

import json

import pytest

from audit import Context, restraint


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    now = [1000.0]
    monkeypatch.setattr("audit.restraint.time.monotonic", lambda: now[0])
    restraint.forget()
    yield now
    restraint.forget()


def refuse(times=1, *, address="192.0.2.7", operation="login"):
    for number in range(times):
        restraint.write_refusal(
            {
                "actor": f"user-{number}",
                "operation": operation,
                "resource_type": "user",
                "resource": f"user-{number}",
                "context": Context(address=address),
                "result": "failure",
            }
        )


def written(directory):
    """How many refusals each record in the spool stands for."""
    lines = [json.loads(line) for path in directory.glob("*.spool") for line in path.read_text().splitlines()]
    return [line[-1].get("times", 1) for line in lines]


def test_the_usual_few_are_recorded_one_by_one(spool_directory):
    refuse(restraint.EACH)
    assert written(spool_directory) == [1] * restraint.EACH


def test_of_a_flood_each_doubling_is_recorded_with_its_count(spool_directory):
    refuse(16 * restraint.EACH)
    counts = written(spool_directory)
    assert len(counts) == restraint.EACH + 4
    assert sum(counts) == 16 * restraint.EACH


def test_what_a_flood_left_is_told_by_the_next_and_then_each_counts_again(spool_directory, clock):
    refuse(3 * restraint.EACH)
    clock[0] += restraint.WINDOW
    refuse(2)
    counts = written(spool_directory)
    assert sum(counts) == 3 * restraint.EACH + 2
    assert counts[-2:] == [restraint.EACH + 1, 1]


@pytest.mark.parametrize("other", [{"address": "192.0.2.8"}, {"operation": "create"}, {"address": "2001:db8:0:1::7"}])
def test_a_flood_hides_no_other_addresss_and_no_other_kind_of_refusal(spool_directory, other):
    refuse(2 * restraint.EACH - 1)
    refuse(1, **other)
    assert len(written(spool_directory)) == restraint.EACH + 1


def test_one_ipv6_host_is_one_origin(spool_directory):
    for host in range(2 * restraint.EACH - 1):
        refuse(1, address=f"2001:db8::{host:x}")
    assert len(written(spool_directory)) == restraint.EACH


def test_addresses_without_end_are_not_remembered_without_end(monkeypatch):
    monkeypatch.setattr(restraint, "_ORIGINS", 10)
    for host in range(30):
        restraint._restraint.weight((f"192.0.2.{host}",), 1000.0)
    assert len(restraint._restraint._counts) == 10
