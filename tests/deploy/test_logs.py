"""Logs stay short however much a piece writes, and the piece goes on writing where it wrote."""

import sys
import time

import pytest

from deploy import probes, supervisor
from deploy.layout import Layout
from deploy.supervisor import Piece, Supervisor

TALKER = """
import time
print("it is ready.", flush=True)
while True:
    print("a line", flush=True)
    time.sleep(0.005)
"""


def wait_for(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it didn't come to pass")


@pytest.fixture
def talker(tmp_path):
    """A piece that goes on writing. Its supervisor isn't entered: it would take over the tests' own process."""
    layout = Layout(tmp_path)
    for place in (layout.run, tmp_path / "log"):
        place.mkdir()
    log = layout.log("talker")
    supervising = Supervisor(layout, lambda _: None)
    process = supervising._spawn(Piece("talker", [sys.executable, "-c", TALKER], lambda: True, {}))
    try:
        wait_for(lambda: probes.log_says(log, " ready."))
        yield supervising, log
    finally:
        process.kill()
        process.wait()


def test_a_long_log_is_put_aside_while_its_piece_runs_and_writes(talker, monkeypatch):
    supervising, log = talker
    monkeypatch.setattr(supervisor, "_LOG_LIMIT", 1000)
    wait_for(lambda: log.stat().st_size > 1500)
    supervising._shorten_log("talker")
    assert len(log.with_name("talker.log.1").read_bytes()) == 1000
    wait_for(lambda: "a line" in log.read_text())
    assert log.read_text().startswith(probes.PUT_ASIDE)
    assert probes.log_says(log, " ready.")


def test_a_short_log_stays(talker):
    supervising, log = talker
    supervising._shorten_log("talker")
    assert log.read_text().startswith(probes.START_MARK)
    assert not log.with_name("talker.log.1").exists()


def test_what_was_put_aside_says_nothing_of_a_later_start(tmp_path):
    log = tmp_path / "talker.log"
    log.write_text(f"{probes.PUT_ASIDE}then\nmore\n{probes.START_MARK}now\nnot yet\n")
    assert not probes.log_says(log, " ready.")
