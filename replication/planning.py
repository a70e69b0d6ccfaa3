"""What an execution has to do is planned as a stream: a batch of artifacts at a time, each with where the list was.

A batch's tasks, its place in the list and the figures are written in one transaction, by whoever holds the planning's
lease: so another process goes on behind the last batch, and nothing is planned twice. A list that comes in another
order then, or without that place, is gone through from its beginning: what has a task already gets no other.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from oci.errors import Denied, NameInvalid, RegistryError, Unauthorized
from oci.transport import OffLimits
from replication import absence, claims, connecting, dispatch, events, executions, policies
from replication.comparing import Asked, Comparison, Sides
from replication.cursor import REFUSED, Place, refused
from replication.failures import SOURCE, Trouble, told
from replication.finding import Candidate, Shelf, candidates
from replication.journal import Journal, plain
from replication.models import Execution, Operation, State
from replication.pulse import beating
from replication.sites import Site
from replication.work import Halted, Work

BATCH = 500  # artifacts
PAUSE = 0.5  # seconds at most until the row says what was found unchanged
AHEAD = 4  # batches that sites are asked about while one is written
_OF_ONE = (Denied, NameInvalid, Unauthorized)  # what a registry answers of one repository, others being well


Step = Callable[[], None]
"""What is to be done with what a site was asked: in its order, each with where the list is then."""


class Draft(NamedTuple):
    """A task to be."""

    source: str
    destination: str
    reference: str
    tags: Sequence[str] = ()
    batch: str = ""
    operation: str = Operation.COPY
    kind: str = "image"
    size: int = 0
    state: str = State.PENDING
    text: str = ""


def plan(execution_id: int) -> bool:
    """Plan an execution, from where that had come to, unless somebody else does; whether it was done here."""
    work = Work(Journal(None))
    execution = claims.take_planning(execution_id, work.claim)
    if execution is None:
        return False
    try:
        with beating(work, lambda work: claims.renew_planning(execution_id, work)):
            Planner(execution, work, *connecting.sites(execution.policy, work)).run()
    except Exception as error:
        if work.leaving:
            claims.release_planning(claims.planning(execution_id, work.claim), attempts=F("attempts") - 1)
        elif isinstance(error, Halted) or work.halted.is_set():
            executions.wind_up(execution_id)
        else:
            _failed(execution, work, error)
    executions.settle(execution_id)
    dispatch.refill(execution)
    return True


def _failed(execution: Execution, work: Work, error: Exception) -> None:
    """Have another attempt made later, or say that no more will be planned."""
    text = f"planning: {told(error, f'planning of execution {execution.pk}')}"
    ours = claims.planning(execution.pk, work.claim)
    failures = ours.values_list("failures", flat=True).first() or 0
    if absence.met(execution.policy, error):
        claims.release_planning(ours, attempts=F("attempts") - 1, text=text)
        return
    seconds = claims.wait_after(failures + 1, error)
    if seconds is None:
        claims.release_planning(ours, planned=True, state=State.FAILED, text=text)
        return
    later = Now() + timedelta(seconds=seconds)
    claims.release_planning(ours, not_before=later, failures=failures + 1, text=text)


class Planner:
    """Plans one execution, by one process."""

    def __init__(self, execution: Execution, work: Work, source: Site, destination: Site) -> None:
        self.execution, self.work = execution, work
        self.source, self.destination = source, destination
        self.policy = execution.policy
        self.filters = policies.filters_of(self.policy)
        self.place = Place.parse(execution.cursor)
        self.begun_anew = False  # what was planned before comes again
        self.sides = Sides(source, destination, work, override=self.policy.override, sizing=execution.dry_run)
        self.refused = ""  # the repository that was lately
        self.unwritten = 0  # artifacts that are unchanged, beyond what the row says
        self.due = 0.0  # when the row is to say so (time.monotonic)

    def run(self) -> None:
        """Raises Halted, Trouble, and what the database does."""
        if not self.place.listed:
            self._take(self._all())
        if self.place.again:
            self._repeat()
        self._finish()

    def _take(self, steps: Iterator[Step]) -> None:
        for step in _ahead(steps):
            self.work.check()
            step()
        if self.unwritten:
            self._write([])

    def _all(self) -> Iterator[Step]:
        try:
            for repository in _from(self.place.repository, self._repositories, self._begin_anew):
                yield from self._steps(repository)
        except RegistryError as error:
            yield partial(self._give_up, "", error)

    def _begin_anew(self) -> None:
        self.begun_anew = True

    def _repositories(self) -> Iterator[str]:
        """All that the policy selects, in the source's order; of an execution that events started, theirs."""
        if self.execution.event is not None:
            names: Iterable[str] = dict.fromkeys(item["repository"] for item in self.execution.event)
        else:
            names = self.source.repositories(self.filters.name_patterns)
        return (name for name in names if self.filters.takes_repository(name))

    def _repeat(self) -> None:
        """Plan what was refused before. What can be planned by now, or isn't selected any more, isn't refused."""
        if not self.place.listed:
            self.place = Place(left=self.place.left, again=True, listed=True)
        left = refused(self.execution).filter(source__gte=self.place.repository)
        for name in left.order_by("source").values_list("source", flat=True):
            self.refused = ""
            if self.filters.takes_repository(name):
                self._take(self._steps(name))
            if self.refused != name:
                self._pardon(name)

    def _steps(self, repository: str) -> Iterator[Step]:
        """What is to be done for a repository. What is wrong with one keeps no other from it."""
        self.work.check()
        try:
            destination = policies.destination_of(self.policy, repository)
        except NameInvalid as error:
            yield partial(self._refuse, repository, error.message)
            return
        if self.policy.deletion and self.execution.event is not None:
            gone = events.deleted(self.execution.event, repository, self.filters)
            drafts = [Draft(repository, destination, each, operation=Operation.DELETION) for each in gone]
            yield partial(self._commit, drafts, 0, repository, "")
        comparison = Comparison(self.sides, repository, destination)
        try:
            for batch in _batches(self._candidates(comparison)):
                yield partial(self._plan, comparison, batch, comparison.ask(batch))
        except (RegistryError, Trouble) as error:
            yield partial(self._give_up, repository, error)

    def _give_up(self, repository: str, error: RegistryError | Trouble) -> None:
        """Refuse the repository, if it is only that. Raises Trouble if it isn't."""
        what = f"listing {repository or 'what is to be replicated'}"
        found = error if isinstance(error, Trouble) else self._trouble(what, error)
        if not repository or not isinstance(found.error, _OF_ONE) or isinstance(found.error, OffLimits):
            raise found from found.error
        self._refuse(repository, str(found))

    def _trouble(self, what: str, error: RegistryError) -> Trouble:
        return Trouble(SOURCE, self.source.name, what, error)

    def _refuse(self, repository: str, text: str) -> None:
        draft = Draft(repository, repository, REFUSED, state=State.FAILED, text=plain(text))
        self._commit([draft], 0, repository, "")
        refused(self.execution).filter(source=repository).update(text=plain(text))
        self.refused = repository

    @transaction.atomic
    def _pardon(self, repository: str) -> None:
        ours = claims.planning(self.execution.pk, self.work.claim)
        if not ours.select_for_update().exists():
            raise Halted
        number, _ = refused(self.execution).filter(source=repository).delete()
        ours.update(total=F("total") - number, failed=F("failed") - number)

    def _plan(self, comparison: Comparison, batch: Sequence[Candidate], asked: Asked) -> None:
        repository, destination = comparison.repository, comparison.target
        if repository == self.refused:
            return
        try:
            found = comparison.of(batch, asked)
        except (RegistryError, Trouble) as error:
            self._give_up(repository, error)
            return
        self.place.left += found.left
        drafts = [self._draft(repository, destination, each, batch[0].key) for each in found.differing]
        self._commit(drafts, found.unchanged, repository, batch[-1].key)

    def _draft(self, repository: str, destination: str, each: Candidate, batch: str) -> Draft:
        kind = each.kind or "image"
        digest = str(each.digest)
        return Draft(repository, destination, digest, each.tags, batch, kind=kind, size=each.size, text=each.text)

    def _candidates(self, comparison: Comparison) -> Iterator[Candidate]:
        repository = comparison.repository
        if self.execution.event is None:
            after = self.place.after if repository == self.place.repository else ""
            shelf = Shelf(self.source, repository, self.sides.pool, comparison.expected)
            return candidates(shelf, self.filters, after=after)
        return events.candidates(self.execution.event, repository, self.filters)

    def _commit(self, drafts: Sequence[Draft], unchanged: int, repository: str, after: str) -> None:
        """What a batch came to. Where nothing is to be done the row says so a little later. Raises Halted."""
        self.place.repository, self.place.after = repository, after
        self.unwritten += unchanged
        if drafts or time.monotonic() >= self.due:
            self._write(drafts)

    def _write(self, drafts: Sequence[Draft]) -> None:
        """Write down how far it is, if the planning is still ours. Raises Halted."""
        unchanged, self.unwritten, self.due = self.unwritten, 0, time.monotonic() + PAUSE
        with transaction.atomic():
            connection.cursor().execute("SET LOCAL synchronous_commit TO off")  # it goes back as a whole, if at all
            ours = claims.planning(self.execution.pk, self.work.claim).filter(stop_asked=False)
            if not ours.update(cursor=str(self.place), unchanged=F("unchanged") + unchanged):
                raise Halted
            number, size, failed = _insert(self.execution.pk, drafts)
            if number or (unchanged and not self.begun_anew):
                ours.update(attempts=1, failures=0)
            if number:
                ours.update(total=F("total") + number, bytes_total=F("bytes_total") + size, failed=F("failed") + failed)
        if drafts and not self.execution.dry_run:
            dispatch.refill(self.execution)

    def _finish(self) -> None:
        left = self.place.left
        text = f"{left} left alone: their tags are on something else there, and override is off" if left else ""
        ours = claims.planning(self.execution.pk, self.work.claim)
        claims.release_planning(ours, planned=True, attempts=0, failures=0, text=text)


def _from(begun: str, names: Callable[[], Iterator[str]], anew: Callable[[], None]) -> Iterator[str]:
    """The names from `begun` on; where that isn't among them any more all of them, which `anew` is told."""
    if begun:
        found = names()
        for name in found:
            if name == begun:
                yield name
                yield from found
                return
        anew()
    yield from names()


def _ahead(steps: Iterator[Step]) -> Iterator[Step]:
    """The steps in their order, each taken when some behind it are known: so sites are asked for several at once."""
    known: deque[Step] = deque()
    for step in steps:
        known.append(step)
        if len(known) > AHEAD:
            yield known.popleft()
    yield from known


def _batches(found: Iterator[Candidate]) -> Iterator[list[Candidate]]:
    batch: list[Candidate] = []
    for each in found:
        batch.append(each)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


_INSERT = """
WITH made AS (
    INSERT INTO replication_task (
        execution_id, operation, resource_type, source, destination, reference, batch, tags, state, text, attempts,
        failures, not_before, worker, bytes_total, bytes_done, bytes_sent, ended_at
    )
    SELECT %(execution)s, d.operation, d.kind, d.source, d.destination, d.reference, d.batch,
        ARRAY(SELECT jsonb_array_elements_text(d.tags)), d.state, d.text, 0, 0, now(), '', d.size, 0, 0,
        CASE WHEN d.state = 'Failed' THEN now() END
    FROM jsonb_to_recordset(%(drafts)s::jsonb) AS d(
        operation text, kind text, source text, destination text, reference text, batch text, tags jsonb, state text,
        text text, size bigint
    )
    ON CONFLICT (execution_id, operation, source, reference, batch) DO NOTHING
    RETURNING bytes_total, state
)
SELECT count(*), coalesce(sum(bytes_total), 0)::bigint, count(*) FILTER (WHERE state = 'Failed') FROM made
"""


def _insert(execution_id: int, drafts: Sequence[Draft]) -> tuple[int, int, int]:
    """Make the tasks that aren't there yet: how many, their bytes, and how many of them failed before they began."""
    if not drafts:
        return 0, 0, 0
    rows = json.dumps([draft._asdict() for draft in drafts])
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, {"execution": execution_id, "drafts": rows})
        return cursor.fetchone() or (0, 0, 0)
