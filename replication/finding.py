"""What a policy selects of one repository at the source, as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice

from artifacts import kinds
from oci import manifest as oci_manifest
from oci.digest import Digest
from oci.errors import ManifestInvalid, NameUnknown
from replication.adapters.base import Listed
from replication.filters import Filters
from replication.sites import Site

_TAGS = 800  # looked up at once
_PART = 200  # of them by each thread
NOTHING = Digest("sha256", "0" * 64)  # that no tag is on


@dataclass(slots=True)
class Candidate:
    """An artifact that is selected, with those of its tags that are. `key` is its place in the list. `has_referrers`
    None: not known. `kind` is empty where it wasn't told. `text` is for the task that it may become."""

    key: str
    digest: Digest
    tags: tuple[str, ...]
    kind: str = ""
    size: int = 0
    has_referrers: bool | None = None
    text: str = ""


Expected = Callable[[Sequence[str]], Mapping[str, Digest]]
"""What some tags are likely to be on."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where to look: a repository of a site, with threads to look by."""

    site: Site
    repository: str
    pool: Executor
    expected: Expected = lambda _: {}


def candidates(shelf: Shelf, filters: Filters, *, after: str = "") -> Iterator[Candidate]:
    """What is selected of a repository, from behind the place `after`; all where that isn't in the list any more."""
    found = _all(shelf, filters)
    if not after:
        return found
    return _behind(after, found, lambda: _all(shelf, filters))


def _behind(after: str, found: Iterator[Candidate], again: Callable[[], Iterator[Candidate]]) -> Iterator[Candidate]:
    for each in found:
        if each.key == after:
            yield from found
            return
    yield from again()


def _all(shelf: Shelf, filters: Filters) -> Iterator[Candidate]:
    try:
        listed = shelf.site.artifacts(shelf.repository)
        if listed is None:
            yield from _by_tags(shelf, filters)
        else:
            found = (each for one in listed if (each := _selected(one, filters)) is not None)
            yield from (each for each in found if _is_of_kind(shelf, each, filters))
    except NameUnknown:
        return


def _selected(listed: Listed, filters: Filters) -> Candidate | None:
    """By all but the kind, where that isn't told."""
    tags = filters.taken_tags(listed.tags)
    if tags is None or not filters.takes_labels(listed.labels):
        return None
    if listed.kind and not filters.takes_kind(listed.kind):
        return None
    kind = listed.kind.lower()
    digest = Digest.parse(listed.digest)
    return Candidate(listed.digest, digest, tags, kind, listed.size, listed.has_referrers)


def selected(listed: Iterable[Listed], filters: Filters) -> Iterator[Candidate]:
    """Those of a list that the filters select."""
    return (each for one in listed if (each := _selected(one, filters)) is not None)


def _by_tags(shelf: Shelf, filters: Filters) -> Iterator[Candidate]:
    """A registry that only lists tags is asked for each that is selected; what has no tag isn't found."""
    if not filters.takes_labels(()):
        return  # it knows no labels
    wanted = (tag for tag in shelf.site.tags(shelf.repository) if filters.taken_tags([tag]) is not None)
    while some := list(islice(wanted, _TAGS)):
        for candidate in _grouped(_on(shelf, some)):
            if _is_of_kind(shelf, candidate, filters):
                yield candidate


def _on(shelf: Shelf, tags: Sequence[str]) -> Iterator[tuple[str, Digest | None]]:
    """Each tag with what it is on, asked for in parts by several threads."""
    expected = shelf.expected(tags)
    parts = [tags[start : start + _PART] for start in range(0, len(tags), _PART)]

    def ask(part: Sequence[str]) -> Mapping[str, Digest | None]:
        return shelf.site.tags_on(shelf.repository, {tag: expected.get(tag, NOTHING) for tag in part})

    for part, found in zip(parts, shelf.pool.map(ask, parts), strict=True):
        yield from ((tag, found.get(tag)) for tag in part)


def _grouped(tagged: Iterable[tuple[str, Digest | None]]) -> list[Candidate]:
    """One for each digest, keyed by the last of its tags in these."""
    by_digest: dict[Digest, Candidate] = {}
    for tag, digest in tagged:
        if digest is None:
            continue  # deleted meanwhile
        before = by_digest.pop(digest, None)
        tags = (*before.tags, tag) if before else (tag,)
        by_digest[digest] = Candidate(tag, digest, tags)
    return list(by_digest.values())


def _is_of_kind(shelf: Shelf, candidate: Candidate, filters: Filters) -> bool:
    """Whether the filters take its type, which is looked up where it wasn't told and they ask for one."""
    if filters.kind and not candidate.kind:
        candidate.kind = _kind(shelf, candidate.digest).lower()
        return filters.takes_kind(candidate.kind)
    return True


def _kind(shelf: Shelf, digest: Digest) -> str:
    """Harbor's word for its type."""
    found = shelf.site.manifest(shelf.repository, digest)
    try:
        parsed = oci_manifest.parse(found.payload, found.media_type) if found else None
    except ManifestInvalid:
        parsed = None
    return kinds.kind_of(parsed.media_type, parsed.artifact_type) if parsed else kinds.UNKNOWN
