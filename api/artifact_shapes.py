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
_MOST = 1000  # tags, labels, references or accessories that are shown beside one page of artifacts


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


def shapes(repository: Repository, rows: Sequence[Manifest], wanted: Wanted) -> list[ArtifactShape]:
    """The artifacts of one page."""
    tags = _tags(repository, rows) if wanted.tags else {}
    labels = _labels(rows) if wanted.labels else {}
    accessories = _accessories(repository, {row.digest: row.pk for row in rows}) if wanted.accessories else {}
    inherited = _inherited(repository, rows) if wanted.inherited else {}
    references = _references(rows)
    found = []
    for row in rows:
        shape = _shape(repository, row)
        shape["references"] = references.get(row.pk, [])
        if wanted.tags:
            shape["tags"] = tags.get(row.pk, [])
        if wanted.labels:
            shape["labels"] = labels.get(row.pk, [])
        if wanted.accessories:
            shape["accessories"] = accessories.get(row.digest, [])
        if row.pk in inherited:
            shape["inherited_accessories"] = inherited[row.pk]
        found.append(shape)
    return found


def _shape(repository: Repository, row: Manifest) -> ArtifactShape:
    return {
        "id": row.pk,
        "type": kind_of(row.media_type, row.artifact_type),
        "media_type": row.artifact_type or row.media_type,
        "manifest_media_type": row.media_type,
        "artifact_type": row.artifact_type,
        "project_id": repository.project_id,
        "repository_id": repository.pk,
        "repository_name": repository.name,
        "digest": row.digest,
        "size": row.size,
        "icon": "",
        "push_time": written(row.pushed_at),
        "pull_time": written(row.pulled_at),
        "annotations": row.annotations,
        "extra_attrs": row.attributes or {},
        "references": [],
        "addition_links": _links(repository, row),
    }


def _links(repository: Repository, row: Manifest) -> dict[str, AdditionLinkShape]:
    home = f"{places.path_of(repository.name)}/artifacts/{row.digest}"
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


def accessory_shape(repository: Repository, subject_id: int, row: Manifest) -> AccessoryShape:
    return {
        "id": row.pk,
        "artifact_id": row.pk,
        "subject_artifact_id": subject_id,
        "subject_artifact_digest": row.subject,
        "subject_artifact_repo": repository.name,
        "size": row.size,
        "digest": row.digest,
        "type": accessory_of(row.artifact_type),
        "icon": "",
        "creation_time": written(row.pushed_at),
    }


def _tags(repository: Repository, rows: Iterable[Manifest]) -> dict[int, list[TagShape]]:
    found: dict[int, list[TagShape]] = defaultdict(list)
    tags = Tag.objects.filter(manifest__in=[row.pk for row in rows]).order_by("-pk")[:_MOST]
    for shape in tag_shapes(repository, tags):
        found[shape["artifact_id"]].append(shape)
    return found


def _labels(rows: Iterable[Manifest]) -> dict[int, list[LabelShape]]:
    found: dict[int, list[LabelShape]] = defaultdict(list)
    marks = ArtifactLabel.objects.filter(manifest__in=[row.pk for row in rows]).select_related("label")
    for mark in marks.order_by("manifest", "label")[:_MOST]:
        found[mark.manifest_id].append(label_shape(mark.label))
    return found


def _accessories(repository: Repository, ids: Mapping[str, int]) -> dict[str, list[AccessoryShape]]:
    """By their subject's digest; `ids` are the subjects' own."""
    found: dict[str, list[AccessoryShape]] = defaultdict(list)
    referrers = Manifest.objects.filter(repository=repository, subject__in=list(ids)).defer("payload")
    for row in referrers.order_by("-pk")[:_MOST]:
        found[row.subject].append(accessory_shape(repository, ids[row.subject], row))
    return found


def _inherited(repository: Repository, rows: Iterable[Manifest]) -> dict[int, list[AccessoryShape]]:
    """The accessories of the indexes that name an artifact, by the artifact's id."""
    named = ManifestChild.objects.filter(child__in=[row.pk for row in rows]).order_by("pk")
    parents = list(named.values_list("child", "parent", "parent__digest")[:_MOST])
    accessories = _accessories(repository, {digest: parent for _, parent, digest in parents})
    found: dict[int, list[AccessoryShape]] = defaultdict(list)
    for child, _, digest in parents:
        found[child] += accessories.get(digest, [])
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
