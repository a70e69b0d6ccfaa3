"""One task is carried out: claimed, done with its claim kept alive, and its end written, or another attempt set."""

from __future__ import annotations

import logging

from django.db import DatabaseError, InterfaceError, close_old_connections

from oci.digest import Digest
from replication import claims, connecting, dispatch, executions
from replication.copying import Copy, Order, at
from replication.failures import DESTINATION, SOURCE, told
from replication.journal import Journal
from replication.models import Operation, State, Task
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
    with beating(work, lambda work: claims.renew(task, work)):
        state, text, wait = _attempt(task, work)
    _end(task, work, state, text, wait)
    return True


def _attempt(task: Task, work: Work) -> tuple[State | None, str, float]:
    """What it came to, and why. No state: it is to be tried again after so many seconds."""
    work.journal.info(
        f"attempt {task.attempts} of {task.operation} {task.source}@{task.reference} to {task.destination}"
    )
    try:
        return State.SUCCEED, _do(task, work), 0.0
    except Exception as error:
        if work.leaving:
            return None, _LEFT, 0.0
        if work.halted.is_set() or isinstance(error, Halted):
            return State.STOPPED, "stopped" if work.stop_asked else _LOST, 0.0
        return _judged(task, work, error)


def _judged(task: Task, work: Work, error: Exception) -> tuple[State | None, str, float]:
    """Whether a failure is the end of the task."""
    text = told(error, f"task {task.pk}")
    seconds = claims.wait_after(task.attempts, error)
    if seconds is not None:
        work.journal.warning(f"{text}. Another attempt follows in {seconds:.0f} s")
        return None, text, seconds
    work.journal.error(text)
    return State.FAILED, text, 0.0


def _end(task: Task, work: Work, state: State | None, text: str, wait: float) -> None:
    """Write it down. When the database is away by now, the lease runs out, and the task is found to be done then."""
    try:
        work.journal.info(f"{state or 'interrupted'}: {text}")
        work.journal.flush()
        if state is None:
            claims.give_back(task, work, text, seconds=wait, undone=work.leaving)
        elif claims.finish(task, work, state, text):
            executions.settle(task.execution_id)
        dispatch.refill(task.execution)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("Replication: the end of task %s couldn't be written: %s", task.pk, error)
        close_old_connections()


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
    work.confirm()
    what = f"deleting {task.reference} of {task.destination}"
    at(DESTINATION, destination, what, lambda: destination.delete(task.destination, task.reference))
    return "deleted"
