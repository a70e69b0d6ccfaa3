"""What a policy's filters select, parsed once: by repository, tags, labels and type. Harbor's semantics."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oci.pattern import InvalidPattern, compiled
from replication.errors import InvalidPolicy

NAME, TAG, LABEL, RESOURCE = "name", "tag", "label", "resource"
MATCHES, EXCLUDES = "matches", "excludes"
IMAGE, CHART, ARTIFACT = "image", "chart", "artifact"
_ALL = "**"  # the empty text too, which a pattern of any characters wouldn't match
_TYPES = (NAME, TAG, LABEL, RESOURCE)
_KINDS = (IMAGE, CHART, ARTIFACT)
_MOST, _MOST_LABELS, _LONGEST_LABEL = 50, 100, 128


@dataclass(frozen=True, slots=True)
class Pattern:
    """A doublestar pattern; with `excludes` it is for whatever it doesn't match."""

    text: str
    excludes: bool = False

    def __post_init__(self) -> None:
        try:
            compiled(self.text)
        except InvalidPattern as error:
            raise InvalidPolicy(f"the filter {self.text[:60]!r} is no pattern: {error}") from error

    def takes(self, text: str) -> bool:
        matches = compiled(self.text).matches(text) or (self.text == _ALL and not text)
        return matches != self.excludes


@dataclass(frozen=True, slots=True)
class Labels:
    """An artifact has all of these labels; with `excludes`, not all of them."""

    names: frozenset[str]
    excludes: bool = False

    def takes(self, labels: Collection[str]) -> bool:
        return self.names.issubset(labels) != self.excludes


@dataclass(frozen=True, slots=True)
class Filters:
    """What has to be met all together. `kind` is image, chart, or "" for anything."""

    names: tuple[Pattern, ...] = ()
    tags: tuple[Pattern, ...] = ()
    labels: tuple[Labels, ...] = ()
    kind: str = ""

    @property
    def name_patterns(self) -> tuple[str, ...]:
        return tuple(each.text for each in self.names)

    def takes_repository(self, repository: str) -> bool:
        return all(each.takes(repository) for each in self.names)

    def taken_tags(self, tags: Sequence[str]) -> tuple[str, ...] | None:
        """Those of an artifact's tags that are selected; None if the artifact isn't.

        An artifact without a tag is matched as if it had an empty one.
        """
        if not tags:
            return () if all(each.takes("") for each in self.tags) else None
        return tuple(tag for tag in tags if all(each.takes(tag) for each in self.tags)) or None

    def takes_labels(self, labels: Collection[str]) -> bool:
        return all(each.takes(labels) for each in self.labels)

    def takes_kind(self, kind: str) -> bool:
        """`kind`: Harbor's word for the type of an artifact, as IMAGE."""
        return not self.kind or kind.lower() == self.kind


def parse(filters: Iterable[Mapping[str, Any]]) -> Filters:
    """Filters as Harbor writes them, [{type, value, decoration?}]. InvalidPolicy. An empty value selects everything."""
    given = list(filters)
    if len(given) > _MOST:
        raise InvalidPolicy(f"a policy has at most {_MOST} filters")
    found: dict[str, list[Any]] = {kind: [] for kind in _TYPES}
    for each in given:
        kind, value, excludes = _read(each)
        if value:
            found[kind].append(_made(kind, value, excludes=excludes))
    if len(set(found[RESOURCE])) > 1:
        raise InvalidPolicy("a policy has one filter of type resource")
    return Filters(
        names=tuple(found[NAME]),
        tags=tuple(found[TAG]),
        labels=tuple(found[LABEL]),
        kind=found[RESOURCE][0] if found[RESOURCE] else "",
    )


def _read(given: Mapping[str, Any]) -> tuple[str, Any, bool]:
    kind, value, decoration = given.get("type"), given.get("value"), given.get("decoration") or ""
    if kind not in _TYPES:
        raise InvalidPolicy(f"a filter's type is one of {', '.join(_TYPES)}")
    if decoration not in {"", MATCHES, EXCLUDES}:
        raise InvalidPolicy(f"a filter's decoration is {MATCHES} or {EXCLUDES}")
    if decoration and kind not in {TAG, LABEL}:
        raise InvalidPolicy("only filters of tags and labels have a decoration")
    return kind, value, decoration == EXCLUDES


def _made(kind: str, value: Any, *, excludes: bool) -> Pattern | Labels | str:
    if kind == LABEL:
        return Labels(frozenset(_label_names(value)), excludes)
    if not isinstance(value, str) or not value.isprintable():
        raise InvalidPolicy(f"the value of a filter of type {kind} is printable text")
    if kind != RESOURCE:
        return Pattern(value, excludes)
    if value not in _KINDS:
        raise InvalidPolicy(f"the value of a filter of type {RESOURCE} is one of {', '.join(_KINDS)}")
    return "" if value == ARTIFACT else value


def _label_names(value: Any) -> list[str]:
    names = value if isinstance(value, list) else []
    if not names or len(names) > _MOST_LABELS or not all(isinstance(name, str) and name for name in names):
        raise InvalidPolicy(f"the value of a filter of type {LABEL} is a list of up to {_MOST_LABELS} names")
    if any(len(name) > _LONGEST_LABEL or not name.isprintable() for name in names):
        raise InvalidPolicy(f"a label's name has up to {_LONGEST_LABEL} printable characters")
    return names
