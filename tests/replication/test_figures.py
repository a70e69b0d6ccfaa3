"""What waits, what is at work and what was done lately can be read while it goes on."""

import pytest

from replication import claims, figures
from replication.journal import Journal
from replication.models import State
from replication.work import Work
from tests.door import image


def test_it_tells_what_waits_and_what_is_at_work_and_what_was_done(bench, remote, door):
    assert figures.together(figures.by_policy().values()) == figures.Figures(0, 0, 0, None, 0, 0)
    for number in range(3):
        door.push(image(tag=f"v{number}"))
    policy = bench.policy(destination=bench.endpoint(remote.url), names=door.repository)
    execution = bench.start(policy)
    bench.deliver()
    done, working, _ = bench.tasks(execution)
    work, other = Work(Journal(None)), Work(Journal(None))
    claims.take(done.pk, work.claim)
    work.sent = 5_000_000
    claims.finish(done, work, State.SUCCEED, "done")
    claims.take(working.pk, other.claim)
    (found,) = figures.by_policy().values()
    assert found == figures.together([found])
    assert (found.executions, found.pending, found.in_progress) == (1, 1, 1)
    assert found.oldest is not None
    assert found.tasks_a_minute == pytest.approx(0.2)
    assert found.bytes_a_minute == pytest.approx(1_000_000)
