"""The clock's parts against a real Redis, in this process."""

import logging
from collections.abc import Iterable

import pytest
from django.db import OperationalError
from redis.exceptions import RedisError
from rq_scheduler import Scheduler

from config import clock, schedule
from config.celery import MAINTENANCE, app
from config.schedule import Schedule
from tests.config.conftest import RedisServer


@pytest.fixture
def broker(settings, redis_server: RedisServer, monkeypatch) -> RedisServer:
    settings.REDIS_URL = redis_server.url
    monkeypatch.setattr(app.conf, "broker_url", redis_server.url)
    monkeypatch.setattr(app.conf, "broker_write_url", redis_server.url)
    monkeypatch.setattr(clock, "_broker", clock._Notice("no broker"))
    app.loader.import_default_modules()
    return redis_server


@pytest.fixture
def scheduler(broker: RedisServer) -> Scheduler:
    return Scheduler(clock.QUEUE, connection=broker.client(), job_class=clock.Tick, interval=1)


def registered(scheduler: Scheduler) -> dict[str, object]:
    return {job.id: job.args[0] for job in scheduler.get_jobs()}


def test_every_schedule_is_registered_once_and_again_when_redis_came_back_empty(broker, scheduler):
    registry = clock.Registry(scheduler)
    registry.keep()
    registry.keep()
    jobs = registered(scheduler)
    assert jobs["clock-audit-drain"] == "audit.drain"
    assert jobs["clock-audit-partitions"] == "audit.keep_partitions"
    broker.stop()
    with pytest.raises(RedisError):
        registry.keep()
    broker.start()
    registry.keep()
    assert registered(scheduler) == jobs


def test_a_schedule_without_its_task_is_left_out(scheduler, monkeypatch):
    monkeypatch.setattr(schedule, "FIXED", (Schedule("later", "swarm.not_yet", every=3),))
    clock.Registry(scheduler).keep()
    assert registered(scheduler) == {}


def test_what_users_edit_is_followed_and_stays_while_it_cannot_be_read(scheduler, monkeypatch):
    monkeypatch.setattr(schedule, "FIXED", ())
    rows = [Schedule("one", "audit.drain", cron="0 3 * * *", args=(1,)), Schedule("two", "audit.drain", every=9)]

    def source() -> Iterable[Schedule]:
        if not rows:
            raise OperationalError("the database is away")
        return list(rows)

    registry = clock.Registry(scheduler, [source])
    registry.keep()
    assert registered(scheduler).keys() == {"clock-one", "clock-two"}
    rows[:] = [Schedule("one", "audit.drain", cron="30 4 * * *", args=(2,))]
    registry.keep()
    ((job, at),) = scheduler.get_jobs(with_times=True)
    assert (job.id, job.args[1], at.hour, at.minute) == ("clock-one", [2], 4, 30)
    rows.clear()
    registry.keep()
    assert registered(scheduler).keys() == {"clock-one"}


def test_a_job_that_vanished_from_redis_alone_is_registered_again(broker, scheduler):
    registry = clock.Registry(scheduler)
    registry.keep()
    broker.client().delete(clock.Tick.key_for("clock-audit-drain"))
    registry.keep()
    assert "clock-audit-drain" in registered(scheduler)


def test_what_redis_holds_is_json_and_can_name_no_other_function(broker, scheduler):
    clock.Registry(scheduler).keep()
    broker.client().hset(
        clock.Tick.key_for("clock-audit-drain"), "data", '["os.system", null, ["touch /tmp/owned"], {}]'
    )
    job = clock.Tick.fetch("clock-audit-drain", connection=broker.client())
    assert job.func is clock.hand_over


def test_a_tick_is_one_message_that_expires(broker):
    assert clock.hand_over("audit.drain", [], 60)
    assert broker.client().llen(MAINTENANCE) == 1
    assert b'"expires": "' in broker.client().lrange(MAINTENANCE, 0, 0)[0]


def test_a_tick_without_a_broker_is_dropped_and_said_once(broker, caplog):
    broker.stop()
    with caplog.at_level(logging.INFO):
        assert [clock.hand_over("audit.drain", [], 60) for _ in range(3)] == [False] * 3
        assert len(caplog.records) == 1
        broker.start()
        assert clock.hand_over("audit.drain", [], 60)
    assert broker.client().llen(MAINTENANCE) == 1
    assert "no longer" in caplog.records[-1].message


def test_ticks_do_not_pile_up_where_no_worker_takes_them(broker, monkeypatch):
    monkeypatch.setattr(clock, "BACKLOG", 3)
    assert [clock.hand_over("audit.drain", [], 60) for _ in range(5)] == [True, True, True, False, False]
    assert broker.client().llen(MAINTENANCE) == 3
