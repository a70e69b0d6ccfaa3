"""Celery's settings, and that nobody pays for Celery before it is used."""

import subprocess
import sys

import pytest
from celery.signals import task_prerun
from django.conf import settings
from django.db import OperationalError, connection

from config.celery import app
from config.schedule import FIXED, Schedule
from tests.audit import children

pytestmark = pytest.mark.usefixtures("db")


def test_tasks_are_found_and_nothing_but_json_is_taken():
    app.loader.import_default_modules()
    assert {"audit.drain", "audit.keep_partitions"} <= set(app.tasks)
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
    assert app.conf.task_acks_late
    assert app.conf.worker_prefetch_multiplier == 1
    assert not app.conf.result_backend
    assert app.conf.task_time_limit < app.conf.broker_transport_options["visibility_timeout"]
    assert app.conf.broker_connection_max_retries is None


def test_a_process_that_never_sends_a_task_imports_no_celery_and_one_that_does_finds_our_broker():
    script = """
import sys, threading, django
django.setup()
import config.wsgi
assert not {"celery", "kombu", "rq"} & sys.modules.keys()
from audit.tasks import drain
def check():
    conf = drain.app.conf
    assert conf.broker_url == "redis://127.0.0.1:1/7", conf.broker_url
    assert (conf.task_default_queue, conf.accept_content) == ("maintenance", ["json"])
    print("ours")
check()
thread = threading.Thread(target=check)
thread.start()
thread.join()
"""
    printed = subprocess.run(
        [sys.executable, "-c", script],
        env=children.environment(CELERY_BROKER_URL="redis://127.0.0.1:1/7"),
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert printed.stdout.split() == ["ours", "ours"]


@pytest.mark.django_db(transaction=True)
def test_a_task_after_its_connection_has_died_gets_a_new_one_and_else_keeps_it():
    def session() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])

    before = session()
    task_prerun.send(sender=app.tasks["audit.drain"])
    assert session() == before
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    task_prerun.send(sender=app.tasks["audit.drain"])
    assert session() != before


def test_a_schedule_is_either_an_interval_or_a_cron():
    assert Schedule("a", "t", every=3).fingerprint != Schedule("a", "t", every=4).fingerprint
    with pytest.raises(ValueError, match="either"):
        Schedule("a", "t")
    with pytest.raises(ValueError, match="either"):
        Schedule("a", "t", every=3, cron="* * * * *")
    assert len({item.name for item in FIXED}) == len(FIXED)
