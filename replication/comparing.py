"""What of a repository the destination lacks; what it has already needs no task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import TypeVar

from oci import manifest as oci_manifest
from oci.digest import Digest
from oci.errors import ManifestInvalid
from replication import connecting, graph
from replication.adapters.base import Listed
from replication.copying import at, resolved, unless_hidden
from replication.failures import DESTINATION, Vanished
from replication.finding import NOTHING, Candidate
from replication.graph import Graph
from replication.journal import size_words
from replication.sites import Site, held
from replication.work import Work

_MOST_KNOWN = 20_000  # artifacts of a repository at the destination that are kept in memory, if it lists them
_PART = 250  # artifacts asked for at once, by one thread
_MOST_SIZED = 200_000  # blobs that a dry run remembers to have counted

Value = TypeVar("Value")

There = dict[str, Digest | None]
"""Of an artifact, its tags at the destination and what they are on; of one without tags, its digest under ""."""
Asked = Iterator[There]
"""What the destination says of a batch, as it comes."""


@dataclass(slots=True)
class Compared:
    """`left`: artifacts that are left alone, because their tags are on something else."""

    differing: list[Candidate] = field(default_factory=list)
    unchanged: int = 0
    left: int = 0


class _Known:
    """What a repository at the destination has, as it listed it: tags with their digests."""

    def __init__(self, site: Site, repository: str) -> None:
        self.tags: dict[str, Digest] = {}
        self.digests: set[Digest] = set()
        self.is_whole = False
        some = unless_hidden(lambda: _some(site, repository), None)
        if some is None or len(some) > _MOST_KNOWN:
            return
        self.is_whole = True
        for each in some:
            digest = Digest.parse(each.digest)
            self.digests.add(digest)
            self.tags.update(dict.fromkeys(each.tags, digest))


def _some(site: Site, repository: str) -> list[Listed] | None:
    listed = site.artifacts(repository)
    return None if listed is None else list(islice(listed, _MOST_KNOWN + 1))


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared, and how. With `sizing`, what differs is sized exactly; `sized`: the blobs that were counted."""

    source: Site
    destination: Site
    work: Work
    override: bool
    sizing: bool = False
    pool: Executor = field(default_factory=connecting.threads)
    sized: set[Digest] = field(default_factory=set)


class Comparison:
    """Of a repository at the source with its counterpart at the destination, batch by batch."""

    def __init__(self, sides: Sides, repository: str, target: str) -> None:
        self.repository, self.target = repository, target
        self._sides, self._pool, self._work = sides, sides.pool, sides.work
        self._source, self._destination = sides.source, sides.destination
        self._listing: _Known | None = None
        self._unreferred: bool | None = None

    @property
    def _known(self) -> _Known:
        if self._listing is None:
            self._listing = _Known(self._destination, self.target)
        return self._listing

    def expected(self, tags: Sequence[str]) -> dict[str, Digest]:
        """What the destination has under these tags, where it was listed: the source may well have the same."""

        def known() -> Mapping[str, Digest | None]:
            if self._destination.is_quick:
                return self._destination.tags_on(self.target, dict.fromkeys(tags, NOTHING))
            return self._known.tags

        there = self._at_destination(known)
        return {tag: digest for tag in tags if (digest := there.get(tag)) is not None}

    def ask(self, batch: Sequence[Candidate]) -> Asked:
        """Have the destination asked for a batch in the background; `of` is what comes of it. Raises Trouble of it."""
        known = self._listed_whole()
        if known is not None:
            return self._pool.map(partial(self._listed, known), batch)
        parts = [batch[start : start + _PART] for start in range(0, len(batch), _PART)]
        return chain.from_iterable(self._pool.map(self._told, parts))

    def of(self, batch: Sequence[Candidate], asked: Asked) -> Compared:
        """Raises Trouble of the destination, and what the source does."""
        there = self._at_destination(lambda: list(asked))
        result = Compared()
        same: list[Candidate] = []
        for candidate, tags in zip(batch, there, strict=True):
            self._judge(candidate, tags, result, same)
        for candidate, complete in zip(same, self._completeness(same), strict=True):
            if complete:
                result.unchanged += 1
            else:
                result.differing.append(candidate)
        if self._sides.sizing:
            for candidate in result.differing:
                self._size(candidate)
        return result

    def _listed_whole(self) -> _Known | None:
        """All that the destination has, where it lists it and isn't asked as quickly."""
        if self._destination.is_quick:
            return None
        known = self._at_destination(lambda: self._known)
        return known if known.is_whole else None

    def _at_destination(self, call: Callable[[], Value]) -> Value:
        return at(DESTINATION, self._destination, f"looking up {self.target}", call)

    def _resolved(self, references: Iterable[Digest | str]) -> list[Digest | None]:
        """What the destination has under each of these."""
        asked = self._pool.map(partial(resolved, self._destination, self.target), references)
        return self._at_destination(lambda: list(asked))

    def _listed(self, known: _Known, candidate: Candidate) -> There:
        if candidate.tags:
            return {tag: known.tags.get(tag) for tag in candidate.tags}
        if candidate.digest in known.digests:
            return {"": candidate.digest}
        return {"": resolved(self._destination, self.target, candidate.digest)}  # some list only what has tags

    def _told(self, part: Sequence[Candidate]) -> list[There]:
        self._work.check()
        expected = {tag: candidate.digest for candidate in part for tag in candidate.tags}
        nothing: Mapping[str, Digest | None] = {}
        there = unless_hidden(lambda: self._destination.tags_on(self.target, expected), nothing)
        return [
            {tag: there.get(tag) for tag in candidate.tags}
            or {"": resolved(self._destination, self.target, candidate.digest)}
            for candidate in part
        ]

    def _judge(self, candidate: Candidate, there: There, result: Compared, same: list[Candidate]) -> None:
        differing = {tag for tag, digest in there.items() if digest != candidate.digest}
        taken = {tag for tag in differing if there[tag] is not None}
        if not differing:
            same.append(candidate)
        elif not self._sides.override and taken == differing:
            result.left += 1
            result.unchanged += 1
        else:
            result.differing.append(candidate)

    def _completeness(self, same: Sequence[Candidate]) -> list[bool]:
        """Whether all that refers to them is there too."""
        doubtful = [each for each in same if each.has_referrers is not False]
        if doubtful and self._unreferred is None:
            self._unreferred = self._source.has_none_referring(self.repository, doubtful[0].digest)
        if self._unreferred:
            return [True] * len(same)
        hanging = dict(zip(map(id, doubtful), self._pool.map(self._may_hang, doubtful), strict=True))
        return [not hanging.get(id(each), False) or self._is_whole(each) for each in same]

    def _may_hang(self, candidate: Candidate) -> bool:
        """Whether anything may refer to it, or to a part of it."""
        self._work.check()
        if candidate.has_referrers:
            return True
        found = self._source.resolve(self.repository, candidate.digest)
        if found is None or found.media_type in oci_manifest.INDEX_TYPES:
            return True
        if next(iter(self._source.referrers(self.repository, candidate.digest)), None) is not None:
            return True
        return bool(self._source.belongings(self.repository, [candidate.digest]))

    def _graph(self, candidate: Candidate) -> Graph:
        return graph.collect(self._source, self.repository, candidate.digest, self._pool, self._work.check)

    def _is_whole(self, candidate: Candidate) -> bool:
        try:
            found = self._graph(candidate)
        except (Vanished, ManifestInvalid):
            return False  # its task says so
        return None not in self._resolved([*found.nodes, *found.belongings])

    def _size(self, candidate: Candidate) -> None:
        """How many bytes would move, those of a blob once."""
        try:
            found = self._graph(candidate)
        except (Vanished, ManifestInvalid) as error:
            candidate.text = str(error)
            return
        there = zip(found.nodes, self._resolved(found.nodes), strict=True)
        lacking = [digest for digest, known in there if known is None]
        blobs = {blob: size for digest in lacking for blob, size in found.nodes[digest].blobs.items()}
        wanted = [blob for blob in blobs if blob not in self._sides.sized]
        has = self._at_destination(lambda: unless_hidden(lambda: self._held(wanted), set[Digest]()))
        absent = [blob for blob in wanted if blob not in has]
        if len(self._sides.sized) < _MOST_SIZED:
            self._sides.sized.update(wanted)
        candidate.size = sum(blobs[blob] for blob in absent) + sum(found.nodes[digest].size for digest in lacking)
        candidate.text = f"would be copied: {len(absent)} blob(s), {size_words(candidate.size)}"

    def _held(self, blobs: Sequence[Digest]) -> set[Digest]:
        return held(self._destination, self.target, blobs, self._pool)
