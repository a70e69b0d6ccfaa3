"""Manifest documents to be changed by the tests that use them."""

import json
from typing import Any

from oci import manifest
from oci.digest import Digest
from oci.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor, parse

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY = "application/vnd.oci.empty.v1+json"
DELETED = object()


def digest(number: int, algorithm="sha256") -> str:
    return str(Digest.of(b"%d" % number, algorithm))


def descriptor(number: int = 0, media_type: str = LAYER, **fields: object) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(number), "size": 10, **fields}


def image(**fields: object) -> dict[str, Any]:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(1, CONFIG),
        "layers": [descriptor(2), descriptor(3)],
        **fields,
    }
    return {name: value for name, value in document.items() if value is not DELETED}


def index(**fields: object) -> dict[str, Any]:
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(1, OCI_MANIFEST)], **fields}
    return {name: value for name, value in document.items() if value is not DELETED}


def read(document: object, content_type: str | None = None) -> manifest.Manifest:
    if content_type is None:
        content_type = str(document["mediaType"]) if isinstance(document, dict) and "mediaType" in document else ""
    return parse(json.dumps(document).encode(), content_type)


def digests(descriptors: tuple[Descriptor, ...]) -> list[str]:
    return [str(each.digest) for each in descriptors]
