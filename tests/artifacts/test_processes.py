"""Processes say that they are there; who ended, was killed or is away is told apart."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from artifacts import processes
from artifacts.models import Process
from config.celery import MAINTENANCE
from tests.flows.stacks import eventually

pytestmark = pytest.mark.django_db


def row(pid: int = 0, *, kind: str = processes.REPLICATOR, host: str = "here", **more) -> Process:
    return Process(kind=kind, host=host, pid=pid or os.getpid(), queues=["replication"], **more)


def ended() -> int:
    """The id of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def test_a_heartbeat_is_one_row_however_often_it_beats():
    for _ in range(3):
        processes.beat(row(slots=3))
    [group] = processes.groups()
    assert (group.kind, group.processes, group.slots, group.is_silent) == ("replicator", 1, 3, False)


def test_processes_that_do_the_same_are_one_line_of_a_page():
    for pid in (1, 2, 3):
        processes.beat(row(pid, slots=2))
    processes.beat(row(4, host="there", slots=2))
    processes.beat(row(5, kind=processes.WEB))
    found = [(group.kind, group.host, group.processes, group.slots) for group in processes.groups()]
    assert found == [("web", "here", 1, 1), ("replicator", "here", 3, 6), ("replicator", "there", 1, 2)]


def test_one_that_is_silent_serves_nothing_and_is_forgotten_in_the_end():
    now = timezone.now()
    row(1, heard_at=now - timedelta(minutes=5)).save()
    [group] = processes.groups()
    assert group.is_silent
    assert processes.unserved(["replication", "replication.far"], [group]) == ["replication", "replication.far"]
    processes.beat(row(2))
    assert processes.unserved(["replication", "replication.far"], processes.groups()) == ["replication.far"]
    Process.objects.filter(pid=1).update(heard_at=now - timedelta(hours=2))
    assert [group.is_silent for group in processes.groups()] == [False]
    processes.bury(row(2))
    assert not Process.objects.filter(pid=1).exists()


def test_the_next_one_on_the_machine_forgets_those_that_were_killed():
    for made in (row(ended()), row(os.getppid()), row(ended(), host="there"), row(ended(), kind=processes.WORKER)):
        processes.beat(made)
    processes.bury(row())
    left = {(each.host, each.kind) for each in Process.objects.all()}
    assert left == {("here", "replicator"), ("there", "replicator"), ("here", "worker")}


@pytest.mark.django_db(transaction=True)
def test_a_process_is_there_from_its_beginning_to_its_end():
    leave = processes.begin(processes.WORKER, [MAINTENANCE], 4)
    eventually(Process.objects.exists, "no heartbeat")
    [group] = processes.groups()
    assert (group.kind, list(group.queues), group.slots) == ("worker", ["maintenance"], 4)
    leave()
    assert not Process.objects.exists()


def test_the_queue_of_short_work_is_the_workers():
    assert processes.SHORT == MAINTENANCE
    assert processes.kind_of([MAINTENANCE, "replication"]) == processes.WORKER
    assert processes.kind_of(["replication.far"]) == processes.REPLICATOR
