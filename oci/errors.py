"""The errors a registry can answer with, each with its OCI code and HTTP status.

RegistryError
├── BlobUnknown                  404  BLOB_UNKNOWN
├── BlobUploadInvalid            400  BLOB_UPLOAD_INVALID
├── BlobUploadUnknown            404  BLOB_UPLOAD_UNKNOWN
├── DigestInvalid                400  DIGEST_INVALID
├── ManifestBlobUnknown          400  MANIFEST_BLOB_UNKNOWN
├── ManifestInvalid              400  MANIFEST_INVALID
│   └── TagInvalid               400  TAG_INVALID
├── ManifestUnknown              404  MANIFEST_UNKNOWN
├── NameInvalid                  400  NAME_INVALID
├── NameUnknown                  404  NAME_UNKNOWN
├── SizeInvalid                  400  SIZE_INVALID
│   └── ManifestTooLarge         413  SIZE_INVALID
├── Unauthorized                 401  UNAUTHORIZED
├── Denied                       403  DENIED
├── Unsupported                  405  UNSUPPORTED
├── TooManyRequests              429  TOOMANYREQUESTS
├── PreconditionFailed           412  PRECONDITION
├── RangeInvalid                 416  RANGE_INVALID
├── PaginationNumberInvalid      400  PAGINATION_NUMBER_INVALID
├── Unavailable                  503  UNAVAILABLE
│   └── Failed                   500  UNKNOWN
└── Unknown                      500  UNKNOWN

Codes are those of the distribution specification 1.1 ("Error Codes") and, where it has none, of the Docker Registry
HTTP API V2; PRECONDITION is Harbor's, for what a project's rules forbid.
"""

import json
from typing import ClassVar


class RegistryError(Exception):
    """What went wrong, in words that may be shown to the client; `detail` is anything JSON can carry."""

    code: ClassVar[str] = "UNKNOWN"
    status: ClassVar[int] = 500
    default: ClassVar[str] = "unknown error"

    retry_after: float | None = None
    """Seconds after which another registry wants to be asked again, where it said so."""

    def __init__(self, message: str = "", detail: object | None = None) -> None:
        self.message = message or self.default
        self.detail = detail
        super().__init__(self.message)


class BlobUnknown(RegistryError):
    code, status, default = "BLOB_UNKNOWN", 404, "blob unknown to registry"


class BlobUploadInvalid(RegistryError):
    code, status, default = "BLOB_UPLOAD_INVALID", 400, "blob upload invalid"


class BlobUploadUnknown(RegistryError):
    code, status, default = "BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry"


class DigestInvalid(RegistryError):
    code, status, default = "DIGEST_INVALID", 400, "provided digest did not match uploaded content"


class ManifestBlobUnknown(RegistryError):
    code, status, default = "MANIFEST_BLOB_UNKNOWN", 400, "manifest references a manifest or blob unknown to registry"


class ManifestInvalid(RegistryError):
    code, status, default = "MANIFEST_INVALID", 400, "manifest invalid"


class TagInvalid(ManifestInvalid):
    code, status, default = "TAG_INVALID", 400, "tag invalid"


class ManifestUnknown(RegistryError):
    code, status, default = "MANIFEST_UNKNOWN", 404, "manifest unknown to registry"


class NameInvalid(RegistryError):
    code, status, default = "NAME_INVALID", 400, "invalid repository name"


class NameUnknown(RegistryError):
    code, status, default = "NAME_UNKNOWN", 404, "repository name not known to registry"


class SizeInvalid(RegistryError):
    code, status, default = "SIZE_INVALID", 400, "provided length did not match content length"


class ManifestTooLarge(SizeInvalid):
    code, status, default = "SIZE_INVALID", 413, "manifest too large"


class Unauthorized(RegistryError):
    code, status, default = "UNAUTHORIZED", 401, "authentication required"


class Denied(RegistryError):
    code, status, default = "DENIED", 403, "requested access to the resource is denied"


class Unsupported(RegistryError):
    code, status, default = "UNSUPPORTED", 405, "the operation is unsupported"


class TooManyRequests(RegistryError):
    code, status, default = "TOOMANYREQUESTS", 429, "too many requests"


class PreconditionFailed(RegistryError):
    code, status, default = "PRECONDITION", 412, "a rule of the project forbids it"


class RangeInvalid(RegistryError):
    code, status, default = "RANGE_INVALID", 416, "invalid content range"


class PaginationNumberInvalid(RegistryError):
    code, status, default = "PAGINATION_NUMBER_INVALID", 400, "invalid number of results requested"


class Unavailable(RegistryError):
    code, status, default = "UNAVAILABLE", 503, "the registry is not available at the moment, try again"


class Failed(Unavailable):
    """It answers, and fails at what it was asked for, as with a full disk. On the wire that is Unknown."""

    code, status = "UNKNOWN", 500
    default = "the registry failed at this; its storage may be full: its log says why"


class Unknown(RegistryError):
    code, status, default = "UNKNOWN", 500, "unknown error"


def as_json(error: RegistryError) -> bytes:
    """The error as the body the distribution specification asks for: {"errors": [{code, message, detail?}]}."""
    entry: dict[str, object] = {"code": error.code, "message": error.message}
    if error.detail is not None:
        entry["detail"] = error.detail
    return json.dumps({"errors": [entry]}, default=str).encode("ascii")


KINDS: tuple[type[RegistryError], ...] = (
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    TagInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    SizeInvalid,
    ManifestTooLarge,
    Unauthorized,
    Denied,
    Unsupported,
    TooManyRequests,
    PreconditionFailed,
    RangeInvalid,
    PaginationNumberInvalid,
    Unavailable,
    Unknown,
    Failed,
)
"""Every kind of error, for the tables that must know them all."""


AWAY = frozenset({502, 503, 504})
"""Statuses by which a registry or a gateway in front of it says that it can't answer, whatever it is asked."""


def from_answer(status: int, code: str, message: str = "", detail: object | None = None) -> RegistryError:
    """The error that another registry's answer means: its code counts, else its status; its 5xx is Unavailable, and
    Failed unless that says that it is away."""
    if status >= Unknown.status:
        kind = Unavailable if status in AWAY else Failed
        return kind(f"the registry behind this one answered {status}")
    kinds = [kind for kind in KINDS if kind.code == code] or [kind for kind in KINDS if kind.status == status]
    if status == BlobUploadUnknown.status and BlobUploadInvalid in kinds:
        return BlobUploadUnknown(message, detail)  # Distribution's word for an upload that is gone
    exact = [kind for kind in kinds if kind.status == status]
    return (exact or kinds or [Unknown])[0](message, detail)
