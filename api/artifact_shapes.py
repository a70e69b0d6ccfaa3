"""Artifacts as Harbor shows them: a constant number of queries for a page of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict, cast

from django.db.models import F, Func, IntegerField
from rest_framework.request import Request

from api import places
from api.document import Moment
from api.labels import LabelShape, label_shape
from api.times import written
from artifacts import additions
from artifacts.kinds import accessory_of, kind_of
from artifacts.models import ArtifactLabel, Manifest, ManifestChild, Repository, Tag
from oci.manifest import DOCKER_LIST, OCI_INDEX
from projects import immutability

_INDEXES = (OCI_INDEX, DOCKER_LIST)
_LARGEST_INDEX = 64 * 1024  # bytes of an index that is read for its platforms in a list
_MOST = 1000  # labels or references that are shown beside one page of artifacts
_BESIDE_EACH, _BESIDE_ONE = 100, 1000  # tags or accessories beside each artifact of a page, and beside one alone


# The names are the image specification's, and one of them is no identifier.
PlatformShape = TypedDict(
    "PlatformShape",
    {
        "architecture": NotRequired[str],
        "os": NotRequired[str],
        "os.version": NotRequired[str],
        "os.features": NotRequired[list[str]],
        "variant": NotRequired[str],
    },
)


class _AboutChild(TypedDict):
    platform: NotRequired[PlatformShape]
    annotations: NotRequired[dict[str, str]]
    urls: NotRequired[list[str]]


class ReferenceShape(_AboutChild):
    parent_id: int
    child_id: int
    child_digest: str


class TagShape(TypedDict):
    id: int
    repository_id: int
    artifact_id: int
    name: str
    push_time: Moment
    pull_time: Moment
    immutable: bool


class AccessoryShape(TypedDict):
    id: int
    artifact_id: int
    subject_artifact_id: int
    subject_artifact_digest: str
    subject_artifact_repo: str
    size: int
    digest: str
    type: str
    icon: str
    creation_time: Moment


class AdditionLinkShape(TypedDict):
    href: str
    absolute: bool


class ArtifactShape(TypedDict):
    """`tags`, `labels` and `accessories` come when they are wanted."""

    id: int
    type: str
    media_type: str
    manifest_media_type: str
    artifact_type: str
    project_id: int
    repository_id: int
    repository_name: str
    digest: str
    size: int
    icon: str
    push_time: Moment
    pull_time: Moment
    annotations: dict[str, str]
    extra_attrs: dict[str, Any]
    references: list[ReferenceShape]
    tags: NotRequired[list[TagShape]]
    labels: NotRequired[list[LabelShape]]
    accessories: NotRequired[list[AccessoryShape]]
    inherited_accessories: NotRequired[list[AccessoryShape]]
    addition_links: dict[str, AdditionLinkShape]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client wants beside the artifacts: `with_tag` unless it says no, the others when it says yes."""

    tags: bool
    labels: bool
    accessories: bool
    inherited: bool = False

    @classmethod
    def of(cls, request: Request) -> Wanted:
        asked = request.query_params
        return cls(
            tags=asked.get("with_tag", "true").lower() not in {"false", "0"},
            labels=asked.get("with_label", "false").lower() in {"true", "1"},
            accessories=asked.get("with_accessory", "false").lower() in {"true", "1"},
            inherited=asked.get("with_inherited_accessory", "false").lower() in {"true", "1"},
        )


def shapes(rows: Sequence[Manifest], wanted: Wanted) -> list[ArtifactShape]:
    """The artifacts of one page, of one project, each with its `repository` read already."""
    ids = [row.pk for row in rows]
    each = _BESIDE_ONE if len(rows) == 1 else _BESIDE_EACH
    tags = _tags(rows, each) if wanted.tags else {}
    labels = _labels(ids) if wanted.labels else {}
    accessories = _accessories(ids, each) if wanted.accessories else {}
    inherited = _inherited(ids, each) if wanted.inherited else {}
    references = _references(rows)
    found = []
    for row in rows:
        shape = _shape(row)
        shape["references"] = references.get(row.pk, [])
        if wanted.tags:
            shape["tags"] = tags.get(row.pk, [])
        if wanted.labels:
            shape["labels"] = labels.get(row.pk, [])
        if wanted.accessories:
            shape["accessories"] = accessories.get(row.pk, [])
        if row.pk in inherited:
            shape["inherited_accessories"] = inherited[row.pk]
        found.append(shape)
    return found


def _shape(row: Manifest) -> ArtifactShape:
    return {
        "id": row.pk,
        "type": kind_of(row.media_type, row.artifact_type),
        "media_type": row.artifact_type or row.media_type,
        "manifest_media_type": row.media_type,
        "artifact_type": row.artifact_type,
        "project_id": row.project_id,
        "repository_id": row.repository_id,
        "repository_name": row.repository.name,
        "digest": row.digest,
        "size": row.size,
        "icon": "",
        "push_time": written(row.pushed_at),
        "pull_time": written(row.pulled_at),
        "annotations": row.annotations,
        "extra_attrs": row.attributes or {},
        "references": [],
        "addition_links": _links(row),
    }


def _links(row: Manifest) -> dict[str, AdditionLinkShape]:
    home = f"{places.path_of(row.repository.name)}/artifacts/{row.digest}"
    names = additions.names(row.media_type, row.artifact_type)
    return {name: {"href": f"{home}/additions/{name}", "absolute": False} for name in names}


def tag_shapes(repository: Repository, tags: Iterable[Tag]) -> list[TagShape]:
    """Tags of one repository: one query, for the rules that make some of them immutable."""
    rules = immutability.rules_of(repository.project_id).of_repository(repository.name)
    return [_tag_shape(tag, immutable=rules.cover(tag.name)) for tag in tags]


def _tag_shape(tag: Tag, *, immutable: bool) -> TagShape:
    return {
        "id": tag.pk,
        "repository_id": tag.repository_id,
        "artifact_id": tag.manifest_id,
        "name": tag.name,
        "push_time": written(tag.pushed_at),
        "pull_time": written(tag.pulled_at),
        "immutable": immutable,
    }


def accessory_shape(repository: str, subject_id: int, row: Manifest) -> AccessoryShape:
    return {
        "id": row.pk,
        "artifact_id": row.pk,
        "subject_artifact_id": subject_id,
        "subject_artifact_digest": row.subject,
        "subject_artifact_repo": repository,
        "size": row.size,
        "digest": row.digest,
        "type": accessory_of(row.artifact_type),
        "icon": "",
        "creation_time": written(row.pushed_at),
    }


_TAGS_OF = """
SELECT t.* FROM unnest(%s::bigint[]) AS shown(id) CROSS JOIN LATERAL (
    SELECT * FROM artifacts_tag WHERE manifest_id = shown.id ORDER BY pushed_at DESC, id DESC LIMIT %s
) t
"""


def _tags(rows: Sequence[Manifest], each: int) -> dict[int, list[TagShape]]:
    """The newest tags of each artifact."""
    found: dict[int, list[TagShape]] = defaultdict(list)
    if not rows:
        return found
    rules = immutability.rules_of(rows[0].project_id)
    speaking = {row.repository_id: rules.of_repository(row.repository.name) for row in rows}
    for tag in Tag.objects.raw(_TAGS_OF, [[row.pk for row in rows], each]):
        found[tag.manifest_id].append(_tag_shape(tag, immutable=speaking[tag.repository_id].cover(tag.name)))
    return found


def _labels(ids: Sequence[int]) -> dict[int, list[LabelShape]]:
    found: dict[int, list[LabelShape]] = defaultdict(list)
    marks = ArtifactLabel.objects.filter(manifest__in=ids).select_related("label")
    for mark in marks.order_by("manifest", "label")[:_MOST]:
        found[mark.manifest_id].append(label_shape(mark.label))
    return found


_REFERRERS_OF = """
SELECT r.*, s.id AS of_id, n.name AS of_repository
FROM artifacts_manifest s JOIN artifacts_repository n ON n.id = s.repository_id CROSS JOIN LATERAL (
    SELECT m.id, m.digest, m.subject, m.artifact_type, m.size, m.pushed_at FROM artifacts_manifest m
    WHERE m.repository_id = s.repository_id AND m.subject = s.digest AND m.subject <> '' ORDER BY m.digest LIMIT %s
) r
WHERE s.id = ANY(%s::bigint[])
"""


def _accessories(subjects: Sequence[int], each: int) -> dict[int, list[AccessoryShape]]:
    """What refers to each of the `subjects` (ids), by those."""
    found: dict[int, list[AccessoryShape]] = defaultdict(list)
    rows: Iterable[Any] = Manifest.objects.raw(_REFERRERS_OF, [each, list(subjects)])  # with two columns more
    for row in rows:
        found[row.of_id].append(accessory_shape(row.of_repository, row.of_id, row))
    return found


def _inherited(ids: Sequence[int], each: int) -> dict[int, list[AccessoryShape]]:
    """The accessories of the indexes that name an artifact, by the artifact's id."""
    named = ManifestChild.objects.filter(child__in=ids).order_by("pk").values_list("child", "parent")
    parents = list(named[:_MOST])
    accessories = _accessories([parent for _, parent in parents], each)
    found: dict[int, list[AccessoryShape]] = defaultdict(list)
    for child, parent in parents:
        found[child] += accessories.get(parent, [])
    return {child: those for child, those in found.items() if those}


def _references(rows: Iterable[Manifest]) -> dict[int, list[ReferenceShape]]:
    """What the indexes among `rows` are made of."""
    indexes = [row.pk for row in rows if row.media_type in _INDEXES]
    platforms = _platforms(indexes)
    found: dict[int, list[ReferenceShape]] = defaultdict(list)
    children = ManifestChild.objects.filter(parent__in=indexes).order_by("pk")
    for parent, child, digest in children.values_list("parent", "child", "child__digest")[:_MOST]:
        about = platforms.get((parent, digest), _AboutChild())
        found[parent].append({"parent_id": parent, "child_id": child, "child_digest": digest, **about})
    order = {key: place for place, key in enumerate(platforms)}  # the index's own
    for parent, entries in found.items():
        entries.sort(key=lambda entry, parent=parent: order.get((parent, entry["child_digest"]), 0))  # type: ignore[misc]
    return found


def _platforms(indexes: Sequence[int]) -> dict[tuple[int, str], _AboutChild]:
    """Platform and annotations of each entry of each index, where the index is of a usual size."""
    length = Func(F("payload"), function="octet_length", output_field=IntegerField())
    small = Manifest.objects.filter(pk__in=indexes).annotate(length=length).filter(length__lte=_LARGEST_INDEX)
    found = {}
    for pk, payload in small.values_list("pk", "payload"):
        for entry in json.loads(bytes(payload)).get("manifests") or []:
            told = {name: entry[name] for name in ("annotations", "urls") if entry.get(name)}
            if platform := _platform(entry.get("platform") or {}):
                told["platform"] = platform
            found[(pk, str(entry.get("digest")))] = cast(_AboutChild, told)
    return found


def _platform(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the image specification has of a platform; the manifest was checked when it was pushed."""
    return {name: told[name] for name in PlatformShape.__annotations__ if told.get(name) is not None}
