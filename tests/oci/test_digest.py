"""Digests: what is one and what is not."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.digest import Digest
from oci.errors import DigestInvalid

LENGTHS = {"sha256": 64, "sha512": 128}
DIGESTS = st.sampled_from(sorted(LENGTHS)).flatmap(
    lambda algorithm: st.text("0123456789abcdef", min_size=LENGTHS[algorithm], max_size=LENGTHS[algorithm]).map(
        lambda hexadecimal: f"{algorithm}:{hexadecimal}"
    )
)


@given(DIGESTS)
def test_a_digest_reads_back_as_it_was_written(text):
    assert str(Digest.parse(text)) == text


@given(st.text() | st.from_regex(r"sha(256|512):[0-9a-fA-F\n]+"))
def test_any_text_is_a_digest_or_refused(text):
    try:
        digest = Digest.parse(text)
    except DigestInvalid:
        return
    assert str(digest) == text
    assert len(digest.hex) == LENGTHS[digest.algorithm]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        "sha256:" + "0" * 63,
        "sha256:" + "0" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "0" * 64 + "\n",
        "sha256:" + "\N{ARABIC-INDIC DIGIT ZERO}" * 64,
        "sha512:" + "0" * 64,
        "SHA256:" + "0" * 64,
        "md5:" + "0" * 32,
        "sha256:" + "../" * 20,
        pytest.param("x" * 2**20, id="a mebibyte"),
    ],
)
def test_it_refuses_what_is_no_digest(text):
    with pytest.raises(DigestInvalid) as caught:
        Digest.parse(text)
    assert len(caught.value.message) < 1000


@given(st.binary())
def test_the_digest_of_content_is_its_hash(payload):
    assert Digest.of(payload) == Digest.parse("sha256:" + hashlib.sha256(payload).hexdigest())
    assert Digest.of(payload, "sha512") == Digest.parse("sha512:" + hashlib.sha512(payload).hexdigest())
