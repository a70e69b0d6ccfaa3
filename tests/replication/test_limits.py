"""A policy's speed holds for all of its tasks together, with Redis and without, and changes at once."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from replication import limits
from replication.journal import Journal
from replication.limits import KIB, LEAST, PIECE, Limiter
from replication.work import Halted, Work

_policies = itertools.count(10**9)


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    """Seconds that are waited; none are."""
    waited: list[float] = []
    monkeypatch.setattr(Work, "pause", lambda _, seconds: waited.append(seconds))
    return waited


@pytest.fixture
def away(monkeypatch):
    """Redis doesn't answer."""

    def fail():
        raise ConnectionError

    monkeypatch.setattr(limits, "_redis", fail)


def work(speed: int, policy: int | None = None, **fields) -> Work:
    return Work(Journal(None), policy=next(_policies) if policy is None else policy, speed=speed, **fields)


def reserved(limiter: Limiter, seconds: float) -> float:
    return limiter._reserve(seconds)


def test_without_a_limit_bytes_go_as_they_come(waits, away):
    pieces = [b"x" * 1_000_000, b"y"]
    assert list(Limiter(work(-1)).paced(iter(pieces))) == pieces
    assert waits == []


@pytest.mark.parametrize(("speed", "size"), [(1, LEAST), (100, 25 * KIB), (100_000, PIECE)])
def test_the_slower_the_smaller_are_the_pieces_and_all_bytes_come(monkeypatch, speed, size):
    monkeypatch.setattr(Limiter, "_take", lambda *_: None)
    content = bytes(range(256)) * 8 * KIB
    pieces = list(Limiter(work(speed)).paced(iter([content])))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) == size


def test_tasks_of_one_policy_take_turns_over_all_workers_and_others_are_not_held_up():
    shared = work(1000)
    one, two = Limiter(shared), Limiter(work(1000, shared.policy))
    other = Limiter(work(1000))
    first, second, third = reserved(one, 10), reserved(two, 10), reserved(one, 10)
    assert first <= 0
    assert second == pytest.approx(10 + first, abs=1)
    assert third == pytest.approx(20 + first, abs=1)
    assert reserved(other, 10) <= 0


def test_without_redis_each_task_keeps_to_its_share(away):
    limiter = Limiter(work(1000, peers=4))
    assert reserved(limiter, 10) <= 0
    assert reserved(limiter, 10) == pytest.approx(40, abs=1)


def test_without_redis_the_blobs_of_a_task_share_its_pace(away):
    limiter = Limiter(work(1000))
    with ThreadPoolExecutor(4) as threads:
        waits = sorted(threads.map(lambda _: reserved(limiter, 10), range(4)))
    assert waits == pytest.approx([0, 10, 20, 30], abs=1)


def test_a_limit_that_is_lifted_ends_the_wait(monkeypatch):
    slow = work(1)
    limiter = Limiter(slow)
    reserved(limiter, 1000)
    waited: list[float] = []

    def pause(self: Work, seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            self.speed = -1

    monkeypatch.setattr(Work, "pause", pause)
    assert list(limiter.paced(iter([b"x" * KIB]))) == [b"x" * KIB]
    assert waited == [1.0, 1.0, 1.0]


def test_a_stop_is_not_held_up_by_a_slow_limit():
    slow = work(1)
    limiter = Limiter(slow)
    reserved(limiter, 1000)
    slow.halt(stop_asked=True)
    with pytest.raises(Halted):
        next(limiter.paced(iter([b"x"])))
