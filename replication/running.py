"""One task is carried out: claimed, done with its claim kept alive, and its end written, or another attempt set."""

from __future__ import annotations

import logging
from typing import NamedTuple

from django.db import DatabaseError, InterfaceError, close_old_connections

from oci.digest import Digest
from replication import absence, claims, connecting, dispatch, events, executions
from replication.claims import Rest
from replication.copying import Copy, Order, at
from replication.failures import DESTINATION, SOURCE, is_of_database, told
from replication.journal import Journal
from replication.models import Execution, Operation, State, Task, Trigger
from replication.pulse import beating
from replication.sites import Site
from replication.work import Halted, Work

CHUNK = 10 * 1024 * 1024  # bytes of a piece, for policies that copy by chunk

_LOST = "another worker has taken it over"
_LEFT = "its worker was shut down: another one goes on with it"

logger = logging.getLogger(__name__)


def carry_out(task_id: int) -> bool:
    """Carry out a task, unless somebody else does or it is over; whether it was done here, well or not."""
    work = Work(Journal(task_id))
    task = claims.take(task_id, work.claim)
    if task is None:
        return False
    policy = task.execution.policy
    work.policy, work.speed, work.sent = policy.pk, policy.speed, task.bytes_sent
    work.disputed.update(task.disputed or ())
    with beating(work, lambda work: claims.renew(task, work)):
        outcome = _attempt(task, work)
    _end(task, work, outcome)
    return True


class Outcome(NamedTuple):
    """What an attempt came to, and why. No state: another one follows after so many seconds, this one having `failed`,
    or as if it had not been (`undone`)."""

    state: State | None
    text: str
    wait: float = 0.0
    failed: bool = False
    undone: bool = False


def _attempt(task: Task, work: Work) -> Outcome:
    work.journal.info(
        f"attempt {task.attempts} of {task.operation} {task.source}@{task.reference} to {task.destination}"
    )
    try:
        return Outcome(State.SUCCEED, _do(task, work))
    except Exception as error:
        if work.leaving:
            return Outcome(None, _LEFT, undone=True)
        if work.halted.is_set() or isinstance(error, Halted):
            return Outcome(State.STOPPED, "stopped" if work.stop_asked else _LOST)
        return _judged(task, work, error)


def _judged(task: Task, work: Work, error: Exception) -> Outcome:
    """Whether a failure is the end of the task."""
    text = told(error, f"task {task.pk}")
    if absence.met(task.execution.policy, error):
        work.journal.warning(f"{text}. It goes on when that registry answers")
        return Outcome(None, text, undone=True)
    away = is_of_database(error) and task.attempts < claims.LIVES
    seconds = claims.wait_after(1 if away else claims.failures(task, work), error)
    if seconds is not None:
        work.journal.warning(f"{text}. Another attempt follows in {seconds:.0f} s")
        return Outcome(None, text, seconds, failed=not away)
    work.journal.error(text)
    return Outcome(State.FAILED, text)


def _end(task: Task, work: Work, outcome: Outcome) -> None:
    """Write it down. When the database is away by now, the lease runs out, and the task is found to be done then."""
    state, text = outcome.state, outcome.text
    try:
        work.journal.info(f"{state or 'interrupted'}: {text}")
        if state is None:
            work.journal.flush()
            failures = claims.failures(task, work) if outcome.failed else task.failures
            claims.give_back(task, work, text, seconds=outcome.wait, failures=failures, undone=outcome.undone)
            dispatch.refill(task.execution)
        elif (rest := claims.finish(task, work, state, text)) is not None:
            if task.was_away and state == State.SUCCEED:
                absence.proved_over(task.execution.policy)
            _go_on(task.execution, rest)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("Replication: the end of task %s couldn't be written: %s", task.pk, error)
        close_old_connections()


def _go_on(execution: Execution, rest: Rest) -> None:
    """The last task ends the execution. While more wait than may be under way, another is sent; when fewer do, all
    have been."""
    if rest.planned and rest.tasks <= 0:
        executions.settle(execution.pk)
    elif rest.tasks >= dispatch.WINDOW:
        dispatch.refill(execution)


def _do(task: Task, work: Work) -> str:
    source, destination = connecting.sites(task.execution.policy, work)
    if task.operation == Operation.DELETION:
        return _delete(task, work, source, destination)
    pool = connecting.threads()
    return Copy(source, destination, _order(task), work, pool, lambda total: claims.resize(task, total)).run()


def _order(task: Task) -> Order:
    policy = task.execution.policy
    return Order(
        repository=task.source,
        digest=Digest.parse(task.reference),
        destination=task.destination,
        tags=task.tags,
        override=policy.override,
        chunk=CHUNK if policy.by_chunk else None,
        follows=task.execution.trigger == Trigger.EVENT_BASED,
    )


def _delete(task: Task, work: Work, source: Site, destination: Site) -> str:
    """Delete at the destination what was deleted here, unless it was pushed again or the policy was changed since."""
    policy = task.execution.policy
    if not policy.deletion or policy.destination is None:
        return "left alone: the policy replicates no deletions any more"
    reference = Digest.parse(task.reference) if ":" in task.reference else task.reference
    what = f"looking up {task.source} {task.reference}"
    if at(SOURCE, source, what, lambda: source.resolve(task.source, reference)) is not None:
        return "left alone: the source has it again"
    moment = events.deleted_at(task.execution.event or (), task.source, task.reference)
    what = f"looking up {task.destination} {task.reference}"
    there = task.destination, task.reference
    if moment and at(DESTINATION, destination, what, lambda: destination.has_later(*there, moment)):
        return "left alone: it was put there again later"
    work.confirm()
    what = f"deleting {task.reference} of {task.destination}"
    at(DESTINATION, destination, what, lambda: destination.delete(task.destination, task.reference))
    return "deleted"
