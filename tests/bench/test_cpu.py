"""CPU time and memory of real processes."""

import os
import subprocess
import sys
import time

from bench import cpu

BURN = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}])
print("burnt", flush=True)
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_tree_counts_the_children_that_live_and_those_that_ended():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "burnt\n"
        child = int(parent.stdout.readline())
        assert {parent.pid, child} <= cpu.tree([parent.pid])
        assert cpu.seconds([parent.pid]) >= 0.2
        assert cpu.resident(child) > 1 << 20
        parent.communicate()


def test_our_own_time_is_what_the_system_says():
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    fields = cpu.stat_fields(os.getpid())
    assert int(fields[1]) == os.getppid()
    assert sum(map(int, fields[11:13])) / cpu.TICK >= 0.1


def test_a_process_that_is_gone_costs_nothing():
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    assert cpu.resident(gone.pid) == 0
    assert cpu.seconds([gone.pid]) == 0
