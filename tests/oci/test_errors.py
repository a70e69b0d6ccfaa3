"""What the errors say on the wire, and what another registry's errors mean."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci import errors
from oci.errors import KINDS, RegistryError, as_json, from_answer

ANY_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)


def _subclasses(kind: type[RegistryError]) -> set[type[RegistryError]]:
    return {kind}.union(*(_subclasses(each) for each in kind.__subclasses__()))


def test_the_table_knows_every_kind_of_error():
    ours = {kind for kind in _subclasses(RegistryError) if kind.__module__ == RegistryError.__module__}
    assert set(KINDS) == ours - {RegistryError}


def test_the_tree_at_the_top_of_the_module_tells_the_truth():
    assert errors.__doc__
    drawn = set(re.findall(r"── (\w+)\s+(\d+)\s+(\w+)", errors.__doc__))
    assert drawn == {(kind.__name__, str(kind.status), kind.code) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_without_words_says_what_its_code_means(kind):
    (entry,) = json.loads(as_json(kind()))["errors"]
    assert entry == {"code": kind.code, "message": kind.default}
    assert entry["message"]


@given(st.sampled_from(KINDS), st.text(min_size=1), ANY_JSON)
def test_any_words_and_detail_arrive_as_they_are(kind, message, detail):
    (entry,) = json.loads(as_json(kind(message, detail)))["errors"]
    assert entry["message"] == message
    assert entry.get("detail") == detail


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.status < 500])
def test_an_answer_of_each_kind_is_understood(kind):
    error = from_answer(kind.status, kind.code, "words", {"a": 1})
    assert (type(error), error.message, error.detail) == (kind, "words", {"a": 1})


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (500, "MANIFEST_INVALID", errors.Failed),
        (503, "", errors.Unavailable),
        (404, "BLOB_UPLOAD_INVALID", errors.BlobUploadUnknown),
        (404, "DIGEST_INVALID", errors.DigestInvalid),
        (413, "", errors.ManifestTooLarge),
        (401, "", errors.Unauthorized),
        (418, "TEAPOT", errors.Unknown),
    ],
)
def test_the_code_counts_then_the_status_and_a_500_means_that_it_failed(status, code, kind):
    assert type(from_answer(status, code)) is kind


@given(st.integers(100, 599), st.text(), st.text())
def test_every_answer_means_some_error(status, code, message):
    assert isinstance(from_answer(status, code, message), RegistryError)
