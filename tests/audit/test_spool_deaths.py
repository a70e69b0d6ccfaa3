"""The spool's promise under kill -9: what a writer was told is recorded arrives, once, whoever dies when."""

import random
import signal
import subprocess
from collections import Counter

import pytest
from django.db import connection

from audit import spool
from audit.models import AuditRecord
from tests.audit import children

pytestmark = pytest.mark.usefixtures("committed")

WRITER = """
name = sys.argv[1]
for number in range(1_000_000):
    pull(name, f"{number}")
    os.write(1, f"{number}\\n".encode())
"""
DRAINER = """
from django.db import connection
from audit import drain
drain.BATCH_BYTES = 10_000
drain._consumers.clear()
@spool.on_drain
def count(entries):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_test_count SET pulls = pulls + %s", [len(entries)])
print("ready", flush=True)
while True:
    spool.drain()
"""


@pytest.fixture
def counter():
    """A counter that a consumer in the drainer keeps."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE audit_test_count AS SELECT 0 AS pulls")
    yield _pulls
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE audit_test_count")


def _pulls() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pulls FROM audit_test_count")
        return int(cursor.fetchone()[0])


def kill(child: subprocess.Popen[str]) -> str:
    """kill -9, and all that it had printed."""
    child.send_signal(signal.SIGKILL)
    assert child.stdout
    with child.stdout as pipe:
        output = pipe.read()
    child.wait(timeout=30)
    return output


def carried() -> Counter[tuple[str, str]]:
    return Counter(AuditRecord.objects.values_list("actor", "resource"))


def test_killed_writers_lose_nothing_they_were_told_is_recorded():
    told: set[tuple[str, str]] = set()
    for round_ in range(4):
        writers = {f"{round_}-{number}": children.start(WRITER, f"{round_}-{number}") for number in range(3)}
        first = {name: writer.stdout.readline() for name, writer in writers.items() if writer.stdout}
        for name, writer in writers.items():
            for _ in range(random.randrange(2000)):
                assert writer.stdout
                first[name] += writer.stdout.readline()
            told |= {(name, number) for number in (first[name] + kill(writer)).splitlines()}
    spool.drain()
    records = carried()
    assert len(told) > 100
    assert told <= records.keys()
    assert set(records.values()) == {1}
    assert children.spool_files() == []


def test_killed_drainers_neither_lose_nor_double(counter):
    for name in ("a", "b", "c"):
        children.run("for number in range(4000): pull(sys.argv[1], str(number))", name)
    kills = 0
    while children.spool_files():
        drainer = children.start(DRAINER)
        assert drainer.stdout
        assert drainer.stdout.readline() == "ready\n"
        with connection.cursor() as cursor:  # so that most die in the middle of a batch
            cursor.execute("SELECT pg_sleep(%s)", [random.uniform(0.01, 0.12)])
        kill(drainer)
        kills += 1
    assert kills > 2
    spool.drain()
    records = carried()
    assert len(records) == 12_000
    assert set(records.values()) == {1}
    assert counter() == 12_000


def test_drainers_at_once_with_writers_at_work_carry_each_record_once(counter):  # their consumer needs its table
    drainers = [children.start(DRAINER) for _ in range(2)]
    writers = [children.start("for number in range(3000): pull(sys.argv[1], str(number))", name) for name in "ab"]
    for writer in writers:
        writer.communicate(timeout=60)
    for drainer in drainers:
        kill(drainer)
    spool.drain()
    records = carried()
    assert len(records) == 6000
    assert set(records.values()) == {1}


def test_a_forked_child_writes_to_a_file_of_its_own_and_the_parent_goes_on():
    children.run(
        """
pull("parent", "1")
child = os.fork()
if child == 0:
    pull("child", "1")
    os._exit(0)
os.waitpid(child, 0)
pull("parent", "2")
files = [name for name in os.listdir(os.environ["ROADSTEAD_SPOOL"]) if name.endswith(".spool")]
assert len(files) == 2, files
"""
    )
    assert spool.drain() == 3
    assert carried() == Counter({("parent", "1"): 1, ("parent", "2"): 1, ("child", "1"): 1})


def test_threads_share_one_file_and_tear_no_line():
    children.run(
        """
import threading
spool.ROTATE_BYTES = 20_000
def many(name):
    for number in range(500):
        pull(name, str(number))
threads = [threading.Thread(target=many, args=(str(index),)) for index in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    )
    assert spool.drain() == 4000
    assert set(carried().values()) == {1}
