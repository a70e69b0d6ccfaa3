"""The config blob of an artifact: what it tells is kept beside the manifest from the push on, and its history read."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from math import isinf
from typing import Any

from artifacts import store
from artifacts.kinds import IMAGE, kind_of
from artifacts.models import Blob, Manifest
from oci import manifest as oci_manifest
from oci.client import BlobInfo
from oci.digest import Digest
from oci.errors import ManifestInvalid, Unavailable

_LIMIT = 4 * 1024 * 1024  # bytes; a config is some kilobytes
_KEPT = 16 * 1024  # characters of JSON that are kept of one: a list shows a hundred of them
_OF_AN_IMAGE = ("architecture", "author", "created", "os", "config")  # what is shown; of another kind, all there is
_EMPTY = "application/vnd.oci.empty.v1+json"
_DEEPEST = 64
_BATCH = 100
_SECONDS = 10.0  # that `read_missing` goes on for


def read(manifest: Manifest) -> dict[str, Any]:
    """The config as JSON; empty where there is none, or none that can be read. Raises Unavailable."""
    try:
        parsed = oci_manifest.parse(bytes(manifest.payload), manifest.media_type)
    except ManifestInvalid:  # a rule of today's that wasn't one when it was pushed
        return {}
    if parsed.config is None:
        return {}
    rows = Blob.objects.filter(digest=str(parsed.config.digest)).values_list("digest", "canonical", "size")
    located = {Digest.parse(digest): BlobInfo(Digest.parse(canonical), size) for digest, canonical, size in rows}
    return _document(parsed.config, located)


def told_by(parsed: oci_manifest.Manifest, located: Mapping[Digest, BlobInfo]) -> dict[str, Any] | None:
    """What the config tells of an artifact that is being pushed; None while the store is away."""
    if parsed.config is None:
        return {}
    try:
        return _shown(_document(parsed.config, located), kind_of(parsed.media_type, parsed.artifact_type))
    except Unavailable:
        return None


def told_of(manifest: Manifest) -> dict[str, Any]:
    """What the config tells of an artifact; where it wasn't read yet and the store is away, nothing."""
    if manifest.attributes is None:
        try:
            return _told(manifest)
        except Unavailable:
            return {}
    found: dict[str, Any] = manifest.attributes
    return found


def history(document: dict[str, Any]) -> list[dict[str, Any]]:
    """image-spec "history": how each layer came to be, oldest first."""
    found = document.get("history")
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def read_missing(seconds: float = _SECONDS) -> int:
    """Read the configs of manifests that came in while the store was away, or before configs were kept; how many.

    Ends after so many seconds: there may be millions after an upgrade, and the next call goes on.
    """
    deadline, done = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        rows = list(Manifest.objects.filter(attributes__isnull=True).order_by("id")[:_BATCH])
        for row in rows:
            try:
                told = _told(row)
            except Unavailable:
                return done
            done += Manifest.objects.filter(pk=row.pk, attributes__isnull=True).update(attributes=told)
        if len(rows) < _BATCH:
            break
    return done


def _told(manifest: Manifest) -> dict[str, Any]:
    return _shown(read(manifest), kind_of(manifest.media_type, manifest.artifact_type))


def _document(config: oci_manifest.Descriptor, located: Mapping[Digest, BlobInfo]) -> dict[str, Any]:
    if not config.media_type.endswith("+json") or config.media_type == _EMPTY or config.digest not in located:
        return {}
    info = located[config.digest]
    payload = store.read_blob(info.digest, _LIMIT, size=info.size)
    try:
        document = _storable(json.loads(payload or b"{}", parse_constant=_refuse))
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _storable(value: Any, depth: int = _DEEPEST) -> Any:
    """`value` without what PostgreSQL's jsonb has no room for. ValueError for what is no number, or nested too deep."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode(errors="replace").decode()
    if isinstance(value, float) and isinf(value):
        raise ValueError("the number is too large")
    if not isinstance(value, dict | list):
        return value
    if not depth:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        return {_storable(key): _storable(item, depth - 1) for key, item in value.items()}
    return [_storable(item, depth - 1) for item in value]


def _shown(document: dict[str, Any], kind: str) -> dict[str, Any]:
    """Those fields that are worth showing beside an artifact, as far as there is room for them."""
    room, kept = _KEPT, {}
    for name in _OF_AN_IMAGE if kind == IMAGE else document:
        if name not in document:
            continue
        length = len(json.dumps({name: document[name]}))
        if length <= room:
            room -= length
            kept[name] = document[name]
    return kept
