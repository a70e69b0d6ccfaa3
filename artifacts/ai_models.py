"""Models by CNCF's ModelPack specification: the files their layers hold, and the documents among them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from artifacts.archives import ArchiveRefused, files
from oci.manifest import Descriptor

README = frozenset({"readme", "readme.md"})
LICENSE = frozenset({"license", "license.txt", "license.md"})
_DOCUMENT = re.compile(r"application/vnd\.(?:cncf|cnai)\.model\.doc\.v1\.(?:tar(?:\+gzip)?|raw)")
_PATH = ("org.cncf.model.filepath", "org.cnai.model.filepath")  # the second is what the first was called before
_DEEPEST = 32  # folders


def document(layers: Iterable[Descriptor], names: frozenset[str]) -> Descriptor | None:
    """The layer that holds the document of one of these names (in lower case), at the top of the model."""
    for layer in layers:
        if _DOCUMENT.fullmatch(layer.media_type) and _path(layer).lower() in names:
            return layer
    return None


def content(layer: Descriptor, payload: bytes) -> bytes:
    """The document that is the layer's only file. Raises ArchiveRefused."""
    if layer.media_type.endswith(".raw"):
        return payload
    found = next((text for _, text in files(payload, {_path(layer).lower()})), None)
    if found is None:
        raise ArchiveRefused(f"the layer doesn't hold {_path(layer)[:100]}")
    return found


def tree(layers: Iterable[Descriptor]) -> list[dict[str, Any]]:
    """The files of the model in their folders, as its layers' annotations name them."""
    root: dict[str, Any] = {}
    for layer in layers:
        parts = [part for part in _path(layer).split("/") if part not in {"", ".", ".."}]
        if not 0 < len(parts) <= _DEEPEST:
            continue
        folder = root
        for part in parts[:-1]:
            inner = folder.setdefault(part, {})
            if not isinstance(inner, dict):  # a file of that name
                break
            folder = inner
        else:
            folder.setdefault(parts[-1], layer.size)
    return _listed(root)


def _listed(folder: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "type": "directory", "children": _listed(inner)}
        if isinstance(inner, dict)
        else {"name": name, "type": "file", "size": inner}
        for name, inner in sorted(folder.items())
    ]


def _path(layer: Descriptor) -> str:
    return next((layer.annotations[key] for key in _PATH if key in layer.annotations), "")
