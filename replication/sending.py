"""One blob comes to the destination: it is there, it is mounted, or it is sent, by one task at a time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from oci.digest import Digest
from oci.errors import DigestInvalid, RegistryError
from oci.reference import project_of
from oci.upload import Upload
from replication import transfers
from replication.failures import DESTINATION, SOURCE, Trouble
from replication.journal import size_words
from replication.limits import Limiter
from replication.sites import Parcel, Site
from replication.transfers import Claims, Grant, Hint
from replication.work import Work

if TYPE_CHECKING:
    from replication.copying import Order

MOUNTS = 5  # repositories that a mount is tried from
WORTH_ASKING = 64 * 1024  # bytes of a blob
_NOTED = 1.0  # seconds before and between notes of how far an upload is


def bring(shipment: Shipment, claims: Claims) -> bool:
    """Have a blob where it is to be that wasn't there a moment ago; False while another task is sending it to that
    site."""
    site, digest, order = shipment.destination, shipment.digest, shipment.order
    found: Grant | Hint | None = claims.of(digest)
    if isinstance(found, Hint):
        try:
            if how := _had(site, order.destination, digest, found.repository):
                return shipment.arrived(how)
        except RegistryError as error:
            raise Trouble(DESTINATION, site.name, f"looking up {order.destination}@{digest}", error) from error
        found = claims.again(digest, shipment.size, found)
    if found is None:
        return False
    shipment.run(found)
    transfers.done(site.endpoint, digest, shipment.work.claim)
    return True


def _had(site: Site, repository: str, digest: Digest, holder: str) -> str:
    """How it comes to be there, if `holder` has it as the rows say; nothing if not."""
    if holder == repository:
        return "is there" if site.has_blob(repository, digest) else ""
    return f"mounted from {holder}" if site.mount(repository, digest, holder) else ""


def _mounted(site: Site, repository: str, digest: Digest, holders: Sequence[str]) -> str | None:
    """The repository it was mounted from."""
    others = [name for name in holders if name != repository]
    others.sort(key=lambda name: project_of(name) != project_of(repository))  # in one's own project one may always
    return next((name for name in others[:MOUNTS] if site.mount(repository, digest, name)), None)


class Shipment:
    """A blob being sent."""

    def __init__(
        self, source: Site, destination: Site, order: Order, digest: Digest, size: int, *, work: Work, limiter: Limiter
    ) -> None:
        self.source, self.destination, self.order, self.work = source, destination, order, work
        self.digest, self.size, self._limiter = digest, size, limiter
        self._counted = 0  # bytes that the work counts as done
        self._sent = 0
        self._upload: Upload | None = None  # where it can be taken up
        self._noted: Upload | None = None
        self._noted_at = 0.0

    def arrived(self, how: str) -> bool:
        self._count(self.size)
        self.work.journal.info(f"{self.digest} {how}")
        return True

    def run(self, grant: Grant) -> None:
        """What is ours to bring: mounted from wherever it may be, or sent. Raises Trouble with the side that failed,
        and Halted."""
        at = Upload(*grant) if grant.location else None
        try:
            holder = self._mounted() if at is None else None
        except RegistryError as error:
            what = f"mounting {self.digest} in {self.order.destination}"
            raise Trouble(DESTINATION, self.destination.name, what, error) from error
        if holder is not None:
            self.arrived(f"mounted from {holder}")
        else:
            self._send(at)

    def _mounted(self) -> str | None:
        """What is small is sent as soon as its whereabouts are found out."""
        if self.size < WORTH_ASKING:
            return None
        holders = self.destination.holders(self.digest)
        return _mounted(self.destination, self.order.destination, self.digest, holders)

    def _send(self, at: Upload | None) -> None:
        began = self._noted_at = time.monotonic()
        parcel = Parcel(self.digest, self.size, self._open, self._progress, at=at, chunk=self.order.chunk)
        try:
            self._deliver(parcel)
        except BaseException:
            self._count(0)
            raise
        self._count(self.size)
        seconds = max(time.monotonic() - began, 0.001)
        rate = size_words(int(self._sent / seconds))
        self.work.journal.info(f"{self.digest} sent: {size_words(self._sent)} in {seconds:.1f} s, {rate}/s")

    def _deliver(self, parcel: Parcel) -> None:
        try:
            self.destination.receive(self.order.destination, parcel)
        except RegistryError as error:
            raise self._blamed(error) from error

    def _open(self, offset: int) -> Iterator[bytes]:
        """The source's bytes from `offset` on, at the policy's speed; its errors come as Trouble of the source."""
        self._count(offset)
        if offset:
            self.work.journal.info(f"{self.digest}: going on from {size_words(offset)}")
        what = f"reading {self.order.repository}@{self.digest}"
        try:
            stream = self.source.read(self.order.repository, self.digest, offset)
            with closing(stream):
                for piece in self._limiter.paced(stream):
                    yield piece
                    self._note()
                    self._sent += len(piece)
                    self._count(self._counted + len(piece))
                    self.work.advance(sent=len(piece))
                    self.work.check()
        except RegistryError as error:
            raise Trouble(SOURCE, self.source.name, what, error) from error

    def _count(self, done: int) -> None:
        self.work.advance(done=done - self._counted)
        self._counted = done

    def _progress(self, upload: Upload) -> None:
        self._upload = upload
        self._note()

    def _note(self) -> None:
        """Now and then note where it can be taken up: what takes less than a second is sent anew."""
        now, upload = time.monotonic(), self._upload
        if upload is None or upload == self._noted or now - self._noted_at < _NOTED:
            return
        self._noted, self._noted_at = upload, now
        transfers.note(
            self.destination.endpoint, self.digest, self.work.claim, location=upload.location, offset=upload.offset
        )

    def _blamed(self, error: RegistryError) -> Trouble:
        """Whose fault it is that the digest doesn't fit: the source's bytes tell."""
        what = f"sending {self.digest} to {self.order.destination}"
        if isinstance(error, DigestInvalid) and not self._source_is_right():
            wrong = DigestInvalid(f"its content of {self.digest} has another digest")
            return Trouble(SOURCE, self.source.name, f"reading {self.order.repository}@{self.digest}", wrong)
        return Trouble(DESTINATION, self.destination.name, what, error)

    def _source_is_right(self) -> bool:
        hasher, size = hashlib.new(self.digest.algorithm), 0
        for piece in self._open(0):
            hasher.update(piece)
            size += len(piece)
        return hasher.hexdigest() == self.digest.hex and size == self.size
