"""The shapes of content that a registry must take, each made anew when asked for."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from tests.flows.content import (
    OCI_CONFIG,
    OCI_LAYER_FOREIGN,
    OCI_LAYER_FOREIGN_GZIP,
    OCI_MANIFEST,
    Content,
    Descriptor,
    image_config,
)
from tests.flows.wire import digest_of

KIND_A = "application/vnd.example.roadstead.signature.v1"
KIND_B = "application/vnd.example.roadstead.sbom.v1"
MANIFEST_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True)
class Shape:
    name: str
    make: Callable[[], Content]
    subject: bool = False
    # Tags of content named by sha512 can be given with the `tag` parameter alone: a PUT by tag means sha256.
    tagged: bool = True


def _image() -> Content:
    return _with(lambda c: c.add_image()).tag("image")


def _with(fill: Callable[[Content], object], algorithm: str = "sha256") -> Content:
    content = Content(algorithm)
    fill(content)
    return content


def _uncompressed() -> Content:
    return _with(lambda c: c.add_image(compressed=False)).tag("plain")


def _no_layers() -> Content:
    return _with(lambda c: c.add_image(layers=0)).tag("bare")


def _data_field() -> Content:
    return _with(lambda c: c.add_image(inline=True)).tag("inline")


def _large_manifest() -> Content:
    """Just under 4 MiB of manifest: annotations fill what the rest leaves."""
    notes = {f"org.example.filler.{place}": "F" * 9_000 for place in range(460)}
    content = Content()
    content.add_image(extra={"annotations": notes})
    assert MANIFEST_LIMIT - 100_000 < len(content.top.payload) < MANIFEST_LIMIT
    return content.tag("large")


def index(content: Content) -> None:
    content.add_index([content.add_image(architecture=name) for name in ("amd64", "arm64")])


def _index() -> Content:
    return _with(index).tag("index")


def _nested_index() -> Content:
    content = Content()
    index(content)
    first = content.top
    index(content)
    content.add_index([first, content.top])
    return content.tag("nested")


def _empty_index() -> Content:
    return _with(lambda c: c.add_index([], annotations={"org.example.nonce": os.urandom(8).hex()})).tag("empty")


def _artifact() -> Content:
    return _with(lambda c: c.add_artifact(KIND_A)).tag("artifact")


def _artifact_without_layers() -> Content:
    nonce = {"annotations": {"org.example.nonce": os.urandom(8).hex()}}
    return _with(lambda c: c.add_artifact(KIND_A, layer=b"{}", **nonce)).tag("hollow")


def _artifact_index() -> Content:
    return _with(lambda c: c.add_index([c.add_artifact(KIND_A), c.add_artifact(KIND_A)], artifactType=KIND_A)).tag(
        "set"
    )


def _notes() -> dict[str, str]:
    return {"org.example.note": "carried into the referrers list", "org.example.nonce": os.urandom(8).hex()}


def _artifacts_with_subject() -> Content:
    """An image, an image that refers to it (its type is its config's), and two artifacts of different kinds."""
    content = Content()
    subject = content.add_image().descriptor
    content.tag("subject")
    content.add_image(extra={"subject": subject})
    content.add_artifact(KIND_A, subject=subject, annotations=_notes())
    content.tag("signature")
    content.add_artifact(KIND_B, subject=subject, annotations=_notes())
    return content.tag("sbom")


def _index_with_subject() -> Content:
    content = Content()
    index(content)
    subject = content.top.descriptor
    content.tag("subject")
    children = [content.add_artifact(KIND_A), content.add_artifact(KIND_A)]
    content.add_index(children, artifactType=KIND_A, subject=subject, annotations=_notes())
    return content.tag("signatures")


def missing_subject() -> Descriptor:
    return {"mediaType": OCI_MANIFEST, "digest": digest_of(os.urandom(32)), "size": 321}


def _missing_subject() -> Content:
    return _with(lambda c: c.add_artifact(KIND_A, subject=missing_subject(), annotations=_notes())).tag("early")


def _foreign_layers() -> Content:
    """Two layers that live elsewhere and were never pushed, and one of our own."""
    content = Content()
    layer, diff_id = content.add_layer()
    foreign = [_elsewhere(OCI_LAYER_FOREIGN), _elsewhere(OCI_LAYER_FOREIGN_GZIP)]
    config = image_config([each["digest"] for each in foreign] + [diff_id])
    content.add_manifest(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": content.add_blob(repr(config).encode(), OCI_CONFIG),
            "layers": [*foreign, layer],
        }
    )
    return content.tag("foreign")


def _elsewhere(media_type: str) -> Descriptor:
    digest = hashlib.sha256(os.urandom(32)).hexdigest()
    url = f"https://layers.example.com/{digest}"
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": 77_777, "urls": [url]}


def _custom_fields() -> Content:
    content = Content()
    extra = {"org.example.unknown": {"nonce": os.urandom(8).hex(), "list": [1, 2.5, None]}}
    children = [content.add_image(architecture=name, extra=extra) for name in ("amd64", "arm64")]
    content.add_index(children, **extra)
    return content.tag("custom")


def _sha512() -> Content:
    return _with(index, "sha512")


SHAPES = [
    Shape("image", _image),
    Shape("image-uncompressed", _uncompressed),
    Shape("image-no-layers", _no_layers),
    Shape("image-data-field", _data_field),
    Shape("image-large-manifest", _large_manifest),
    Shape("image-foreign-layers", _foreign_layers),
    Shape("index", _index),
    Shape("index-nested", _nested_index),
    Shape("index-empty", _empty_index),
    Shape("artifact", _artifact),
    Shape("artifact-without-layers", _artifact_without_layers),
    Shape("artifact-index", _artifact_index),
    Shape("artifacts-with-subject", _artifacts_with_subject, subject=True),
    Shape("index-with-subject", _index_with_subject, subject=True),
    Shape("missing-subject", _missing_subject, subject=True),
    Shape("custom-fields", _custom_fields),
    Shape("sha512", _sha512, tagged=False),
]
TAGGED = [shape for shape in SHAPES if shape.tagged]
WITH_SUBJECT = [shape for shape in SHAPES if shape.subject]
