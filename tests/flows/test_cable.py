"""The cable that other journeys rely on: it reads requests however they arrive, and breaks what it is told to break."""

from __future__ import annotations

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from oci.registry import MemoryRegistry
from tests.flows.cable import Asked, Reader, cable_to
from tests.flows.conformance import pushes
from tests.flows.content import image
from tests.flows.stacks import eventually
from tests.flows.wire import Wire

REQUESTS = (
    b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"
    b"PATCH /v2/a/blobs/uploads/1?s=2 HTTP/1.1\r\ncontent-length: 10\r\n\r\n0123456789"
    b"PATCH /v2/a/blobs/uploads/1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    b"a\r\n\r\n\r\n345678\r\n0\r\n\r\n"
    b"PUT /v2/a/blobs/uploads/1?digest=sha256%3Aab HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
)
SEEN = [
    ("GET", "/v2/", 0, ""),
    ("PATCH", "/v2/a/blobs/uploads/1", 10, ""),
    ("PATCH", "/v2/a/blobs/uploads/1", 13, ""),
    ("PUT", "/v2/a/blobs/uploads/1", 0, "sha256:ab"),
]


@given(st.lists(st.integers(0, len(REQUESTS)), max_size=12).map(sorted))
def test_requests_are_read_however_they_are_cut_up(marks: list[int]):
    found: list[Asked] = []
    reader = Reader(found.append)
    for first, last in zip([0, *marks], [*marks, len(REQUESTS)], strict=True):
        reader.feed(REQUESTS[first:last])
    assert [(each.method, each.path, each.sent, each.digest) for each in found] == SEEN


def test_it_counts_what_is_uploaded():
    with MemoryRegistry() as registry, cable_to(registry.url) as cable:
        content = image(size=200_000)
        pushes.push_content(Wire(cable.url), "a/b", content)
        assert cable.sent_of() == {digest: len(payload) for digest, payload in content.blobs.items()}
        assert cable.committed == dict.fromkeys(content.blobs, 1)
        assert cable.uploaded == sum(map(len, content.blobs.values()))


def test_it_cuts_where_it_is_told_to_and_swallows_as_long_as_it_is_told_to():
    with MemoryRegistry() as registry, cable_to(registry.url) as cable:
        cable.cuts.append(100_000)
        with pytest.raises(urllib3.exceptions.HTTPError):
            pushes.push_content(Wire(cable.url), "a/b", image(size=200_000))
        assert not cable.cuts
        assert cable.sent < 400_000
        cable.swallows = True
        with pytest.raises(urllib3.exceptions.HTTPError):
            Wire(cable.url).request("GET", "/v2/", timeout=0.2)
        cable.swallows = False
        eventually(lambda: Wire(cable.url).request("GET", "/v2/").status == 200, "it goes on swallowing")
