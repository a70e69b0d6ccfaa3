"""A retry goes on with all that failed: with what was refused while it was planned, too."""

import pytest

from audit import Context
from oci.listener import Reply
from rbac.actors import SYSTEM
from replication import claims, executions
from replication.models import Execution, State, Task
from tests.door import image, unique
from tests.replication.conftest import fill


@pytest.fixture
def execution(bench, remote):
    """One whose second repository of three may not be read."""
    for name in ("a", "b", "c"):
        fill(remote.url, f"far/{name}", image(tag="v1"))
    policy = bench.policy(source=bench.endpoint(remote.url), names="far/**", namespace=f"near{unique()}")
    hide(remote, "far/b")
    return bench.run(policy)


def hide(remote, *names: str) -> None:
    remote.guard = lambda call: Reply(403) if any(f"/{name}/" in call.path for name in names) else None


def retry(bench, execution: Execution) -> Execution:
    executions.retry(execution, actor=SYSTEM, context=Context())
    bench.work()
    return Execution.objects.get(pk=execution.pk)


def figures(execution: Execution) -> tuple[str, int, int, int]:
    return execution.state, execution.total, execution.succeeded, execution.failed


def test_a_repository_that_was_refused_is_planned_by_a_retry_and_the_others_are_not(bench, execution, remote):
    assert figures(execution) == (State.FAILED, 3, 2, 1)
    remote.guard = None
    remote.calls.clear()
    assert figures(retry(bench, execution)) == (State.SUCCEED, 3, 3, 0)
    assert {path.split("/")[3] for _, path in remote.calls if path.startswith("/v2/far/")} == {"b"}
    assert {task.reference != "" for task in bench.tasks(execution)} == {True}


def test_one_that_is_refused_again_says_why_now(bench, execution, remote):
    remote.guard = lambda call: Reply(401) if "/far/b/" in call.path else None
    ended = retry(bench, execution)
    assert figures(ended) == (State.FAILED, 3, 2, 1)
    assert "UNAUTHORIZED" in Task.objects.get(execution=execution, reference="").text
    assert figures(retry(bench, execution))[:2] == (State.FAILED, 3)


def test_one_that_a_passing_fault_keeps_from_being_planned_again_waits_for_another_attempt(bench, execution, remote):
    remote.guard = lambda call: Reply(500) if "/far/b/" in call.path else None
    waiting = retry(bench, execution)
    assert waiting.state == State.IN_PROGRESS
    assert waiting.text.startswith(f"planning: source {execution.policy.source.name}: listing far/b: ")
    remote.guard = None
    Execution.objects.update(not_before=execution.started_at)
    bench.sweep()
    bench.work()
    assert figures(bench.seen(execution)) == (State.SUCCEED, 3, 3, 0)


def test_one_that_the_policy_selects_no_longer_is_forgotten(bench, execution):
    policy = execution.policy
    policy.filters = [{"type": "name", "value": "far/{a,c}"}]
    policy.save()
    assert figures(retry(bench, execution)) == (State.SUCCEED, 2, 2, 0)


def test_a_planning_that_broke_off_comes_to_its_end_and_then_to_what_was_refused(bench, remote):
    for name in ("a", "b", "c"):
        fill(remote.url, f"far/{name}", image(tag="v1"))
    policy = bench.policy(source=bench.endpoint(remote.url), names="far/**", namespace=f"near{unique()}")
    replies = {"/far/a/": Reply(403), "/far/b/": Reply(500)}
    remote.guard = lambda call: next((reply for part, reply in replies.items() if part in call.path), None)
    execution = bench.start(policy)
    bench.work()
    Execution.objects.update(failures=claims.TRIES - 1, not_before=execution.started_at)
    bench.sweep()
    bench.work()
    assert figures(bench.seen(execution)) == (State.FAILED, 1, 0, 1)
    replies.clear()
    assert figures(retry(bench, execution)) == (State.SUCCEED, 3, 3, 0)


def test_a_planning_that_comes_on_has_all_its_tries_again(bench, remote):
    """A list that breaks off after each repository, more often than there are tries."""
    names = [f"far/{number}" for number in range(claims.TRIES + 3)]
    for name in names:
        fill(remote.url, name, image(tag="v1"))
    policy = bench.policy(source=bench.endpoint(remote.url), names="far/**", namespace=f"near{unique()}")
    seen: list[str] = []

    def one_more(call):
        name = call.path.removeprefix("/v2/").partition("/tags/")[0]
        if not call.path.endswith("/tags/list") or name in seen:
            return None
        seen.append(name)
        return Reply(500)

    remote.guard = one_more
    execution = bench.start(policy)
    for _ in names:
        bench.work()
        Execution.objects.update(not_before=execution.started_at)
        bench.sweep()
    bench.work()
    ended = bench.seen(execution)
    assert (ended.state, ended.succeeded) == (State.SUCCEED, len(names))
