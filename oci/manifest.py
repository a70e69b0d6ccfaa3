"""Manifests as clients push them, read by the rules of image-spec 1.1 and Docker's image manifest version 2."""

import json
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from oci.digest import Digest
from oci.errors import DigestInvalid, ManifestInvalid, ManifestTooLarge

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
"""The artifact manifest of the image-spec 1.1 release candidates, withdrawn in 1.1.0; older ORAS clients push it."""
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"

IMAGE_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFEST_TYPES = IMAGE_TYPES | INDEX_TYPES | {OCI_ARTIFACT}
SCHEMA1_TYPES = frozenset({DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED})
FOREIGN_LAYER_TYPES = frozenset(
    {
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    }
)

SCHEMA_VERSION = 2
MAX_BYTES = 4 * 1024 * 1024
MAX_MEDIA_TYPE = 255
MAX_TOTAL_SIZE = 2**62
"""All sizes a manifest names together, bytes: a sum that fits a signed 64-bit column with room to spare."""

Platform = Mapping[str, str | tuple[str, ...]]

_SCHEMA1_REFUSED = (
    "manifests of schema 1 are not supported: push the image again with Docker 1.10 or newer, podman or buildah, "
    "or convert it with `skopeo copy --format v2s2`"
)
_MANIFEST_FIELDS = frozenset(
    {
        "schemaVersion",
        "mediaType",
        "artifactType",
        "config",
        "layers",
        "manifests",
        "blobs",
        "subject",
        "annotations",
        "fsLayers",
    }
)
_DESCRIPTOR_FIELDS = frozenset(
    {"mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"}
)
_FOLDED = {name.casefold(): name for name in _MANIFEST_FIELDS | _DESCRIPTOR_FIELDS}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Descriptor:
    """image-spec "Content Descriptors"; `data` is the base64 text as the client wrote it, not checked."""

    media_type: str
    digest: Digest
    size: int
    artifact_type: str = ""
    urls: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Platform | None = None
    data: str | None = None

    @property
    def is_foreign(self) -> bool:
        """Non-distributable: the registry need not hold it. `urls` alone don't make a layer foreign."""
        return self.media_type in FOREIGN_LAYER_TYPES

    @property
    def is_manifest(self) -> bool:
        """False for the blobs that some clients list in an index (BuildKit's cache export does)."""
        return self.media_type in MANIFEST_TYPES


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest of any kind; `artifact_type` is what the referrers API answers for it ("" when it has none)."""

    media_type: str
    artifact_type: str
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """What the repository must hold before this manifest: the config and the distributable layers, each once."""
        config = (self.config,) if self.config else ()
        return _once((*config, *(layer for layer in self.layers if not layer.is_foreign)))

    @property
    def children(self) -> tuple[Descriptor, ...]:
        """The entries of an index, as listed: one digest may stand under several platforms."""
        return self.manifests

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEX_TYPES


def parse(payload: bytes, content_type: str) -> Manifest:
    """The manifest in `payload`; `content_type` may carry parameters or be empty.

    Raises ManifestInvalid for all that is not a manifest this registry takes, and ManifestTooLarge.
    """
    if len(payload) > MAX_BYTES:
        raise ManifestTooLarge(f"manifest too large: {len(payload)} bytes, the limit is {MAX_BYTES}")
    declared = content_type.partition(";")[0].strip().lower()
    if declared in SCHEMA1_TYPES:
        raise ManifestInvalid(_SCHEMA1_REFUSED)
    document = _load(payload)
    media_type = _media_type_of(document, declared)
    if media_type == OCI_ARTIFACT:
        return _artifact(document)
    version = document.get("schemaVersion")
    if not isinstance(version, int) or version != SCHEMA_VERSION:
        raise ManifestInvalid("schemaVersion must be 2")
    return _index(document, media_type) if media_type in INDEX_TYPES else _image(document, media_type)


def _load(payload: bytes) -> dict[str, Any]:
    try:
        document = json.loads(payload.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except RecursionError as error:
        raise ManifestInvalid("the manifest is nested too deeply") from error
    except ValueError as error:  # not UTF-8, not JSON, or a number of thousands of digits
        raise ManifestInvalid("the manifest is not valid JSON") from error
    if not isinstance(document, dict):
        raise ManifestInvalid("the manifest is not a JSON object")
    _check_spelling(document, _MANIFEST_FIELDS)
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Parsers differ on which of two equal keys counts, so what one checks another may not run."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ManifestInvalid("the manifest has a field twice")
    return result


def _no_constant(name: str) -> NoReturn:
    raise ManifestInvalid(f"the manifest is not valid JSON: {name}")


def _check_spelling(fields: Mapping[str, Any], known: Container[str]) -> None:
    """Go's JSON reader takes `Layers` for `layers`: a client would follow a field that was never checked here."""
    for name in fields:
        meant = _FOLDED.get(name.casefold(), name)
        if meant != name and meant in known:
            raise ManifestInvalid(f"field {name[:_SHOWN]!r} must be spelled {meant!r}")


def _media_type_of(document: Mapping[str, Any], declared: str) -> str:
    """The type on which the Content-Type and the body agree; OCI lets the body be silent."""
    if document.get("schemaVersion") == 1:
        raise ManifestInvalid(_SCHEMA1_REFUSED)
    named = _text(document.get("mediaType") or "", "mediaType")
    if named in SCHEMA1_TYPES:
        raise ManifestInvalid(_SCHEMA1_REFUSED)
    if declared and named and declared != named:
        raise ManifestInvalid(f"mediaType {named[:_SHOWN]!r} is not the Content-Type {declared[:_SHOWN]!r}")
    media_type = declared or named
    if not media_type:
        raise ManifestInvalid("neither the Content-Type nor the manifest says its media type")
    if media_type not in MANIFEST_TYPES:
        raise ManifestInvalid(f"unsupported manifest media type {media_type[:_SHOWN]!r}")
    if not named and media_type not in {OCI_MANIFEST, OCI_INDEX}:
        raise ManifestInvalid(f"a manifest of type {media_type} must say so in mediaType")
    return media_type


def _image(document: Mapping[str, Any], media_type: str) -> Manifest:
    _refuse_fields(document, "manifests", "fsLayers")
    config = _descriptor(document.get("config"), "config")
    layers = _descriptors(document, "layers")
    _check_total((config, *layers))
    return Manifest(
        media_type=media_type,
        artifact_type=_artifact_type(document) or config.media_type,
        config=config,
        layers=layers,
        subject=_subject(document) if media_type == OCI_MANIFEST else None,
        annotations=_annotations(document),
    )


def _index(document: Mapping[str, Any], media_type: str) -> Manifest:
    _refuse_fields(document, "config", "layers", "fsLayers")
    manifests = _descriptors(document, "manifests")
    _check_total(manifests)
    return Manifest(
        media_type=media_type,
        artifact_type=_artifact_type(document),
        manifests=manifests,
        subject=_subject(document) if media_type == OCI_INDEX else None,
        annotations=_annotations(document),
    )


def _artifact(document: Mapping[str, Any]) -> Manifest:
    _refuse_fields(document, "config", "layers", "manifests", "fsLayers")
    blobs = _descriptors(document, "blobs") if "blobs" in document else ()
    _check_total(blobs)
    return Manifest(
        media_type=OCI_ARTIFACT,
        artifact_type=_artifact_type(document),
        layers=blobs,
        subject=_subject(document),
        annotations=_annotations(document),
    )


def _refuse_fields(document: Mapping[str, Any], *names: str) -> None:
    """A document that reads as an image and as an index too means different content to different clients
    (CVE-2021-41190)."""
    for name in names:
        if document.get(name) is not None:
            raise ManifestInvalid(f"a manifest of this media type must not have the field {name!r}")


def _descriptors(document: Mapping[str, Any], name: str) -> tuple[Descriptor, ...]:
    """A list of descriptors; `null` is how Go writes an empty one."""
    if name not in document:
        raise ManifestInvalid(f"field {name!r} is missing")
    values = _list(document[name], name)
    return tuple(_descriptor(value, f"{name}[{place}]") for place, value in enumerate(values))


def _descriptor(value: object, where: str) -> Descriptor:
    if not isinstance(value, dict):
        raise ManifestInvalid(f"{where} must be a descriptor")
    _check_spelling(value, _DESCRIPTOR_FIELDS)
    data = value.get("data")
    return Descriptor(
        media_type=_media_type(value.get("mediaType"), f"{where}.mediaType"),
        digest=_digest(value.get("digest"), where),
        size=_size(value.get("size"), where),
        artifact_type=_artifact_type(value, where),
        urls=tuple(_text(url, f"{where}.urls") for url in _list(value.get("urls"), f"{where}.urls")),
        annotations=_annotations(value, where),
        platform=_platform(value.get("platform"), where),
        data=None if data is None else _text(data, f"{where}.data"),
    )


def _digest(value: object, where: str) -> Digest:
    try:
        return Digest.parse(_text(value, f"{where}.digest"))
    except DigestInvalid as error:
        raise ManifestInvalid(f"{where}: {error.message}") from error


def _size(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_TOTAL_SIZE:
        raise ManifestInvalid(f"{where}.size must be a number of bytes")
    return value


def _check_total(descriptors: Iterable[Descriptor]) -> None:
    if sum(descriptor.size for descriptor in descriptors) > MAX_TOTAL_SIZE:
        raise ManifestInvalid("the sizes in the manifest add up to more than any registry can hold")


def _subject(document: Mapping[str, Any]) -> Descriptor | None:
    value = document.get("subject")
    return None if value is None else _descriptor(value, "subject")


def _platform(value: object, where: str) -> Platform | None:
    """The fields that image-spec "Image Index" defines; anything else a client put there is its own."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ManifestInvalid(f"{where}.platform must be an object")
    platform: dict[str, str | tuple[str, ...]] = {}
    for name in ("architecture", "os", "os.version", "variant"):
        if value.get(name) is not None:
            platform[name] = _text(value[name], f"{where}.platform.{name}")
    for name in ("os.features", "features"):
        if value.get(name) is not None:
            features = _list(value[name], f"{where}.platform.{name}")
            platform[name] = tuple(_text(feature, f"{where}.platform.{name}") for feature in features)
    return platform


def _annotations(fields: Mapping[str, Any], where: str = "manifest") -> dict[str, str]:
    value = fields.get("annotations")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ManifestInvalid(f"{where}.annotations must be an object of strings")
    what = f"{where}.annotations"
    return {_text(name, what): _text(text, what) for name, text in value.items()}


def _artifact_type(fields: Mapping[str, Any], where: str = "manifest") -> str:
    value = fields.get("artifactType")
    return _media_type(value, f"{where}.artifactType") if value not in (None, "") else ""


def _media_type(value: object, what: str) -> str:
    """Any printable text: registries must not judge what types clients invent."""
    text = _text(value, what)
    if not text or len(text) > MAX_MEDIA_TYPE or _CONTROL.search(text):
        raise ManifestInvalid(f"{what} must be a media type of up to {MAX_MEDIA_TYPE} characters")
    return text


def _text(value: object, what: str) -> str:
    """A string that a database can hold: JSON can spell NUL and lone surrogates, PostgreSQL takes neither."""
    if not isinstance(value, str) or _UNSTORABLE.search(value):
        raise ManifestInvalid(f"{what} must be a string")
    return value


def _list(value: object, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ManifestInvalid(f"{what} must be a list")
    return value


def _once(descriptors: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    found: dict[Digest, Descriptor] = {}
    for descriptor in descriptors:
        found.setdefault(descriptor.digest, descriptor)
    return tuple(found.values())
