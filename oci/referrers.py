"""What refers to a manifest: how registries without a referrers API have it, and lists of referrers read.

Distribution-spec 1.1 "Listing Referrers" and "Referrers Tag Schema"; cosign's tags: its "Signature Specification".
"""

import re
from collections.abc import Iterator
from itertools import chain

from oci import listing, manifest
from oci.digest import Digest
from oci.errors import ManifestInvalid, ManifestUnknown, NameUnknown, RegistryError, Unavailable
from oci.manifest import Descriptor
from oci.session import Session
from oci.transport import Answer, Request, Transport

_OK = 200
_WITHOUT_API = frozenset({400, 404, 405, 501})

_MAX_HEX = 64  # of a tag that names a digest, as the specification cuts it
SUFFIXES = ("", ".sig", ".att", ".sbom")  # of the tags that belong to a digest: its list of referrers, and cosign's

BELONGING = re.compile(r"(sha256|sha512)-([0-9a-f]{64})(?:\.[a-z]+)?")
"""Such tags: the algorithm, and as much of the digest as they hold."""


def tag_of(digest: Digest) -> str:
    """The tag of the index that lists a manifest's referrers, where there is no API for it."""
    return f"{digest.algorithm}-{digest.hex[:_MAX_HEX]}"


def tags_of(digest: Digest) -> list[str]:
    """All tags by which something belongs to a manifest: its list of referrers, and cosign's signatures, attestations
    and SBOMs."""
    return [tag_of(digest) + suffix for suffix in SUFFIXES]


class Referrers:
    """The referrers that one registry lists. Remembers whether it has the API."""

    def __init__(self, transport: Transport, session: Session) -> None:
        self._transport = transport
        self._session = session
        self._has_api = True  # until the registry says otherwise

    @property
    def has_api(self) -> bool:
        """False once the registry has shown that it hasn't."""
        return self._has_api

    def by_api(self, request: Request) -> Iterator[tuple[Descriptor, ...]] | None:
        """Page by page; None when the registry has no such API."""
        if not self._has_api:
            return None
        pages = listing.pages(self._transport, self._page, request)
        try:
            first = next(pages)
        except RegistryError as error:
            if error.status not in _WITHOUT_API:
                raise
            self._has_api = isinstance(error, NameUnknown | ManifestUnknown)
            return None
        if first.media_type != manifest.OCI_INDEX:  # a page for people, perhaps
            self._has_api = False
            return None
        return (self.listed(page.payload) for page in chain([first], pages))

    def _page(self, request: Request) -> Answer:
        return self._session.call(request, {_OK}, limit=manifest.MAX_BYTES)

    def listed(self, payload: bytes) -> tuple[Descriptor, ...]:
        """The referrers in an index."""
        try:
            return manifest.parse(payload, manifest.OCI_INDEX).manifests
        except ManifestInvalid as error:
            raise Unavailable(
                f"the list of referrers of {self._transport.who} can't be read: {error.message}"
            ) from error
