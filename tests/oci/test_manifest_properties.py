"""Manifests, whatever bytes come: read back as written, or refused by a typed error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci import manifest
from oci.digest import Digest
from oci.errors import ManifestInvalid, RegistryError
from oci.manifest import OCI_MANIFEST, Descriptor, parse
from tests.oci.documents import CONFIG, LAYER, descriptor, digest, digests, image, index, read

TYPES = st.sampled_from(sorted(manifest.MANIFEST_TYPES | manifest.SCHEMA1_TYPES))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
NAMES = st.sampled_from(sorted(manifest._MANIFEST_FIELDS | manifest._DESCRIPTOR_FIELDS)) | st.text()
VALUES = st.recursive(
    SCALARS | TYPES | st.just(digest(1)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
ANNOTATIONS = st.dictionaries(TEXTS, TEXTS, max_size=3)
DESCRIPTORS = st.builds(
    lambda payload, media_type, size, annotations: {
        "mediaType": media_type,
        "digest": str(Digest.of(payload)),
        "size": size,
        "annotations": annotations,
    },
    st.binary(max_size=4),
    st.sampled_from([LAYER, CONFIG, OCI_MANIFEST, *sorted(manifest.FOREIGN_LAYER_TYPES)]),
    st.integers(0, 2**50),
    ANNOTATIONS,
)


@given(st.binary(), st.text() | TYPES)
def test_any_bytes_are_a_manifest_or_refused(payload, content_type):
    with pytest.raises(RegistryError):  # random bytes never are one
        parse(payload, content_type)


@given(VALUES | st.dictionaries(NAMES, VALUES, max_size=8), TYPES | st.just(""))
def test_any_json_is_a_manifest_or_refused(document, content_type):
    try:
        parsed = read(document, content_type)
    except ManifestInvalid:
        return
    assert parsed.media_type in manifest.MANIFEST_TYPES


@given(st.sampled_from([image(), index(), image(subject=descriptor(4))]), st.data())
def test_a_valid_manifest_with_one_field_changed_is_read_or_refused(document, data):
    name = data.draw(st.sampled_from(sorted(document)) | NAMES)
    try:
        parsed = read({**document, name: data.draw(VALUES)}, "")
    except ManifestInvalid:
        return
    assert parsed.media_type in manifest.MANIFEST_TYPES


@given(DESCRIPTORS, st.lists(DESCRIPTORS, max_size=5), ANNOTATIONS)
def test_an_image_reads_back_as_it_was_written(config, layers, annotations):
    parsed = read(image(config=config, layers=layers, annotations=annotations))
    assert parsed.config is not None
    assert [_written(each) for each in (parsed.config, *parsed.layers)] == [config, *layers]
    assert parsed.annotations == annotations
    needed = {config["digest"]} | {
        each["digest"] for each in layers if each["mediaType"] not in manifest.FOREIGN_LAYER_TYPES
    }
    assert sorted(digests(parsed.blobs)) == sorted(needed)


@given(st.lists(DESCRIPTORS, max_size=5), DESCRIPTORS)
def test_an_index_reads_back_as_it_was_written(manifests, subject):
    parsed = read(index(manifests=manifests, subject=subject))
    assert parsed.subject is not None
    assert [_written(each) for each in (*parsed.children, parsed.subject)] == [*manifests, subject]


def _written(each: Descriptor) -> dict[str, object]:
    return {
        "mediaType": each.media_type,
        "digest": str(each.digest),
        "size": each.size,
        "annotations": dict(each.annotations),
    }
