"""What a task tells is kept in order, once, and within bounds."""

import pytest
from django.db import DatabaseError

from replication import journal
from replication.journal import Journal, size_words
from replication.models import Endpoint, Execution, LogLine, Policy, Task


@pytest.fixture
def task(db) -> Task:
    endpoint = Endpoint.objects.create(name="far", kind="docker-registry", url="http://far")
    policy = Policy.objects.create(name="far", destination=endpoint)
    execution = Execution.objects.create(policy=policy, trigger="manual")
    return Task.objects.create(execution=execution, source="a/x", destination="a/x", reference="v1")


def texts(task) -> list[str]:
    return list(LogLine.objects.filter(task=task).order_by("pk").values_list("text", flat=True))


def test_lines_come_in_their_order_and_once(task):
    lines = Journal(task.pk)
    lines.info("one")
    lines.flush()
    lines.error("two")
    lines.flush()
    lines.flush()
    assert texts(task) == ["one", "two"]


def test_lines_that_could_not_be_written_are_written_later(task, monkeypatch):
    lines = Journal(task.pk)
    lines.info("one")

    def fail(*_):
        raise DatabaseError

    with monkeypatch.context() as away:
        away.setattr(LogLine.objects, "bulk_create", fail)
        with pytest.raises(DatabaseError):
            lines.flush()
    lines.info("two")
    lines.flush()
    assert texts(task) == ["one", "two"]


def test_a_task_that_talks_without_end_is_cut_short_and_its_problems_are_heard_longer(task, monkeypatch):
    monkeypatch.setattr(journal, "MOST", 3)
    lines = Journal(task.pk)
    for number in range(10):
        lines.info(f"line {number}")
    lines.error("trouble")
    lines.flush()
    assert [text[:9] for text in texts(task)] == ["line 0", "line 1", "more is g"]
    other = Journal(task.pk)
    for number in range(10):
        other.error(f"trouble {number}")
    other.flush()
    assert len(texts(task)) == 3 + 6


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10**9, "953.7 MiB"), (2**50, "1024.0 TiB")]
)
def test_sizes_are_told_in_words(size, words):
    assert size_words(size) == words
