"""What a policy selects of one repository at the source, as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice

from artifacts import kinds
from oci import manifest as oci_manifest
from oci.digest import Digest
from oci.errors import ManifestInvalid, NameUnknown
from replication.adapters.base import Listed
from replication.filters import Filters
from replication.sites import Found, Site

_TAGS = 200  # looked up at once


@dataclass(slots=True)
class Candidate:
    """An artifact that is selected, with those of its tags that are. `key` is its place in the list. `has_referrers`
    None: not known. `text` is for the task that it may become."""

    key: str
    digest: Digest
    tags: tuple[str, ...]
    kind: str = "image"
    size: int = 0
    has_referrers: bool | None = None
    media_type: str = ""
    text: str = ""


def candidates(
    site: Site, repository: str, filters: Filters, pool: Executor, *, after: str = ""
) -> Iterator[Candidate]:
    """Those behind the place `after`; all of them where that isn't in the list any more."""
    found = _all(site, repository, filters, pool)
    if not after:
        return found
    return _behind(after, found, lambda: _all(site, repository, filters, pool))


def _behind(after: str, found: Iterator[Candidate], again: Callable[[], Iterator[Candidate]]) -> Iterator[Candidate]:
    for each in found:
        if each.key == after:
            yield from found
            return
    yield from again()


def _all(site: Site, repository: str, filters: Filters, pool: Executor) -> Iterator[Candidate]:
    try:
        listed = site.artifacts(repository)
        if listed is None:
            yield from _by_tags(site, repository, filters, pool)
        else:
            yield from (each for one in listed if (each := _selected(one, filters)) is not None)
    except NameUnknown:
        return


def _selected(listed: Listed, filters: Filters) -> Candidate | None:
    tags = filters.taken_tags(listed.tags)
    if tags is None or not filters.takes_labels(listed.labels) or not filters.takes_kind(listed.kind):
        return None
    kind = listed.kind.lower() or "image"
    digest = Digest.parse(listed.digest)
    return Candidate(listed.digest, digest, tags, kind, listed.size, listed.has_referrers)


def selected(listed: Iterable[Listed], filters: Filters) -> Iterator[Candidate]:
    """Those of a list that the filters select."""
    return (each for one in listed if (each := _selected(one, filters)) is not None)


def _by_tags(site: Site, repository: str, filters: Filters, pool: Executor) -> Iterator[Candidate]:
    """A registry that only lists tags is asked for each that is selected; what has no tag isn't found."""
    if not filters.takes_labels(()):
        return  # it knows no labels
    wanted = (tag for tag in site.tags(repository) if filters.taken_tags([tag]) is not None)
    while some := list(islice(wanted, _TAGS)):
        found = list(pool.map(lambda tag: site.resolve(repository, tag), some))
        grouped = _grouped(zip(some, found, strict=True))
        types = list(pool.map(lambda each: _kind(site, repository, each, filters), grouped))
        for candidate, kind in zip(grouped, types, strict=True):
            candidate.kind = kind.lower()
            if filters.takes_kind(kind):
                yield candidate


def _grouped(tagged: Iterable[tuple[str, Found | None]]) -> list[Candidate]:
    """One for each digest, keyed by the last of its tags in these."""
    by_digest: dict[Digest, Candidate] = {}
    for tag, found in tagged:
        if found is None:
            continue  # deleted meanwhile
        before = by_digest.pop(found.digest, None)
        tags = (*before.tags, tag) if before else (tag,)
        by_digest[found.digest] = Candidate(tag, found.digest, tags, media_type=found.media_type)
    return list(by_digest.values())


def _kind(site: Site, repository: str, candidate: Candidate, filters: Filters) -> str:
    """Harbor's word for its type; looked for only where the filters ask for one."""
    if not filters.kind or candidate.media_type in oci_manifest.INDEX_TYPES:
        return kinds.IMAGE
    found = site.manifest(repository, candidate.digest)
    if found is None:
        return kinds.UNKNOWN
    try:
        parsed = oci_manifest.parse(found.payload, found.media_type)
    except ManifestInvalid:
        return kinds.UNKNOWN
    return kinds.kind_of(parsed.media_type, parsed.artifact_type)
