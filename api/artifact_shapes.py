"""Artifacts as Harbor shows them: a constant number of queries for a page of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict, cast

from rest_framework.request import Request

from api import places
from api.document import Moment
from api.labels import LabelShape, label_shape
from api.times import written
from artifacts import additions, beside
from artifacts.kinds import accessory_of, kind_of
from artifacts.models import Manifest, ManifestChild, Repository, Tag
from projects import immutability

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
    each = beside.ALONE if len(rows) == 1 else beside.EACH
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


def _tags(rows: Sequence[Manifest], each: int) -> dict[int, list[TagShape]]:
    """The newest tags of each artifact."""
    if not rows:
        return {}
    rules = immutability.rules_of(rows[0].project_id)
    speaking = {row.repository_id: rules.of_repository(row.repository.name) for row in rows}
    return {
        artifact: [_tag_shape(tag, immutable=speaking[tag.repository_id].cover(tag.name)) for tag in found]
        for artifact, found in beside.tags([row.pk for row in rows], each).items()
    }


def _labels(ids: Sequence[int]) -> dict[int, list[LabelShape]]:
    return {artifact: [label_shape(label) for label in found] for artifact, found in beside.labels(ids).items()}


def _accessories(subjects: Sequence[int], each: int) -> dict[int, list[AccessoryShape]]:
    """What refers to each of the `subjects` (ids), by those."""
    return {
        subject: [accessory_shape(row.of_repository, subject, row) for row in found]
        for subject, found in beside.referrers(subjects, each).items()
    }


def _inherited(ids: Sequence[int], each: int) -> dict[int, list[AccessoryShape]]:
    """The accessories of the indexes that name an artifact, by the artifact's id."""
    named = ManifestChild.objects.filter(child__in=ids).order_by("pk").values_list("child", "parent")
    parents = list(named[: beside.MOST])
    accessories = _accessories([parent for _, parent in parents], each)
    found: dict[int, list[AccessoryShape]] = defaultdict(list)
    for child, parent in parents:
        found[child] += accessories.get(parent, [])
    return {child: those for child, those in found.items() if those}


def _references(rows: Iterable[Manifest]) -> dict[int, list[ReferenceShape]]:
    """What the indexes among `rows` are made of."""
    return {parent: [_reference(parent, part) for part in found] for parent, found in beside.parts(rows).items()}


def _reference(parent: int, part: beside.Part) -> ReferenceShape:
    about = cast(_AboutChild, {name: part.told[name] for name in ("annotations", "urls") if name in part.told})
    if platform := _platform(part.told.get("platform") or {}):
        about["platform"] = cast(PlatformShape, platform)
    return {"parent_id": parent, "child_id": part.id, "child_digest": part.digest, **about}


def _platform(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the image specification has of a platform; the manifest was checked when it was pushed."""
    return {name: told[name] for name in PlatformShape.__annotations__ if told.get(name) is not None}
