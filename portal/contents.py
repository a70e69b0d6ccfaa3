"""What an artifact is made of, read for its page: layers with the commands that made them, config, the manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from artifacts import configs
from artifacts.models import Manifest
from oci import manifest as oci_manifest
from oci.errors import ManifestInvalid, Unavailable

_MOST = 300  # layers, steps or texts that a page shows
_LONGEST = 4000  # characters of one text
_LARGEST = 200_000  # characters of a manifest


@dataclass(frozen=True, slots=True)
class Step:
    """What made a layer, or changed the config alone (then there is no layer)."""

    command: str
    digest: str = ""
    size: int | None = None
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    steps: list[Step] = field(default_factory=list)
    settings: list[tuple[str, list[str]]] = field(default_factory=list)
    labels: list[tuple[str, str]] = field(default_factory=list)
    annotations: list[tuple[str, str]] = field(default_factory=list)
    created: str = ""
    author: str = ""
    text: str = ""
    cut: bool = False
    is_away: bool = False  # the store doesn't answer: what the config says is missing


def read(artifact: Manifest) -> Content:
    """All of it. One read of the store, of the config."""
    payload = bytes(artifact.payload)
    text = _pretty(payload)
    document, is_away = {}, False
    try:
        document = configs.read(artifact)
    except Unavailable:
        is_away = True
    config = _mapping(document.get("config"))
    return Content(
        steps=_steps(artifact, document),
        settings=_settings(config),
        labels=_texts(config.get("Labels")),
        annotations=_texts(artifact.annotations),
        created=_text(document.get("created")),
        author=_text(document.get("author")),
        text=text[:_LARGEST],
        cut=len(text) > _LARGEST,
        is_away=is_away,
    )


def platform(told: object) -> str:
    """`linux/arm64/v8`; "" where nothing is told."""
    found = _mapping(told)
    names = [found.get(name) for name in ("os", "architecture", "variant")]
    return "/".join(str(name)[:40] for name in names if name)


def _steps(artifact: Manifest, document: Mapping[str, Any]) -> list[Step]:
    """image-spec "history": entries that aren't empty go with the layers, in order."""
    try:
        layers = list(oci_manifest.parse(bytes(artifact.payload), artifact.media_type).layers)
    except ManifestInvalid:  # a rule of today's that wasn't one when it was pushed
        layers = []
    steps, remaining = [], iter(layers)
    for entry in configs.history(dict(document))[:_MOST]:
        made = None if entry.get("empty_layer") is True else next(remaining, None)
        steps.append(_step(_text(entry.get("created_by") or entry.get("comment")), made))
    return [*steps, *(_step("", layer) for layer in list(remaining)[:_MOST])]


def _step(command: str, layer: oci_manifest.Descriptor | None) -> Step:
    if layer is None:
        return Step(command)
    return Step(command, str(layer.digest), layer.size, layer.media_type)


def _settings(config: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """What a container is started with (image-spec "config"), as far as it is said."""
    found = []
    for name in ("Entrypoint", "Cmd", "User", "WorkingDir", "Env", "ExposedPorts", "Volumes", "StopSignal"):
        value = config.get(name)
        lines = list(value) if isinstance(value, list | dict) else [value] if value else []
        if lines:
            found.append((name, [_text(line) for line in lines[:_MOST]]))
    return found


def _texts(found: object) -> list[tuple[str, str]]:
    return [(_text(name), _text(value)) for name, value in list(_mapping(found).items())[:_MOST]]


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _text(found: object) -> str:
    text = found if isinstance(found, str) else "" if found is None else json.dumps(found, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _pretty(payload: bytes) -> str:
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except ValueError:
        return payload.decode(errors="replace")
