"""What differs from one vendor's registry to another's, and how a registry without anything of its own is served."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from oci.client import RegistryClient
from oci.credential import AnyCredential, BearerToken, Credential, IdentityToken
from oci.digest import Digest
from oci.errors import NameInvalid, Unauthorized, Unavailable
from oci.vendor import JsonApi
from replication.names import Sought, sought

IDENTITY = "<token>"  # the name that docker keeps identity tokens under
PREPARED = 60.0  # seconds for which what was made before a push is taken to be there
Choices = Mapping[str, str]  # URLs of endpoints, by the names that are shown for them


@dataclass(frozen=True, slots=True)
class Access:
    """How a registry is reached, with its secret opened. `private`: it may be on this machine, or its link."""

    url: str
    access_key: str = ""
    secret: str = field(default="", repr=False)
    insecure: bool = False
    ca: str = ""  # PEM
    private: bool = False
    tries: int = 4
    timeout: float = 30.0  # seconds of silence


@dataclass(frozen=True, slots=True)
class Info:
    """What there is to know of a kind of registry before one is set up.

    `endpoints` are the URLs to choose from; where `fixed` there are no others. `access_key` is given where all have
    the same, and `secret_file` says that the secret is the content of a file. `components`: how many components a
    repository's name may have as a destination, at least and at most.
    """

    kind: str
    description: str
    endpoints: Choices = field(default_factory=dict)
    fixed: bool = False
    access_key: str = ""
    secret_file: bool = False
    labels: bool = False
    components: tuple[int, int] = (1, 255)


class Listed(NamedTuple):
    """An artifact as a vendor lists it. `size` in bytes, 0 if it isn't told; `kind` is Harbor's word for its type, ""
    if it isn't told. `has_referrers` None: not told. `labels` are names."""

    digest: str
    tags: tuple[str, ...]
    labels: tuple[str, ...] = ()
    kind: str = ""
    size: int = 0
    has_referrers: bool | None = None


class Adapter:
    """One registry. Not bound to a thread; `close` it. Everything may raise `oci.errors`.

    A subclass has its `info`, and overrides what its vendor does otherwise.
    """

    info: ClassVar[Info]

    def __init__(self, access: Access) -> None:
        self.access = access
        self._prepared: dict[str, float] = {}
        self._made: list[RegistryClient | JsonApi] = []

    @cached_property
    def client(self) -> RegistryClient:
        """The registry itself, by the distribution specification."""
        return self.registry_client(self.access.url, self.credential)

    @property
    def credential(self) -> AnyCredential | None:
        """As docker has them: a name and a password, or under the name `<token>` an identity token. A secret without a
        name is a token that the registry takes as it is."""
        access = self.access
        if access.access_key == IDENTITY:
            return IdentityToken(access.secret)
        if access.access_key:
            return Credential(access.access_key, access.secret)
        return BearerToken(access.secret) if access.secret else None

    def registry_client(self, url: str, credential: AnyCredential | None) -> RegistryClient:
        with _usable(url):
            made = RegistryClient(url, credential=credential, **self._reach)
        self._made.append(made)
        return made

    def vendor_api(
        self, url: str, *, credential: AnyCredential | None = None, headers: Mapping[str, str] | None = None
    ) -> JsonApi:
        """An API of the vendor's own, reached by the same rules as the registry."""
        with _usable(url):
            made = JsonApi(url, credential=credential, headers=headers, **self._reach)
        self._made.append(made)
        return made

    @property
    def _reach(self) -> dict[str, Any]:
        access = self.access
        return {
            "insecure": access.insecure,
            "ca": access.ca,
            "private": access.private,
            "proxied": True,
            "tries": access.tries,
            "timeout": access.timeout,
            "connect_timeout": min(access.timeout, 10.0),
        }

    def close(self) -> None:
        for each in self._made:
            each.close()

    def abort(self) -> None:
        """From another thread: whatever goes on raises Unavailable at once, and so does all that follows."""
        for each in list(self._made):
            each.abort()

    def check(self) -> None:
        """Raises one of `oci.errors`, in words for people, unless the registry answers, and to this credential."""
        try:
            self.client.ping()
        except Unauthorized:
            if self.access.access_key or self.access.secret:
                raise

    def repositories(self, patterns: Sequence[str]) -> Iterator[str]:
        """The names of repositories that may match all of `patterns` (doublestar); one that isn't there is no harm."""
        where = sought(patterns)
        return filter(where.may_be, self.catalog(where)) if where.names is None else iter(where.names)

    def catalog(self, where: Sought) -> Iterator[str]:
        """The names of repositories that there are, of those sought at least. NameInvalid where the vendor's list needs
        more to be told."""
        del where
        return self.client.catalog()

    def artifacts(self, repository: str) -> Iterator[Listed] | None:
        """All artifacts of the repository with their tags, few calls for many; None where the vendor can't, and each
        tag has to be asked for."""
        del repository
        return None

    def labels(self) -> list[str]:
        """The names of the labels that filters can choose from; where the vendor has labels."""
        return []

    def holders(self, digest: str) -> list[str]:
        """Repositories that are known to hold a blob, to mount it from; some of them."""
        del digest
        return []

    def is_public(self, repository: str) -> bool:
        """Whether anybody may pull from there, as far as the vendor tells."""
        del repository
        return False

    def prepare(self, repository: str, *, public: bool) -> None:
        """Make what has to be there before a push: a project, a repository. NameInvalid for a name that can't be."""
        least, most = self.info.components
        count = repository.count("/") + 1
        if not least <= count <= most:
            wanted = f"{least}" if least == most else f"at least {least}" if count < least else f"at most {most}"
            raise NameInvalid(f"{repository} has {count} components, and {self.info.kind} takes {wanted}")
        home = self.home_of(repository)
        if self._prepared.get(home, 0.0) < time.monotonic():
            self.make_home(repository, public=public)
            self._prepared[home] = time.monotonic() + PREPARED

    def home_of(self, repository: str) -> str:
        """What `make_home` makes: for many repositories the same."""
        return repository.partition("/")[0]

    def make_home(self, repository: str, *, public: bool) -> None:
        """See `prepare`. Nothing if it is there."""

    def put_at(self, repository: str, reference: str) -> datetime | None:
        """When a tag was put where it is, or by a digest when the artifact or one of its tags came; where the vendor
        tells."""
        del repository, reference
        return None

    def delete(self, repository: str, reference: str) -> None:
        """Take away a tag, or by a digest the artifact with all its tags. Nothing if it isn't there."""
        if ":" in reference:
            self.client.delete_manifest(repository, Digest.parse(reference))
        else:
            self.delete_tag(repository, reference)

    def delete_tag(self, repository: str, tag: str) -> None:
        self.client.delete_tag(repository, tag)


@contextmanager
def _usable(url: str) -> Iterator[None]:
    """Of an address that a vendor may have named."""
    try:
        yield
    except ValueError as error:
        raise Unavailable(f"{url[:200]!r} is no address of a registry") from error


def by_digest(tagged: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """The tags on each digest, of pairs of a tag and its digest."""
    found: dict[str, list[str]] = {}
    for tag, digest in tagged:
        found.setdefault(digest, []).append(tag)
    return {digest: tuple(tags) for digest, tags in found.items()}
