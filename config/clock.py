"""The clock: rq-scheduler says when, one rq worker hands the work to Celery. Nothing is done here, nothing waits here.

Both live in one process: rq's worker in the main thread (its signals and timeouts need that one), the scheduler in a
thread. Redis may vanish and come back empty: both wait for it, and every schedule is registered again. Only one clock
of several ticks at a time, by rq-scheduler's lock.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import connections
from kombu.exceptions import ChannelError, OperationalError
from redis import Redis
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.exceptions import NoSuchJobError, StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq_scheduler import Scheduler

from artifacts import processes
from config import schedule
from config.celery import MAINTENANCE, app
from config.schedule import Schedule

logger = logging.getLogger(__name__)

QUEUE = "clock"
TICK_SECONDS = 1
CHECK_SECONDS = 5  # how often the registered schedules are compared with the wanted ones
BACKLOG = 200  # messages waiting in Celery's queue beyond which a tick is dropped: no worker takes them
_PREFIX = "clock-"  # of our job ids in Redis
_HAND_OVER = "config.clock.hand_over"


class Tick(Job):
    """A job that hands one task to Celery, and can be nothing else: what Redis holds is JSON and names no function."""

    def __init__(self, id: str | None = None, connection: Redis | None = None, serializer: Any = None) -> None:  # noqa: ARG002
        super().__init__(id, connection=connection, serializer=JSONSerializer)

    @property
    def func(self) -> Any:
        return hand_over


class _Notice:
    """Logs the first failure of a row of the same, and the recovery."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.failing = False

    def failed(self, reason: object) -> None:
        if not self.failing:
            logger.warning("Clock: %s: %s", self.what, reason)
        self.failing = True

    def worked(self) -> None:
        if self.failing:
            logger.info("Clock: no longer: %s", self.what)
        self.failing = False


_broker = _Notice("Celery's broker does not take ticks, they are dropped")


def hand_over(task: str, args: list[Any], lifetime: int) -> bool:
    """Send the task to Celery; whether it was. A tick that can't be is dropped: the next one comes."""
    try:
        with app.connection_for_write() as connection:
            waiting = _waiting(connection)
            if waiting < BACKLOG:
                app.send_task(task, args=args, expires=lifetime, retry=False, connection=connection)
    except (OperationalError, RedisError, OSError) as error:
        _broker.failed(type(error).__name__)
        return False
    if waiting >= BACKLOG:
        _broker.failed(f"{waiting} messages wait for a worker")
        return False
    _broker.worked()
    return True


def _waiting(connection: Any) -> int:
    try:
        return int(connection.default_channel.queue_declare(MAINTENANCE, passive=True).message_count)
    except ChannelError:  # an empty queue is no queue in Redis
        return 0


def _redis(socket_timeout: float) -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=socket_timeout)


class Registry:
    """The schedules as they are in Redis, kept as they should be."""

    def __init__(self, scheduler: Scheduler, sources: Iterable[schedule.Source] = schedule.SOURCES) -> None:
        self._scheduler = scheduler
        self._last: dict[schedule.Source, list[Schedule]] = {source: [] for source in sources}
        self._notice = _Notice("user schedules could not be read, the last ones stay")

    def keep(self) -> None:
        """Register what is missing or differs (everything, after Redis came back empty), and remove what is over."""
        wanted = {_PREFIX + item.name: item for item in self._wanted()}
        there = {job.id for job in self._scheduler.get_jobs() if job.id.startswith(_PREFIX)}
        for job_id in there - wanted.keys():
            self._remove(job_id)
        for job_id, item in wanted.items():
            if job_id not in there or self._fingerprint(job_id) != item.fingerprint:
                self._remove(job_id)
                self._register(job_id, item)

    def _wanted(self) -> Iterable[Schedule]:
        """Of the fixed ones, those whose task exists in this version."""
        yield from (item for item in schedule.FIXED if item.task in app.tasks)
        for source in self._last:
            try:
                self._last[source] = list(source())
                self._notice.worked()
            except Exception as error:  # whatever is wrong there, the clock goes on
                self._notice.failed(f"{type(error).__name__}: {error}")
                connections.close_all()
            yield from self._last[source]

    def _fingerprint(self, job_id: str) -> Any:
        try:
            return Tick.fetch(job_id, connection=self._scheduler.connection).meta.get("fingerprint")
        except NoSuchJobError:
            return None

    def _register(self, job_id: str, item: Schedule) -> None:
        common = {
            "args": [item.task, list(item.args), item.lifetime],
            "id": job_id,
            "timeout": 30,
            "result_ttl": -1,  # the job is the schedule: it stays when it was run
            "meta": {"fingerprint": item.fingerprint},
        }
        if item.cron is not None:
            self._scheduler.cron(item.cron, _HAND_OVER, **common)
        else:
            self._scheduler.schedule(datetime.now(UTC), _HAND_OVER, interval=item.every, **common)
        logger.info("Clock: registered %s", item.name)

    def _remove(self, job_id: str) -> None:
        self._scheduler.cancel(job_id)
        self._scheduler.connection.delete(Tick.key_for(job_id))


class SchedulerThread(threading.Thread):
    """rq-scheduler's loop. Its own `run` ends with the first lost connection and takes the signals; this does not."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(name="scheduler", daemon=True)
        self._stop_asked = stop
        self._notice = _Notice("Redis is away, waiting for it")

    def run(self) -> None:
        scheduler = Scheduler(QUEUE, connection=_redis(5), job_class=Tick, interval=TICK_SECONDS)
        registry = Registry(scheduler)
        passes = 0
        while not self._stop_asked.is_set():
            try:
                self._tick(scheduler, registry if passes % CHECK_SECONDS == 0 else None)
                self._notice.worked()
                passes += 1
            except (RedisError, OSError) as error:
                self._notice.failed(type(error).__name__)
                passes = 0  # when it is back, look first whether it still knows its schedules
            except Exception:
                logger.exception("Clock: a pass of the scheduler failed")
                passes += 1
            self._stop_asked.wait(TICK_SECONDS)

    @staticmethod
    def _tick(scheduler: Scheduler, registry: Registry | None) -> None:
        if not scheduler.acquire_lock():
            return
        try:
            if registry:
                registry.keep()
            scheduler.enqueue_jobs()
        finally:
            scheduler.remove_lock()


class Worker(SimpleWorker):
    """rq's worker without its remote control, which would be one more connection and a way to stop the clock."""

    max_connection_wait_time = 5.0

    def subscribe(self) -> None:
        pass

    def _install_signal_handlers(self) -> None:
        """`run` has installed its own."""


def run() -> None:
    """Run the clock until SIGTERM or SIGINT."""
    app.loader.import_default_modules()
    stop = threading.Event()
    workers: list[Worker] = []

    def stop_now(signum: int, frame: Any) -> None:
        stop.set()
        if workers:
            workers[-1].request_stop(signum, frame)  # type: ignore[no-untyped-call]  # raises StopRequested here, or lets a running tick end first

    signal.signal(signal.SIGTERM, stop_now)
    signal.signal(signal.SIGINT, stop_now)
    leave = processes.begin(processes.CLOCK)
    scheduler = SchedulerThread(stop)
    scheduler.start()
    logger.info("Clock: running")
    with suppress(StopRequested):
        _work(stop, workers)
    scheduler.join(timeout=10)
    leave()
    logger.info("Clock: stopped")


def _work(stop: threading.Event, workers: list[Worker]) -> None:
    """Keep one rq worker at work: it gives up on what it did not expect, Redis in the middle of a tick included."""
    notice = _Notice("the worker stopped, starting another")
    while not stop.is_set():
        try:
            worker = Worker([QUEUE], connection=_redis(15), job_class=Tick, serializer=JSONSerializer, worker_ttl=20)
            workers[:] = [worker]
            worker.work(logging_level="WARNING")
            notice.worked()
        except (RedisError, OSError) as error:
            notice.failed(type(error).__name__)
        stop.wait(TICK_SECONDS)
