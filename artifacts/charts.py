"""Helm charts: what is in their archive (values, readme, dependencies), read as a stranger's work."""

from __future__ import annotations

from typing import Any

import yaml

from artifacts.archives import ArchiveRefused, files

CONTENT = ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip")  # Helm 3.7 on, and before
_LONGEST = 256 * 1024  # bytes of YAML that is read
_DEEPEST = 16
_MOST = 500  # dependencies, or tags of one
_TEXT = 2048  # characters of one value
_TEXTS = ("name", "version", "repository", "condition", "alias")
# All it makes of a value is text, whatever that looks like.
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def file(archive: bytes, name: str) -> bytes:
    """The file `name` (in lower case) of the chart itself, not of one within it; empty where there is none."""
    return next((content for _, content in files(archive, {name}, below=1)), b"")


def dependencies(archive: bytes) -> list[dict[str, Any]]:
    """The charts that this one needs, with Helm's fields: by Chart.yaml, or by requirements.yaml as charts of version 1
    have them. Raises ArchiveRefused."""
    wanted = {"chart.yaml", "requirements.yaml"}
    found: dict[str, bytes] = {}
    for name, content in files(archive, wanted, below=1):
        found.setdefault(name, content)
        if wanted <= found.keys():
            break
    for name in sorted(found):
        if listed := _listed(name, found[name]):
            return listed
    return []


def _listed(name: str, text: bytes) -> list[dict[str, Any]]:
    document = _read(name, text)
    entries = document.get("dependencies") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        return []
    if len(entries) > _MOST:
        raise ArchiveRefused(f"{name} names more than {_MOST} dependencies")
    return [_dependency(entry) for entry in entries if isinstance(entry, dict)]


def _dependency(entry: dict[Any, Any]) -> dict[str, Any]:
    """Name and repository are always there, as Helm writes them."""
    texts = {key: entry[key][:_TEXT] for key in _TEXTS if isinstance(entry.get(key), str) and entry[key]}
    found: dict[str, Any] = {"name": "", "repository": "", **texts}
    if tags := [tag[:_TEXT] for tag in _items(entry, "tags") if isinstance(tag, str)]:
        found["tags"] = tags
    if imports := [value for item in _items(entry, "import-values") if (value := _import(item))]:
        found["import-values"] = imports
    if entry.get("enabled") == "true":
        found["enabled"] = True
    return found


def _items(entry: dict[Any, Any], key: str) -> list[Any]:
    found = entry.get(key)
    return found[:_MOST] if isinstance(found, list) else []


def _import(item: object) -> str | dict[str, str] | None:
    """A value's name, or where it comes from and goes to."""
    if isinstance(item, str):
        return item[:_TEXT]
    if isinstance(item, dict):
        return {key: str(item[key])[:_TEXT] for key in ("child", "parent") if isinstance(item.get(key), str)}
    return None


def _read(name: str, text: bytes) -> Any:
    if len(text) > _LONGEST:
        raise ArchiveRefused(f"{name} is {len(text)} bytes, more than {_LONGEST}")
    try:
        _check(name, text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506  a loader that makes nothing but text, lists and mappings
    except (yaml.YAMLError, ValueError) as error:
        raise ArchiveRefused(f"{name} is no YAML") from error


def _check(name: str, text: bytes) -> None:
    """Refuse deep nesting, which is read by recursion, and aliases: a few lines of them stand for gigabytes."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise ArchiveRefused(f"{name} has YAML aliases, which aren't read here")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ArchiveRefused(f"{name} is nested too deep")
