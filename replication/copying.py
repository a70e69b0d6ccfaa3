"""One artifact is copied with all that belongs to it: blobs first, manifests bottom-up, its tags last.

Bytes go from the source to the destination piece by piece, and neither side's word is needed for what the other has:
the destination is asked before anything is sent. So a copy that was broken off goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from django.db import DatabaseError

from oci.client import FetchedManifest
from oci.digest import Digest
from oci.errors import Denied, DigestInvalid, NameUnknown, RegistryError, Unauthorized
from oci.tagged import is_moved_later
from oci.transport import OffLimits
from replication import graph, referring, sending, transfers
from replication.failures import DESTINATION, SOURCE, TagElsewhere, Trouble, Vanished
from replication.graph import Graph
from replication.journal import size_words
from replication.limits import Limiter
from replication.sending import Shipment
from replication.sites import Site, held
from replication.transfers import Claims
from replication.work import Work

_SHORTEST_WAIT, _LONGEST_WAIT = 0.05, 1.0  # seconds between looks at what another task sends

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be copied: `tags` are put on `digest` at the destination. `override`: they may be elsewhere there.
    `follows`: it is news of what happened at the source, and takes nothing back that happened there later."""

    repository: str
    digest: Digest
    destination: str
    tags: Sequence[str]
    override: bool
    chunk: int | None = None
    follows: bool = False


@dataclass(slots=True)
class Copy:
    """One copy, by one worker; `pool` works for it."""

    source: Site
    destination: Site
    order: Order
    work: Work
    pool: Executor
    sized: Callable[[int], None] = lambda _: None
    _graph: Graph = field(init=False)
    _limiter: Limiter = field(init=False)
    _left: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._limiter = Limiter(self.work)

    def run(self) -> str:
        """Copy it; what was done, in words. Raises Halted, Trouble, Vanished."""
        tags = self._wanted_tags()
        if tags is None:
            return f"left alone: its tags at {self.destination.name} are on something else, and override is off"
        self._graph = self._collect()
        self._announce()
        lacking = self._lacking()
        if lacking:
            self._prepare()
        self._bring_blobs(lacking)
        self._put(lacking, tags)
        return self._summary(lacking)

    def _wanted_tags(self) -> list[str] | None:
        """Those that may be set; None where all are on something else and stay there."""
        if self.order.override or not self.order.tags:
            return list(self.order.tags)
        return list(self._free(self.order.tags)) or None

    def _free(self, tags: Sequence[str]) -> dict[str, Digest | None]:
        """Those that aren't on something else, and what they are on."""
        found = self._on(tags)
        free = {tag: there for tag, there in found.items() if there in {None, self.order.digest}}
        for tag in found.keys() - free.keys():
            self._check_undisputed(tag, self.order.digest, found[tag])
            self.work.journal.warning(f"{self.order.destination}:{tag} is on something else there: left alone")
        return free

    def _check_undisputed(self, tag: str, digest: Digest, there: Digest | None) -> None:
        """What a tag is on there, and isn't to be, is somebody else's; unless this task has put the tag."""
        if tag in self.work.disputed:
            error = TagElsewhere.told(digest, self.order.destination, tag, there)
            raise Trouble(DESTINATION, self.destination.name, f"looking up {self.order.destination}:{tag}", error)

    def _on(self, tags: Sequence[str]) -> dict[str, Digest | None]:
        found = self._at_destination("looking up tags", lambda: list(self.pool.map(self._tagged, tags)))
        return dict(zip(tags, found, strict=True))

    def _tagged(self, tag: str) -> Digest | None:
        return resolved(self.destination, self.order.destination, tag)

    def _collect(self) -> Graph:
        def call() -> Graph:
            return graph.collect(self.source, self.order.repository, self.order.digest, self.pool, self.work.check)

        return self._at_source(f"reading {self.order.repository}@{self.order.digest}", call)

    def _announce(self) -> None:
        self.work.total = self._graph.size
        self.sized(self.work.total)
        self.work.journal.info(
            f"{self.order.repository}@{self.order.digest}: {len(self._graph.nodes)} manifest(s) and"
            f" {len(self._graph.blobs)} blob(s), {size_words(self.work.total)} in all"
        )

    def _lacking(self) -> list[Digest]:
        """The manifests that the destination lacks, bottom-up: what it has, it has with all that it names."""
        order = self._graph.bottom_up()
        found = self._at_destination("looking up manifests", lambda: list(self.pool.map(self._has_manifest, order)))
        lacking = [digest for digest, there in zip(order, found, strict=True) if not there]
        wanted = {blob for digest in lacking for blob in self._graph.nodes[digest].blobs}
        blobs = sum(size for blob, size in self._graph.blobs.items() if blob not in wanted)
        manifests = sum(self._graph.nodes[digest].size for digest, there in zip(order, found, strict=True) if there)
        self.work.advance(done=blobs + manifests)
        return lacking

    def _has_manifest(self, digest: Digest) -> bool:
        self.work.check()
        return resolved(self.destination, self.order.destination, digest) is not None

    def _prepare(self) -> None:
        def public() -> bool:
            what = "reading whether it is public"
            return self._at_source(what, lambda: self.source.is_public(self.order.repository))

        place = f"preparing {self.order.destination}"
        self._at_destination(place, lambda: self.destination.prepare(self.order.destination, public=public))

    def _bring_blobs(self, lacking: Sequence[Digest]) -> None:
        """All blobs of these manifests, some at once; what another task is sending comes last, and is waited for."""
        wanted = {blob: size for digest in lacking for blob, size in self._graph.nodes[digest].blobs.items()}
        largest_first = sorted(wanted, key=wanted.__getitem__, reverse=True)
        left = self._brought([self._shipment(digest, wanted[digest]) for digest in largest_first])
        wait = _SHORTEST_WAIT
        while left:
            self.work.pause(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
            busy = transfers.busy(self.destination.endpoint, [shipment.digest for shipment in left])
            free = [shipment for shipment in left if shipment.digest not in busy]
            left = [shipment for shipment in left if shipment.digest in busy] + self._brought(free)

    def _brought(self, shipments: Sequence[Shipment]) -> list[Shipment]:
        """Brings them, but for those that are answered: another task is sending them.

        The site is asked before the rows are: most of what is there it has for long.
        """
        place, digests = self.order.destination, [shipment.digest for shipment in shipments]
        there = self._at_destination(
            f"looking up blobs of {place}", lambda: held(self.destination, place, digests, self.pool)
        )
        for shipment in shipments:
            if shipment.digest in there:
                shipment.arrived("is there")
        lacking = [shipment for shipment in shipments if shipment.digest not in there]
        sizes = {shipment.digest: shipment.size for shipment in lacking}
        claims = Claims(self.destination.endpoint, place, self.work.claim, sizes)
        try:
            brought = _all(self.pool, partial(self._bring, claims=claims), lacking)
        except BaseException:
            with suppress(DatabaseError):  # their leases run out
                transfers.release(self.work.claim)
            raise
        return [shipment for shipment, done in zip(lacking, brought, strict=True) if not done]

    def _shipment(self, digest: Digest, size: int) -> Shipment:
        return Shipment(self.source, self.destination, self.order, digest, size, work=self.work, limiter=self._limiter)

    def _bring(self, shipment: Shipment, *, claims: Claims) -> bool:
        self.work.check()
        return sending.bring(shipment, claims)

    def _put(self, lacking: Sequence[Digest], tags: Sequence[str]) -> None:
        """Manifests from the bottom up, what belongs to it, and when all is there the tags."""
        root = self.order.digest
        alone = len(self._graph.nodes) == 1
        for digest in lacking:
            self.work.check()
            if digest != root or not (alone and tags):
                self._put_manifest(digest, ())
        self._list_referrers()
        self._put_belongings()
        self.work.check()
        since = self._since(tags)
        wanted = self._current(self._misplaced(tags, is_new=root in lacking))
        if since and wanted:
            self._put_news(dict.fromkeys(wanted, root), since)
        elif wanted:
            self._put_manifest(root, wanted)

    def _list_referrers(self) -> None:
        place = self.order.destination
        self._at_destination(
            f"listing what refers to {place}@{self.order.digest}",
            lambda: referring.list_referrers(self.destination, place, self._graph, self._payload),
        )

    def _since(self, tags: Sequence[str]) -> Mapping[str, datetime]:
        """Asked for before it is looked whether they are there still: never later than they were put there."""
        if not self.order.follows or not tags:
            return {}
        return self._at_source("looking up tags", lambda: self.source.tagged(self.order.repository, tags))

    def _put_news(self, tags: Mapping[str, Digest], since: Mapping[str, datetime]) -> None:
        for tag, digest in tags.items():
            try:
                self._put_manifest(digest, [tag], since.get(tag))
            except Trouble as error:
                if not is_moved_later(error.error):
                    raise
                self.work.journal.warning(f"{tag} was moved later at {self.destination.name}: left alone")

    def _current(self, tags: Sequence[str]) -> list[str]:
        """Those that are on it at the source still. What was moved or deleted there while this one was on its way is
        another task's, which may be over by now: a tag never goes back to what it was on before."""
        if not tags:
            return []
        expected = dict.fromkeys(tags, self.order.digest)
        there = self._at_source("looking up tags", lambda: self.source.tags_on(self.order.repository, expected))
        for tag in tags:
            if there.get(tag) != self.order.digest:
                self.work.journal.warning(f"{tag} was moved or deleted at {self.source.name} meanwhile: left alone")
                self._left.append(tag)
        return [tag for tag in tags if there.get(tag) == self.order.digest]

    def _misplaced(self, tags: Sequence[str], *, is_new: bool) -> list[str]:
        """Those that are to be set. What was free when the copy began may have been taken since."""
        if not self.order.override:
            return [tag for tag, there in self._free(tags).items() if there is None]
        if is_new:
            return list(tags)
        return [tag for tag, there in self._on(tags).items() if there != self.order.digest]

    def _put_belongings(self) -> None:
        since = self._since(list(self._graph.belongings))
        for tag, digest in self._graph.belongings.items():
            there = self._at_destination(f"looking up {tag}", partial(self._tagged, tag))
            if there is None or (there != digest and self.order.override and "." in tag):
                self._put_news({tag: digest}, since)
            elif there != digest:
                self._check_undisputed(tag, digest, there)

    def _put_manifest(self, digest: Digest, tags: Sequence[str], since: datetime | None = None) -> None:
        manifest = self._payload(digest)
        self.work.confirm()
        named = ", ".join(tags) or str(digest)
        what = f"putting the manifest {self.order.destination}:{named}"
        place = self.order.destination
        try:
            self._at_destination(what, lambda: self.destination.put_manifest(place, manifest, tags, since))
        except Trouble as error:
            if isinstance(error.error, DigestInvalid):
                self.work.disputed.update(tags)
            raise
        self.work.journal.info(f"put {named}")

    def _payload(self, digest: Digest) -> FetchedManifest:
        kept = self._graph.payload(digest)
        if kept is not None:
            return kept
        repository = self.order.repository
        found = self._at_source(f"reading {repository}@{digest}", lambda: self.source.manifest(repository, digest))
        if found is None:
            raise Vanished(f"{repository}@{digest} isn't at the source {self.source.name} any more")
        return found

    def _summary(self, lacking: Sequence[Digest]) -> str:
        self.work.advance(done=self.work.total - self.work.done)
        copied = f"copied: {len(lacking)} manifest(s), {size_words(self.work.sent)} sent"
        done = copied if lacking else "was there already"
        if not self._left or self.order.follows:  # an event has told of those
            return done
        without = f"without {', '.join(self._left)}"
        return f"{done}, {without}: moved or deleted at the source meanwhile, run the policy again"

    def _at_source(self, what: str, call: Callable[[], Value]) -> Value:
        return at(SOURCE, self.source, what, call)

    def _at_destination(self, what: str, call: Callable[[], Value]) -> Value:
        return at(DESTINATION, self.destination, what, call)


def resolved(destination: Site, repository: str, reference: Digest | str) -> Digest | None:
    """What the destination has under a reference."""
    found = unless_hidden(lambda: destination.resolve(repository, reference), None)
    return found.digest if found else None


def unless_hidden(ask: Callable[[], Value], otherwise: Value) -> Value:
    """The destination's answer; `otherwise` where it refuses to tell, as some do of a project that isn't there yet."""
    try:
        return ask()
    except OffLimits:
        raise  # it was never asked
    except (Denied, NameUnknown, Unauthorized):
        return otherwise


def at(side: str, site: Site, what: str, call: Callable[[], Value]) -> Value:
    """The call's value; an error of the registry's comes as Trouble, which names the side."""
    try:
        return call()
    except RegistryError as error:
        raise Trouble(side, site.name, what, error) from error


def _all(pool: Executor, call: Callable[..., bool], things: Sequence[object]) -> list[bool]:
    """Answers in the order of `things`. After the first failure what hasn't begun is dropped, and the rest waited for:
    nothing goes on behind the back of the one who failed."""
    futures = [pool.submit(call, thing) for thing in things]
    failure: BaseException | None = None
    results: list[bool] = []
    for future in futures:
        if failure is not None and future.cancel():
            continue
        try:
            results.append(future.result())
        except BaseException as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return results
