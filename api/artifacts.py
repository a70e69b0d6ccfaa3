"""Artifacts of a repository, their tags, accessories and additions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, places
from api.artifact_shapes import AccessoryShape, ArtifactShape, TagShape, Wanted, accessory_shape, shapes, tag_shapes
from api.document import PAGED, Query, operation
from api.endpoint import Endpoint
from api.errors import BadRequest, NotFound, NotThere, Unprocessable
from api.paging import paged
from api.query import AllOf, AnyOf, Exact, Field, Fuzzy, Listing, Term, a_number, a_time
from artifacts import additions, configs, copying, labelling, manifests, tagging
from artifacts.models import ArtifactLabel, Manifest, Repository, Tag
from oci.digest import Digest
from oci.reference import parse_repository, parse_tag, project_of

_Addition = Literal["build_history", "values.yaml", "readme.md", "dependencies", "sbom", "license", "files"]
WITH = [
    Query("X-Accept-Vulnerabilities", place="header"),
    Query("with_tag", bool, more={"default": True}),
    *[
        Query(f"with_{part}", bool, more={"default": False})
        for part in (
            "label",
            "scan_overview",
            "sbom_overview",
            "immutable_status",
            "accessory",
            "inherited_accessory",
        )
    ],
]
_MOST_LABELS = 32  # that one `q` asks for together


def _tagged(term: Term) -> Q:
    """Harbor's `tags`: `*` any, `nil` none, `v` one of this name, `~v` one that holds it."""
    tags = Tag.objects.filter(manifest=OuterRef("pk"), repository=OuterRef("repository"))
    match term:
        case Exact("*"):
            return Q(Exists(tags))
        case Exact("nil"):
            return ~Q(Exists(tags))
        case Exact(name):
            return Q(Exists(tags.filter(name=name)))
        case Fuzzy(part):
            return Q(Exists(tags.filter(name__icontains=part)))
    raise BadRequest("tags is *, nil, a name or ~ and a part of one")


def _labelled(term: Term) -> Q:
    """`labels`: an id, {a b} any of some, (a b) all of some."""
    match term:
        case Exact(value):
            return Q(_marked([a_number(value)]))
        case AnyOf(values) if values:
            return Q(_marked([a_number(value) for value in values]))
        case AllOf(values) if 0 < len(values) <= _MOST_LABELS:
            return Q(*[_marked([a_number(value)]) for value in values])
    raise BadRequest(f"labels is an id, {{a b}} or (a b), of up to {_MOST_LABELS} labels")


def _marked(labels: list[int]) -> Exists:
    return Exists(ArtifactLabel.objects.filter(manifest=OuterRef("pk"), label__in=labels))


ARTIFACTS = Listing(
    fields={
        "id": Field("id", a_number),
        "digest": Field("digest"),
        "size": Field("size", a_number),
        "artifact_type": Field("artifact_type"),
        "media_type": Field("artifact_type"),
        "manifest_media_type": Field("media_type"),
        "push_time": Field("pushed_at", a_time),
        "pull_time": Field("pulled_at", a_time),
    },
    special={"tags": _tagged, "labels": _labelled},
    order=["-pushed_at"],
)
_TAGS = Listing(
    fields={
        "id": Field("id", a_number),
        "name": Field("name"),
        "push_time": Field("pushed_at", a_time),
        "pull_time": Field("pulled_at", a_time),
    },
    order=["-pushed_at"],
)
_ACCESSORIES = Listing(
    fields={"id": Field("id", a_number), "digest": Field("digest"), "size": Field("size", a_number)}, order=["-id"]
)


class _ArtifactEndpoint(Endpoint):
    def repository(self, permission: str) -> Repository:
        return places.repository(self, self.kwargs["project_name"], self.kwargs["repository_name"], permission)

    def artifact(self, repository: Repository) -> Manifest:
        """The artifact of the path, by tag or by digest."""
        reference = places.reference(self.kwargs["reference"])
        rows = Manifest.objects.filter(repository=repository).defer("payload")
        by = Q(digest=str(reference)) if isinstance(reference, Digest) else Q(tags__name=reference)
        found = rows.filter(by).first()
        if found is None:
            raise NotFound(f"there is no artifact {repository.name}:{reference}")
        found.repository = repository
        return found


class Artifacts(_ArtifactEndpoint):
    @operation("listArtifacts", answers=list[ArtifactShape], query=[*ARTIFACTS.parameters, *WITH], refuses=[403, 404])
    def get(self, request: Request, **names: str) -> Response:
        """listArtifacts"""
        repository = self.repository("artifact:list")
        q = request.query_params.get("q", "")
        rows = repository.manifests.filter(listed=True).defer("payload")
        rows = ARTIFACTS.sort(ARTIFACTS.narrow(rows, q), request.query_params.get("sort", ""))
        total = None if q else repository.artifact_count
        return paged(request, rows, lambda found: shapes(found, Wanted.of(request)), total=total)

    @operation(
        "CopyArtifact",
        status=201,
        query=[Query("from", about="project/repository:tag, or project/repository@digest", required=True)],
        refuses=[403, 404, 405, 412],
    )
    def post(self, request: Request, project_name: str, repository_name: str) -> Response:
        """CopyArtifact: with its tags, its parts and all that refers to it."""
        target = places.target(self, project_name, repository_name, "artifact:create")
        source, reference = _source(request.query_params.get("from", ""))
        places.project(self, project_of(source), "repository:pull", named=True)
        digest = copying.copy(source, reference, target, actor=self.actor, context=self.context)
        return Response(status=201, headers={"Location": f"{places.path_of(target)}/artifacts/{digest}"})


def _source(text: str) -> tuple[str, Digest | str]:
    """A repository's full name, and a tag or digest there. Raises Unprocessable, BadRequest, or what the name's and the
    reference's parsers do."""
    if not text:
        raise Unprocessable("from in query is required")
    name, separator, digest = text.partition("@")
    if separator:
        return parse_repository(name), Digest.parse(digest)
    name, separator, tag = text.rpartition(":")
    if not separator:
        raise BadRequest("from in query is project/repository:tag, or project/repository@digest")
    return parse_repository(name), parse_tag(tag)


class OneArtifact(_ArtifactEndpoint):
    @operation(
        "getArtifact",
        answers=ArtifactShape,
        query=[*PAGED, *WITH, Query("with_signature", bool, more={"default": False})],
        refuses=[403, 404],
    )
    def get(self, request: Request, **names: str) -> Response:
        """getArtifact"""
        repository = self.repository("artifact:read")
        artifact = self.artifact(repository)
        [shape] = shapes([artifact], Wanted.of(request))
        shape["extra_attrs"] = configs.told_of(artifact)
        return Response(shape)

    @operation("deleteArtifact", refuses=[400, 403, 404, 412])
    def delete(self, request: Request, **names: str) -> Response:
        """deleteArtifact: with its tags and accessories."""
        repository = self.repository("artifact:delete")
        digest = Digest.parse(self.artifact(repository).digest)
        manifests.delete(repository.name, digest, actor=self.actor, context=self.context)
        return Response()


class Tags(_ArtifactEndpoint):
    @operation(
        "listTags",
        answers=list[TagShape],
        query=[*_TAGS.parameters, Query("with_immutable_status", bool, more={"default": False})],
        refuses=[403, 404],
    )
    def get(self, request: Request, **names: str) -> Response:
        """listTags"""
        repository = self.repository("tag:list")
        rows = _TAGS.narrow(Tag.objects.filter(manifest=self.artifact(repository)), request.query_params.get("q", ""))
        rows = _TAGS.sort(rows, request.query_params.get("sort", ""))
        return paged(request, rows, lambda found: tag_shapes(repository, found))

    @operation("createTag", body=bodies.NewTag, status=201, refuses=[403, 404, 405, 409])
    def post(self, request: Request, **names: str) -> Response:
        """createTag"""
        repository = self.repository("tag:create")
        artifact = self.artifact(repository)
        name = bodies.read(bodies.NewTag, request)["name"]
        tag = tagging.create(repository.name, artifact.digest, name, actor=self.actor, context=self.context)
        home = f"{places.path_of(repository.name)}/artifacts/{artifact.digest}"
        return Response(status=201, headers={"Location": f"{home}/tags/{tag.name}"})


class OneTag(_ArtifactEndpoint):
    @operation("deleteTag", refuses=[400, 403, 404, 412])
    def delete(self, request: Request, **names: str) -> Response:
        """deleteTag: the artifact stays."""
        repository = self.repository("tag:delete")
        name = self.kwargs["tag_name"]
        if not Tag.objects.filter(manifest=self.artifact(repository), name=name).exists():
            raise NotFound(f"the artifact has no tag {name[:128]}")
        tagging.delete(repository.name, name, actor=self.actor, context=self.context)
        return Response()


class Accessories(_ArtifactEndpoint):
    @operation("listAccessories", answers=list[AccessoryShape], query=_ACCESSORIES.parameters, refuses=[403, 404])
    def get(self, request: Request, **names: str) -> Response:
        """listAccessories: what names the artifact as its subject."""
        repository = self.repository("accessory:list")
        subject = self.artifact(repository)
        rows = Manifest.objects.filter(repository=repository, subject=subject.digest).defer("payload")
        rows = _ACCESSORIES.narrow(rows, request.query_params.get("q", ""))
        rows = _ACCESSORIES.sort(rows, request.query_params.get("sort", ""))

        def shape(found: Sequence[Manifest]) -> list[AccessoryShape]:
            return [accessory_shape(repository.name, subject.pk, row) for row in found]

        return paged(request, rows, shape)


class ArtifactLabels(_ArtifactEndpoint):
    @operation("addLabel", body=bodies.LabelId, refuses=[403, 404, 409])
    def post(self, request: Request, **names: str) -> Response:
        """addLabel: a global one, or one of the project."""
        repository = self.repository("artifact-label:create")
        digest = self.artifact(repository).digest
        label = bodies.read(bodies.LabelId, request)["id"]
        labelling.put_on(repository, digest, label, actor=self.actor, context=self.context)
        return Response()


class OneArtifactLabel(_ArtifactEndpoint):
    @operation("removeLabel", refuses=[403, 404])
    def delete(self, request: Request, **names: str) -> Response:
        """removeLabel"""
        repository = self.repository("artifact-label:delete")
        digest = self.artifact(repository).digest
        label = places.number(self.kwargs["label_id"], "label_id")
        labelling.take_off(repository, digest, label, actor=self.actor, context=self.context)
        return Response()


class Addition(_ArtifactEndpoint):
    @operation(
        "getAddition",
        answers=Any,
        media_type="application/json, text/plain, text/markdown",
        query=[Query("addition", place="path", more={"enum": get_args(_Addition)})],
        refuses=[403, 404, 501],
    )
    def get(self, request: Request, **names: str) -> HttpResponse:
        """getAddition: as far as artifacts of this kind have it."""
        repository = self.repository("artifact-addition:read")
        artifact = self.artifact(repository)
        wanted = self.kwargs["addition"]
        if wanted not in get_args(_Addition):
            raise Unprocessable(f"addition in path can't be {wanted[:40]!r}")
        if wanted == "sbom":
            raise NotThere
        found = additions.read(artifact, wanted)
        return HttpResponse(found.content, content_type=found.media_type, headers={"X-Content-Type-Options": "nosniff"})
