"""What more an artifact tells, by Harbor's names: how an image was built, what is in a chart or a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from artifacts import ai_models, charts, configs, store
from artifacts.archives import PACKED, ArchiveRefused
from artifacts.kinds import CHART, IMAGE, MODEL, kind_of
from artifacts.models import Blob, Manifest
from oci import manifest as oci_manifest
from oci.digest import Digest

_JSON, _TEXT, _MARKDOWN = "application/json; charset=utf-8", "text/plain; charset=utf-8", "text/markdown; charset=utf-8"


class AdditionUnsupported(Exception):
    """Artifacts of this kind have no such addition."""


class AdditionUnknown(Exception):
    """This artifact doesn't have it, though others of its kind do."""


@dataclass(frozen=True, slots=True)
class Addition:
    content: bytes
    media_type: str


def names(media_type: str, artifact_type: str) -> tuple[str, ...]:
    """The additions of an artifact of these types."""
    return tuple(_READERS.get(_kind(media_type, artifact_type), {}))


def read(manifest: Manifest, name: str) -> Addition:
    """One addition. Raises AdditionUnsupported, AdditionUnknown, ArchiveRefused, Unavailable."""
    kind = _kind(manifest.media_type, manifest.artifact_type)
    reader = _READERS.get(kind, {}).get(name)
    if reader is None:
        raise AdditionUnsupported(f"addition {name} isn't supported for {kind or 'an index'}")
    return reader(manifest)


def _kind(media_type: str, artifact_type: str) -> str:
    """The kind; "" for an index, which is nothing but its parts."""
    return "" if media_type in oci_manifest.INDEX_TYPES else kind_of(media_type, artifact_type)


def _json(found: Any) -> Addition:
    return Addition(json.dumps(found).encode(), _JSON)


def _history(manifest: Manifest) -> Addition:
    return _json(configs.history(configs.read(manifest)))


def _values(manifest: Manifest) -> Addition:
    return Addition(charts.file(_chart(manifest), "values.yaml"), _TEXT)


def _chart_readme(manifest: Manifest) -> Addition:
    return Addition(charts.file(_chart(manifest), "readme.md"), _MARKDOWN)


def _dependencies(manifest: Manifest) -> Addition:
    return _json(charts.dependencies(_chart(manifest)))


def _files(manifest: Manifest) -> Addition:
    return _json(ai_models.tree(_layers(manifest)))


def _model_readme(manifest: Manifest) -> Addition:
    return Addition(_document(manifest, ai_models.README), _MARKDOWN)


def _license(manifest: Manifest) -> Addition:
    return Addition(_document(manifest, ai_models.LICENSE), _TEXT)


_READERS: Mapping[str, Mapping[str, Callable[[Manifest], Addition]]] = {
    IMAGE: {"build_history": _history},
    CHART: {"values.yaml": _values, "readme.md": _chart_readme, "dependencies": _dependencies},
    MODEL: {"readme.md": _model_readme, "license": _license, "files": _files},
}


def _layers(manifest: Manifest) -> tuple[oci_manifest.Descriptor, ...]:
    return oci_manifest.parse(bytes(manifest.payload), manifest.media_type).layers


def _chart(manifest: Manifest) -> bytes:
    """The chart's archive as it is stored."""
    for layer in _layers(manifest):
        if layer.media_type in charts.CONTENT:
            return _blob(layer.digest)
    raise AdditionUnknown("the artifact holds no chart")


def _document(manifest: Manifest, wanted: frozenset[str]) -> bytes:
    layer = ai_models.document(_layers(manifest), wanted)
    if layer is None:
        raise AdditionUnknown("the model doesn't have it")
    return ai_models.content(layer, _blob(layer.digest))


def _blob(digest: Digest) -> bytes:
    """A layer's bytes; ArchiveRefused for more than is read at once."""
    row = Blob.objects.filter(digest=str(digest)).first()
    if row is not None and row.size > PACKED:
        raise ArchiveRefused(f"the layer is {row.size} bytes, more than {PACKED}")
    found = store.read_blob(Digest.parse(row.canonical), PACKED, size=row.size) if row else None
    if found is None:
        raise AdditionUnknown("the layer's data isn't there")
    return found
