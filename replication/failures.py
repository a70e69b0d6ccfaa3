"""What went wrong at a task, for people: at which side, what it answered, and what can be done about it."""

from __future__ import annotations

import logging
from typing import Self

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError

from oci.digest import Digest
from oci.download import Corrupt
from oci.errors import (
    BlobUnknown,
    Denied,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    PreconditionFailed,
    RegistryError,
    SizeInvalid,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unknown,
    Unsupported,
)
from oci.transport import Lasting, OffLimits
from replication.errors import ReplicationError
from replication.journal import plain

SOURCE, DESTINATION = "source", "destination"

logger = logging.getLogger(__name__)


class TagElsewhere(DigestInvalid):
    """A destination took a manifest under a tag, and says that the tag is on something else."""

    @classmethod
    def told(cls, digest: Digest, repository: str, tag: str, there: Digest | None) -> Self:
        now = f"on {there}" if there else "unknown"
        return cls(f"it took {digest} as {repository}:{tag}, and says that the tag is {now}")


# Worth another attempt: what may be otherwise a moment later. An answer of 4xx mostly isn't.
_TRANSIENT = (Unavailable, TooManyRequests, Unknown, BlobUnknown, ManifestBlobUnknown)
_ONCE_MORE = 2  # attempts at what a second look at the same bytes may cure

_ADVICE: tuple[tuple[type[RegistryError], str], ...] = (
    (Unauthorized, "check the endpoint's credential: that it isn't expired, and that its account may do this there"),
    (OffLimits, "an administrator may allow it: replication_local_addresses"),
    (Denied, "check what the endpoint's account may do there, and the room of the project"),
    (PreconditionFailed, "a rule of the project there forbids it: change the rule, or the policy's filters"),
    (TooManyRequests, "it limits how often it is asked: run the policy less often, or with a speed limit"),
    (
        TagElsewhere,
        "see what moves that tag there, or answers in its place: another client, a cache, a proxy",
    ),
    (DigestInvalid, "the content differs from its digest: compare it at both sides, and push it again at the source"),
    (NameInvalid, "choose a destination namespace, or flattening, that gives a name it takes"),
    (NameUnknown, "make the project or repository there, or choose another destination namespace"),
    (ManifestInvalid, "it doesn't take this kind of artifact: narrow the policy's filters"),
    (SizeInvalid, "it takes no content of this size"),
    (Unsupported, "it doesn't offer this"),
    (Unavailable, "see whether the registry is up, has room, and can be reached from the workers"),
)


class Trouble(Exception):
    """An error with the side where it came up; `name` is the side's, `what` was tried there."""

    def __init__(self, side: str, name: str, what: str, error: RegistryError) -> None:
        self.side, self.name, self.what, self.error = side, name, what, error
        super().__init__(str(self))

    def __str__(self) -> str:
        answer = f"{self.error.message.rstrip('.')} ({self.error.code})"
        advice = next((f": {words}" for kind, words in _ADVICE if isinstance(self.error, kind)), "")
        return f"{self.side} {self.name}: {self.what}: {answer}{advice}"


class Vanished(Exception):
    """The source has the artifact no longer, or a part of it; the words say what."""


def told(error: Exception, deed: str) -> str:
    """What to tell people of it. An error of this program is logged besides, as one of the `deed`."""
    if is_of_database(error):
        return "the database was away"
    if isinstance(error, Trouble | Vanished | RegistryError | ReplicationError):
        return plain(str(error))
    logger.error("Replication: %s failed", deed, exc_info=error)
    return plain(f"an error of this program: {type(error).__name__}: {error}")


def is_of_database(error: Exception) -> bool:
    """Whether it is the database's absence, which is never a task's fault."""
    return isinstance(error, OperationalError | InterfaceError | InternalError)


def is_worth_retrying(error: Exception, failures: int) -> bool:
    """Whether another attempt may end otherwise."""
    if isinstance(error, DatabaseError | InterfaceError):
        return True
    if not isinstance(error, Trouble):
        return False
    if isinstance(error.error, DigestInvalid | SizeInvalid | ManifestUnknown | NameUnknown | Corrupt):
        return failures < _ONCE_MORE
    return isinstance(error.error, _TRANSIENT) and not isinstance(error.error, Lasting)


def seconds_asked(error: Exception) -> float | None:
    """How long the other side asked to be left alone (Retry-After)."""
    asked = getattr(getattr(error, "error", None), "retry_after", None)
    return float(asked) if asked else None
