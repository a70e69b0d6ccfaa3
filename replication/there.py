"""A registry elsewhere as a side of a replication: its adapter for what is the vendor's own, its client otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from oci import tagged
from oci.client import FetchedManifest, RegistryClient
from oci.digest import Digest
from oci.errors import Denied, DigestInvalid, Unauthorized, Unsupported
from oci.listing import REPOSITORY, TAG
from oci.reference import MAX_NAME
from oci.referrers import BELONGING, tags_of
from replication.adapters import Adapter
from replication.adapters.base import Listed
from replication.failures import TagElsewhere
from replication.journal import plain
from replication.models import Endpoint
from replication.sites import Found, Parcel, Stream

_MOST_TAGS = 5000  # looked through for those that belong to something; beyond that each is asked for
_REMEMBERED = 60.0  # seconds
_LONGEST_KIND, _LARGEST = 32, 2**50  # characters; bytes


class There:
    """See `replication.sites.Site`."""

    is_quick = False

    def __init__(self, endpoint: Endpoint, adapter: Adapter) -> None:
        self.endpoint = endpoint.pk
        self.name = endpoint.name
        self.is_ended = False  # it answers nothing any more
        self._is_plain = True  # it answers for itself whether it has blobs, and doesn't lead to a storage that does
        self._adapter = adapter
        self._prepared: dict[str, float] = {}
        self._belonging: dict[str, tuple[float, frozenset[str] | None]] = {}

    @property
    def _client(self) -> RegistryClient:
        return self._adapter.client

    def repositories(self, patterns: Sequence[str]) -> Iterator[str]:
        return (name for name in self._adapter.repositories(patterns) if _is_repository(name))

    def artifacts(self, repository: str) -> Iterator[Listed] | None:
        listed = self._adapter.artifacts(repository)
        return None if listed is None else (found for each in listed if (found := _sound(each)) is not None)

    def tags(self, repository: str) -> Iterator[str]:
        return self._client.tags(repository)

    def resolve(self, repository: str, reference: Digest | str) -> Found | None:
        info = self._client.head_manifest(repository, reference)
        return Found(info.digest, info.media_type) if info else None

    def tags_on(self, repository: str, expected: Mapping[str, Digest]) -> Mapping[str, Digest | None]:
        return self._client.tags_on(repository, expected)

    def manifest(self, repository: str, reference: Digest | str) -> FetchedManifest | None:
        return self._client.get_manifest(repository, reference)

    def referrers(self, repository: str, digest: Digest) -> Iterator[Digest]:
        return (descriptor.digest for descriptor in self._client.referrers(repository, digest))

    def has_none_referring(self, repository: str, some: Digest) -> bool:
        next(self._client.referrers(repository, some), None)
        return not self._client.has_referrers_api and not any(map(BELONGING.fullmatch, self.tags(repository)))

    def belongings(self, repository: str, digests: Collection[Digest]) -> Mapping[str, Digest]:
        names = [name for digest in digests for name in tags_of(digest)]
        there = self._belonging_tags(repository)
        found = {name: self.resolve(repository, name) for name in names if there is None or name in there}
        return {name: each.digest for name, each in found.items() if each}

    def _belonging_tags(self, repository: str) -> frozenset[str] | None:
        """The repository's tags that belong to something; None where it has too many tags to look through."""
        until, names = self._belonging.get(repository, (0.0, None))
        if time.monotonic() >= until:
            tags = list(islice(self.tags(repository), _MOST_TAGS + 1))
            some = frozenset(tag for tag in tags if BELONGING.fullmatch(tag))
            names = some if len(tags) <= _MOST_TAGS else None
            self._belonging = {repository: (time.monotonic() + _REMEMBERED, names)}
        return names

    def tagged(self, repository: str, tags: Sequence[str]) -> Mapping[str, datetime]:
        del repository, tags
        return {}

    def put_manifest(
        self, repository: str, manifest: FetchedManifest, tags: Sequence[str], since: datetime | None = None
    ) -> None:
        references: Sequence[Digest | str] = tags or [manifest.digest]
        headers = {tagged.HEADER: tagged.written(since)} if since else {}
        for reference in references:
            self._client.put_manifest(repository, reference, manifest.media_type, manifest.payload, **headers)
        for tag in tags:
            self._check(repository, tag, manifest.digest)
        self._belonging.pop(repository, None)

    def _check(self, repository: str, tag: str, digest: Digest) -> None:
        """What a registry took it answers with, under the digest that was sent."""
        found = self.resolve(repository, tag)
        if found is None or (found.digest.algorithm == digest.algorithm and found.digest != digest):
            raise TagElsewhere.told(digest, repository, tag, found.digest if found else None)

    def has_blob(self, repository: str, digest: Digest) -> bool:
        return self._client.head_blob(repository, digest) is not None

    def has_blobs(self, repository: str, digests: Sequence[Digest]) -> Mapping[Digest, bool]:
        if not digests or not self._is_plain:
            return {}
        told = self._client.blobs_there(repository, digests)
        self._is_plain = bool(told)
        return told

    def read(self, repository: str, digest: Digest, offset: int) -> Stream:
        # Not held against its digest here: the destination does so, and if it isn't content the bytes are looked at.
        return self._client.get_blob(repository, digest, offset, verify=False)

    def holders(self, digest: Digest) -> list[str]:
        return self._adapter.holders(str(digest))

    def mount(self, repository: str, digest: Digest, source: str) -> bool:
        try:
            return self._client.mount_blob(repository, digest, source)
        except (Denied, Unauthorized, Unsupported):
            return False  # of what may not be pulled there, a copy can be pushed all the same

    def receive(self, repository: str, parcel: Parcel) -> None:
        self._client.upload_blob(
            repository,
            parcel.digest,
            parcel.size,
            parcel.source,
            chunk=parcel.chunk,
            at=parcel.at,
            progress=parcel.progress,
        )

    def is_public(self, repository: str) -> bool:
        return self._adapter.is_public(repository)

    def prepare(self, repository: str, *, public: Callable[[], bool]) -> None:
        """Asked for once in a while: an artifact's task comes right after another's."""
        if time.monotonic() >= self._prepared.get(repository, 0.0):
            self._adapter.prepare(repository, public=public())
            self._prepared = {repository: time.monotonic() + _REMEMBERED}

    def has_later(self, repository: str, reference: str, at: datetime) -> bool:
        put_at = self._adapter.put_at(repository, reference)
        return put_at is not None and put_at > at

    def delete(self, repository: str, reference: str) -> None:
        self._adapter.delete(repository, reference)

    def abort(self) -> None:
        self.is_ended = True
        self._adapter.abort()

    def close(self) -> None:
        self._adapter.close()


def _is_repository(name: str) -> bool:
    return len(name) <= MAX_NAME and REPOSITORY.fullmatch(name) is not None


def _sound(listed: Listed) -> Listed | None:
    """What of it can be asked for and kept: a vendor's list may have anything in it."""
    try:
        Digest.parse(listed.digest)
    except DigestInvalid:
        return None
    tags = tuple(tag for tag in listed.tags if TAG.fullmatch(tag))
    if listed.tags and not tags:
        return None
    size = min(max(listed.size, 0), _LARGEST)
    return listed._replace(tags=tags, kind=plain(listed.kind)[:_LONGEST_KIND], size=size)
