"""The config blob of an image: what it tells of the image, and how that was built."""

from __future__ import annotations

import json
from typing import Any

from artifacts import store
from artifacts.models import Blob, Manifest
from oci import manifest as oci_manifest
from oci.digest import Digest

_LIMIT = 4 * 1024 * 1024  # bytes; a config is some kilobytes
_SHOWN = ("architecture", "author", "config", "created", "os")


def read(manifest: Manifest) -> dict[str, Any]:
    """The config as JSON; empty where there is none, or none that can be read."""
    config = oci_manifest.parse(bytes(manifest.payload), manifest.media_type).config
    if config is None or not config.media_type.endswith("+json") or config.size > _LIMIT:
        return {}
    blob = Blob.objects.filter(digest=str(config.digest)).first()
    if blob is None:
        return {}
    payload = store.read_blob(Digest.parse(blob.canonical), _LIMIT)
    try:
        document = json.loads(payload or b"{}")
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def attributes(document: dict[str, Any]) -> dict[str, Any]:
    """What is worth showing beside the artifact."""
    return {name: document[name] for name in _SHOWN if name in document}


def history(document: dict[str, Any]) -> list[dict[str, Any]]:
    """image-spec "history": how each layer came to be, oldest first."""
    found = document.get("history")
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
