"""The two sides of a replication: this installation, or a registry elsewhere. Planning and copying know no more of them
than this."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from oci.client import FetchedManifest
from oci.digest import Digest
from oci.upload import Upload
from replication.adapters.base import Listed

Source = Callable[[int], Iterator[bytes]]
"""Opens content at an offset."""


class Stream(Protocol):
    """Content on its way, piece by piece."""

    def __iter__(self) -> Iterator[bytes]: ...

    def __next__(self) -> bytes: ...

    def close(self) -> None: ...


class Found(NamedTuple):
    """A manifest behind a reference."""

    digest: Digest
    media_type: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """A blob on its way: what it is, how its content is had, and whom to tell how far it is."""

    digest: Digest
    size: int
    source: Source
    progress: Callable[[Upload], None]
    at: Upload | None = None
    chunk: int | None = None


class Site(Protocol):
    """A registry, read and written by full names of repositories. Thread-safe.

    What fails is one of `oci.errors`. What isn't there is None, False or nothing.
    """

    @property
    def name(self) -> str:
        """For people."""

    @property
    def endpoint(self) -> int | None:
        """Of the row; None: this installation."""

    @property
    def is_quick(self) -> bool:
        """Whether it is asked for many tags more quickly than it lists them."""

    # Lists

    def repositories(self, patterns: Sequence[str]) -> Iterator[str]:
        """Names that may match all of the patterns; more than do."""

    def artifacts(self, repository: str) -> Iterator[Listed] | None:
        """All artifacts with their tags, few calls for many; None: each tag has to be asked for."""

    def tags(self, repository: str) -> Iterator[str]: ...

    # Manifests

    def resolve(self, repository: str, reference: Digest | str) -> Found | None: ...

    def tags_on(self, repository: str, expected: Mapping[str, Digest]) -> Mapping[str, Digest | None]:
        """What each of these tags is on; quickest where it is what is expected."""

    def manifest(self, repository: str, reference: Digest | str) -> FetchedManifest | None: ...

    def referrers(self, repository: str, digest: Digest) -> Iterator[Digest]: ...

    def has_none_referring(self, repository: str, some: Digest) -> bool:
        """Whether one question makes certain that nothing refers to anything in the repository; `some` is there."""

    def belongings(self, repository: str, digests: Collection[Digest]) -> Mapping[str, Digest]:
        """Tags that say by their names that they belong to one of these manifests, and what they are on."""

    def tagged(self, repository: str, tags: Sequence[str]) -> Mapping[str, datetime]:
        """When these tags were put where they are, at whichever site that was first; of those that it knows of."""

    def put_manifest(
        self, repository: str, manifest: FetchedManifest, tags: Sequence[str], since: datetime | None = None
    ) -> None:
        """Under its digest, or under all these tags. What it names is there. `since`: see `tagged`; then a site that
        knows of one that was put elsewhere later refuses, see `oci.tagged`."""

    # Blobs

    def has_blob(self, repository: str, digest: Digest) -> bool: ...

    def has_blobs(self, repository: str, digests: Sequence[Digest]) -> Mapping[Digest, bool]:
        """Of many at once, what can be told quickly: the others have to be asked for. See `held`."""

    def read(self, repository: str, digest: Digest, offset: int) -> Stream:
        """Close it where it isn't read to its end."""

    def holders(self, digest: Digest) -> list[str]:
        """Repositories that a blob may be mounted from."""

    def mount(self, repository: str, digest: Digest, source: str) -> bool: ...

    def receive(self, repository: str, parcel: Parcel) -> None:
        """Store a blob. An exception of the source goes through, and leaves what came where it can be taken up."""

    # Places

    def is_public(self, repository: str) -> bool: ...

    def prepare(self, repository: str, *, public: Callable[[], bool]) -> None:
        """Make what has to be there before anything comes to the repository. `public` is asked only where that is
        made."""

    def has_later(self, repository: str, reference: str, at: datetime) -> bool:
        """Whether a tag, or by its digest an artifact, is known to have been put there after a moment."""

    def delete(self, repository: str, reference: str) -> None:
        """A tag, or by its digest an artifact."""

    def abort(self) -> None:
        """End all calls that go on, from another thread."""


def held(site: Site, repository: str, digests: Sequence[Digest], pool: Executor) -> set[Digest]:
    """Those of these blobs that the repository has."""
    told = site.has_blobs(repository, digests)
    others = [digest for digest in digests if digest not in told]
    asked = zip(others, pool.map(lambda digest: site.has_blob(repository, digest), others), strict=True)
    return {digest for digest, there in [*told.items(), *asked] if there}
