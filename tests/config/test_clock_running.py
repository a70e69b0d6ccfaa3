"""`manage.py clock` and a Celery worker as real processes, with Redis dying under them."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from audit import Context, spool
from audit.models import AuditRecord
from tests.audit import children
from tests.config.conftest import RedisServer, wait_for

CLOCK = ["manage.py", "clock"]
CELERY = ["-m", "celery", "-A", "config.celery", "worker", "-c", "1", "--without-gossip", "--without-mingle"]


@pytest.fixture
def processes(settings, tmp_path, redis_server: RedisServer, committed) -> Iterator[list[subprocess.Popen[bytes]]]:
    settings.AUDIT_SPOOL = tmp_path / "spool"
    environment = children.environment(REDIS_URL=redis_server.url, CELERY_BROKER_URL=redis_server.url)
    started = [
        subprocess.Popen([sys.executable, *command], env=environment, cwd=settings.BASE_DIR)
        for command in (CLOCK, CELERY)
    ]
    yield started
    for process in started:
        process.send_signal(signal.SIGTERM)
    for process in started:
        process.wait(timeout=60)
    spool._writer.close()


def login(actor: str) -> None:
    event = spool.Record(actor=actor, operation="login", resource_type="user", resource=actor, context=Context())
    spool.write(event)


def carried(actor: str) -> bool:
    return AuditRecord.objects.filter(actor=actor).exists()


def test_ticks_reach_celery_also_after_redis_was_killed_and_came_back_empty(processes, redis_server):
    login("first")
    wait_for(lambda: carried("first"))
    redis_server.stop()
    login("second")
    redis_server.start()
    wait_for(lambda: carried("second"))
    redis_server.client().flushall()
    login("third")
    wait_for(lambda: carried("third"))
    assert AuditRecord.objects.filter(operation="login").count() == 3
    clock = processes[0]
    assert clock.poll() is None


def test_the_clock_waits_for_a_redis_that_is_not_there_yet_and_ends_on_sigterm(settings, redis_server, committed):
    redis_server.stop()
    clock = subprocess.Popen(
        [sys.executable, *CLOCK],
        env=children.environment(REDIS_URL=redis_server.url, CELERY_BROKER_URL=redis_server.url),
        cwd=settings.BASE_DIR,
        stderr=subprocess.PIPE,
    )
    assert clock.stderr
    while b"waiting" not in clock.stderr.readline():
        assert clock.poll() is None
    redis_server.start()
    wait_for(lambda: redis_server.client().exists("rq:scheduler:scheduled_jobs"))
    redis_server.stop()
    clock.terminate()
    _, errors = clock.communicate(timeout=60)
    assert clock.returncode == 0
    assert b"Clock: stopped" in errors
