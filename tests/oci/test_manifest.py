"""Manifests: which bytes are one, what they name, and what is refused."""

import json
from typing import Any

import pytest

from oci import manifest
from oci.digest import Digest
from oci.errors import ManifestInvalid, ManifestTooLarge
from oci.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_ARTIFACT, OCI_INDEX, OCI_MANIFEST, parse
from tests.oci.documents import CONFIG, DELETED, EMPTY, LAYER, descriptor, digest, digests, image, index, read

# What they name


def test_an_image_needs_its_config_and_layers():
    parsed = read(image())
    assert digests(parsed.blobs) == [digest(1), digest(2), digest(3)]
    assert parsed.children == ()
    assert not parsed.is_index


def test_a_blob_named_twice_is_needed_once():
    parsed = read(image(config=descriptor(2, EMPTY), layers=[descriptor(2), descriptor(3), descriptor(3)]))
    assert digests(parsed.blobs) == [digest(2), digest(3)]
    assert len(parsed.layers) == 3


@pytest.mark.parametrize("media_type", sorted(manifest.FOREIGN_LAYER_TYPES))
def test_a_foreign_layer_is_not_needed(media_type):
    parsed = read(image(layers=[descriptor(2, media_type, urls=["https://example.com/layer"]), descriptor(3)]))
    assert digests(parsed.blobs) == [digest(1), digest(3)]
    assert parsed.layers[0].urls == ("https://example.com/layer",)


def test_a_layer_of_ordinary_type_with_urls_is_needed():
    parsed = read(image(layers=[descriptor(2, urls=["https://example.com/layer"])]))
    assert digests(parsed.blobs) == [digest(1), digest(2)]


@pytest.mark.parametrize("layers", [[], None])
def test_an_image_may_have_no_layers(layers):
    assert digests(read(image(layers=layers)).blobs) == [digest(1)]


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index_needs_its_manifests(media_type):
    entries = [
        descriptor(
            1, OCI_MANIFEST, platform={"architecture": "arm", "os": "linux", "variant": "v7", "os.features": []}
        ),
        descriptor(2, OCI_INDEX),
    ]
    parsed = read(index(mediaType=media_type, manifests=entries))
    assert digests(parsed.children) == [digest(1), digest(2)]
    assert parsed.blobs == ()
    assert parsed.is_index
    assert parsed.children[0].platform == {"architecture": "arm", "os": "linux", "variant": "v7", "os.features": ()}


@pytest.mark.parametrize("manifests", [[], None])
def test_an_index_may_be_empty(manifests):
    assert read(index(manifests=manifests)).children == ()


def test_an_index_entry_of_another_type_is_known_to_be_no_manifest():
    parsed = read(index(manifests=[descriptor(1, OCI_MANIFEST), descriptor(2, LAYER)]))
    assert [child.is_manifest for child in parsed.children] == [True, False]


def test_a_docker_image_is_read():
    parsed = read(
        image(mediaType=DOCKER_MANIFEST, config=descriptor(1, "application/vnd.docker.container.image.v1+json"))
    )
    assert parsed.media_type == DOCKER_MANIFEST
    assert len(parsed.blobs) == 3


def test_the_old_artifact_manifest_is_read():
    document = {
        "mediaType": OCI_ARTIFACT,
        "artifactType": "application/x.sbom",
        "blobs": [descriptor(1)],
        "subject": descriptor(9, OCI_MANIFEST),
    }
    parsed = read(document)
    assert digests(parsed.blobs) == [digest(1)]
    assert parsed.artifact_type == "application/x.sbom"
    assert parsed.subject is not None
    assert str(parsed.subject.digest) == digest(9)


@pytest.mark.parametrize("make", [image, index])
def test_a_subject_is_named_but_not_needed(make):
    parsed = read(make(subject=descriptor(9, OCI_MANIFEST)))
    assert parsed.subject is not None
    assert digests((parsed.subject,)) == [digest(9)]
    assert digest(9) not in digests(parsed.blobs) + digests(parsed.children)


def test_sha512_is_a_digest():
    parsed = read(image(layers=[descriptor(2, digest=digest(2, "sha512"))]))
    assert parsed.layers[0].digest == Digest.of(b"2", "sha512")


def test_data_stays_as_the_client_wrote_it():
    assert read(image(layers=[descriptor(2, data="not base64!")])).layers[0].data == "not base64!"


def test_annotations_are_read():
    parsed = read(image(annotations={"a": "b\nc"}, layers=[descriptor(2, annotations={"d": "e"})]))
    assert parsed.annotations == {"a": "b\nc"}
    assert parsed.layers[0].annotations == {"d": "e"}


def test_custom_fields_are_ignored():
    custom: dict[str, Any] = {"x": [{"y": None}], "history": 1}
    assert read(image(**custom)) == read(image())
    assert read(image(layers=[descriptor(2, **custom), descriptor(3)])) == read(image())


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (image(), CONFIG),
        (image(artifactType=""), CONFIG),
        (image(artifactType="application/x.sbom", config=descriptor(1, EMPTY)), "application/x.sbom"),
        (image(mediaType=DOCKER_MANIFEST), CONFIG),
        (index(), ""),
        (index(artifactType="application/x.bundle"), "application/x.bundle"),
    ],
)
def test_the_artifact_type_is_what_the_referrers_api_answers(document, expected):
    assert read(document).artifact_type == expected


# Which type it is


@pytest.mark.parametrize("content_type", ["", OCI_MANIFEST + "; charset=utf-8", f" {OCI_MANIFEST.upper()} ;x=y"])
def test_the_content_type_may_be_missing_or_have_parameters(content_type):
    assert read(image(), content_type).media_type == OCI_MANIFEST


@pytest.mark.parametrize(("make", "media_type"), [(image, OCI_MANIFEST), (index, OCI_INDEX)])
@pytest.mark.parametrize("silent", [DELETED, "", None])
def test_an_oci_body_may_leave_its_type_to_the_content_type(make, media_type, silent):
    assert read(make(mediaType=silent), media_type).media_type == media_type


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        (image(), OCI_INDEX),
        (image(), DOCKER_MANIFEST),
        (index(), OCI_MANIFEST),
        (image(), "application/json"),
        (image(mediaType="application/json"), "application/json"),
        (image(mediaType=DELETED), ""),
        (image(mediaType=DELETED), DOCKER_MANIFEST),
        (index(mediaType=DELETED), DOCKER_LIST),
        (image(mediaType=7), OCI_MANIFEST),
        (image(mediaType=[]), ""),
    ],
)
def test_it_refuses_a_type_that_is_unclear(document, content_type):
    with pytest.raises(ManifestInvalid):
        read(document, content_type)


@pytest.mark.parametrize(
    ("payload", "content_type"),
    [
        (b'{"schemaVersion": 1, "fsLayers": []}', ""),
        (b'{"schemaVersion": 1}', OCI_MANIFEST),
        (b"{}", manifest.DOCKER_SCHEMA1),
        (b"not even JSON", manifest.DOCKER_SCHEMA1_SIGNED + "; charset=utf-8"),
        (json.dumps({"mediaType": manifest.DOCKER_SCHEMA1}).encode(), ""),
    ],
)
def test_it_refuses_schema_1_and_says_what_to_do(payload, content_type):
    with pytest.raises(ManifestInvalid, match=r"schema 1 are not supported.*convert"):
        parse(payload, content_type)


# What is wrong


@pytest.mark.parametrize(
    "document",
    [
        image(manifests=[]),
        image(manifests=[descriptor(1, OCI_MANIFEST)]),
        image(fsLayers=[]),
        index(layers=[]),
        index(config=descriptor(1)),
        index(mediaType=DOCKER_LIST, layers=[descriptor(1)]),
        {"mediaType": OCI_ARTIFACT, "blobs": [], "manifests": []},
    ],
)
def test_it_refuses_a_document_that_reads_as_two_kinds(document):
    with pytest.raises(ManifestInvalid, match="must not have"):
        read(document)


@pytest.mark.parametrize(
    "document",
    [
        image(Layers=[]),
        image(MEDIATYPE=OCI_INDEX),
        image(layers=[descriptor(2, Digest=digest(4))]),
        {**image(), "layer\N{LATIN SMALL LETTER LONG S}": []},  # Go folds this s too
        index(Manifests=[]),
    ],
)
def test_it_refuses_a_field_that_other_parsers_take_for_another(document):
    with pytest.raises(ManifestInvalid, match="must be spelled"):
        read(document)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"schemaVersion": 2, "schemaVersion": 2}',
        b'{"schemaVersion": 2, "layers": [], "layers": [1]}',
        b'{"config": {"digest": "a", "digest": "b"}}',
    ],
)
def test_it_refuses_a_field_twice(payload):
    with pytest.raises(ManifestInvalid, match="twice"):
        parse(payload, OCI_MANIFEST)


@pytest.mark.parametrize(
    "document",
    [
        image(schemaVersion=DELETED),
        image(schemaVersion=3),
        image(schemaVersion="2"),
        image(schemaVersion=2.0),
        image(schemaVersion=None),
        image(config=DELETED),
        image(config=None),
        image(config=[]),
        image(config=descriptor(1, "")),
        image(layers=DELETED),
        image(layers={}),
        image(layers="ab"),
        image(layers=[None]),
        image(layers=[[]]),
        image(annotations=[]),
        image(annotations={"a": 1}),
        image(annotations={"a": None}),
        image(annotations={"a": "\x00"}),
        image(annotations={"a": "\ud800"}),
        image(artifactType=1),
        image(artifactType="a\nb"),
        image(artifactType="a" * 256),
        image(subject="sha256:" + "0" * 64),
        image(subject={}),
        index(manifests=DELETED),
        index(manifests={}),
        index(manifests=[descriptor(1, platform="linux")]),
        index(manifests=[descriptor(1, platform={"os": 1})]),
        index(manifests=[descriptor(1, platform={"os.features": "a"})]),
        index(manifests=[descriptor(1, size=2**61), descriptor(2, size=2**61), descriptor(3, size=1)]),
        {"mediaType": OCI_ARTIFACT, "blobs": {}},
        [],
        "text",
        None,
        2,
    ],
)
def test_it_refuses_what_breaks_the_rules(document):
    with pytest.raises(ManifestInvalid):
        read(document, OCI_MANIFEST if not isinstance(document, dict) else None)


@pytest.mark.parametrize(
    "fields",
    [
        {"digest": None},
        {"digest": "sha256:abc"},
        {"digest": "md5:" + "0" * 32},
        {"digest": 5},
        {"size": -1},
        {"size": "10"},
        {"size": 1.5},
        {"size": True},
        {"size": None},
        {"size": 2**63},
        {"mediaType": None},
        {"mediaType": 1},
        {"mediaType": "a" * 256},
        {"urls": "https://example.com"},
        {"urls": [1]},
        {"data": 1},
        {"data": []},
        {"annotations": "a"},
        {"artifactType": {}},
    ],
)
def test_it_refuses_a_wrong_descriptor_wherever_it_stands(fields):
    wrong = {**descriptor(5), **fields}
    for document in (image(config=wrong), image(layers=[wrong]), image(subject=wrong), index(manifests=[wrong])):
        with pytest.raises(ManifestInvalid):
            read(document)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe{\x00}\x00", id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
        pytest.param(b'{"a": "\xff"}', id="no UTF-8"),
        pytest.param(b'{"schemaVersion": NaN}', id="NaN"),
        pytest.param(b'{"a": -Infinity}', id="infinity"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", id="a number of 5000 digits"),
        pytest.param(b"[" * 100_000, id="a list 100000 deep"),
        pytest.param(b'{"a":' * 100_000, id="an object 100000 deep"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="a valid object 100000 deep"),
        pytest.param(b"{} {}", id="two documents"),
    ],
)
def test_it_refuses_absurd_json(payload):
    with pytest.raises(ManifestInvalid):
        parse(payload, OCI_MANIFEST)


def test_four_mebibytes_are_read_and_not_one_byte_more():
    room = manifest.MAX_BYTES - len(json.dumps(image(padding="")))
    largest = json.dumps(image(padding="x" * room)).encode()
    assert len(largest) == manifest.MAX_BYTES
    assert parse(largest, OCI_MANIFEST).media_type == OCI_MANIFEST
    with pytest.raises(ManifestTooLarge) as caught:
        parse(largest + b" ", OCI_MANIFEST)
    assert (caught.value.status, caught.value.code) == (413, "SIZE_INVALID")
