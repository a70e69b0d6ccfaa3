"""Hostile input at the front door: names, paths, headers and bodies of any kind; never a 5xx, never a leak."""

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flows import raw
from tests.flows.conformance import pushes
from tests.flows.conftest import People
from tests.flows.content import OCI_MANIFEST, image
from tests.flows.stacks import Running
from tests.flows.wire import digest_of, parse_challenge

HOSTILE_NAMES = {
    "dot dot": b"library/../../etc/passwd",
    "dot": b"library/./x",
    "encoded dots": b"library/%2e%2e/%2e%2e/etc",
    "double encoded dots": b"library/%252e%252e/x",
    "encoded slash": b"library%2Fapp",
    "encoded backslash": b"library%5Capp",
    "backslash": b"library\\app",
    "double slash": b"library//app",
    "leading slash": b"/library/app",
    "trailing slash": b"library/app/",
    "upper case": b"library/App",
    "unicode": "library/häfen".encode(),
    "encoded unicode": b"library/h%C3%A4fen",
    "bad utf-8": b"library/\xff\xfe",
    "encoded bad utf-8": b"library/%ff%fe",
    "overlong utf-8": b"library/%c0%ae%c0%ae/x",
    "encoded NUL": b"library/app%00",
    "encoded CRLF": b"library/app%0d%0aSet-Cookie:%20a=b",
    "encoded newline": b"library/app%0a",
    "encoded space": b"library/a%20b",
    "sql": b"library/a'%3bdrop%20table%20tags--",
    "template": b"library/%7b%7b7*7%7d%7d",
    "one component": b"app",
    "empty": b"",
    "separators": b"library/a..b",
    "leading dash": b"-library/app",
    "300 characters": b"library/" + b"a" * 300,
    "60 kB": b"library/" + b"a" * 60_000,
    "1 MiB": b"library/" + b"a" * (1 << 20),
    "a thousand components": b"/".join([b"a"] * 1000),
    "question": b"library/a%3fb",
    "hash": b"library/a%23b",
    "half an escape": b"library/a%",
    "a bad escape": b"library/a%zz",
}
ENDS = [
    b"/tags/list",
    b"/manifests/latest",
    b"/blobs/" + digest_of(b"x").encode(),
    b"/referrers/" + digest_of(b"x").encode(),
]


@pytest.fixture(scope="module")
def token(stack: Running, people: People) -> str:
    """A token with every right in one repository, where something lies."""
    pushes.push_content(stack.wire(), "library/fuzz", image())
    wire = stack.wire()
    scope = "repository:library/fuzz:pull,push,delete"
    challenge = parse_challenge(wire.send("GET", f"{stack.url}/v2/").headers["WWW-Authenticate"])
    found = wire.token_for(challenge | {"scope": scope})
    assert found
    return found


def oci_error(answer: raw.RawAnswer | None) -> None:
    """Refused with a 4xx, and said so in OCI's JSON."""
    assert answer is not None, "the connection was closed without an answer"
    assert 400 <= answer.status < 500, f"{answer.status}: {answer.head} {answer.body[:300]!r}"
    try:
        assert json.loads(answer.body)["errors"][0]["code"]
    except (ValueError, KeyError, IndexError, TypeError):
        pytest.fail(f"no OCI error: {answer.head}\n{answer.body[:300]!r}")


@pytest.mark.parametrize("end", ENDS, ids=["tags", "manifest", "blob", "referrers"])
@pytest.mark.parametrize("name", list(HOSTILE_NAMES))
def test_a_hostile_name_is_refused_in_words(name: str, end: bytes, stack: Running, token: str) -> None:
    headers = {b"Authorization": b"Bearer " + token.encode()}
    answer = raw.request(stack.url, b"GET", b"/v2/" + HOSTILE_NAMES[name] + end, headers)
    oci_error(answer)
    assert answer is not None
    assert "set-cookie" not in answer.head.lower()


@pytest.mark.parametrize("name", list(HOSTILE_NAMES))
def test_a_push_to_a_hostile_name_is_refused(name: str, stack: Running, token: str) -> None:
    headers = {b"Authorization": b"Bearer " + token.encode()}
    oci_error(raw.request(stack.url, b"POST", b"/v2/" + HOSTILE_NAMES[name] + b"/blobs/uploads/", headers))
    oci_error(raw.request(stack.url, b"PUT", b"/v2/" + HOSTILE_NAMES[name] + b"/manifests/x", headers, b"{}"))


@pytest.mark.parametrize(
    "line",
    [
        b"GET /v2/library/a\x00b/tags/list HTTP/1.1",
        b"GET /v2/library/a b/tags/list HTTP/1.1",
        b"GET /v2/library/a\x7fb/tags/list HTTP/1.1",
        b"GET /v2/library/a\x01b/tags/list HTTP/1.1",
    ],
    ids=["NUL", "space", "DEL", "control"],
)
def test_a_request_line_that_is_none_is_a_client_error(line: bytes, stack: Running) -> None:
    answer = raw.exchange(stack.url, line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    oci_error(answer)


def test_a_crlf_in_a_name_splits_no_answer(stack: Running) -> None:
    """What follows the line break is another header of the request, never one of the answer."""
    answer = raw.exchange(stack.url, b"GET /v2/x/y\r\nSet-Cookie: a=b/tags/list HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer is None or (answer.status < 500 and "a=b" not in answer.head)


@pytest.mark.parametrize(
    "path", ["/internal/gate/pull", "/internal/gate/push", "/_gate/pull", "/_gate/push", "/_blob/aa/x"]
)
def test_the_inside_is_not_reachable(path: str, stack: Running, token: str) -> None:
    for method in (b"GET", b"POST", b"HEAD"):
        for way in (path, "/x/.." + path, path.replace("/", "//", 1), path.replace("a", "%61")):
            answer = raw.request(stack.url, method, way.encode(), {b"Authorization": b"Bearer " + token.encode()})
            assert answer is not None
            assert answer.status in (400, 404, 405), f"{method!r} {way}: {answer.head}"


def test_what_lies_beside_the_blobs_is_not_served(stack: Running, token: str) -> None:
    headers = {b"Authorization": b"Bearer " + token.encode()}
    for path in (b"/v2/library/fuzz/blobs/../../../../../env", b"/v2/library/fuzz/blobs/%2e%2e/%2e%2e/env", b"/env"):
        answer = raw.request(stack.url, b"GET", path, headers)
        assert answer is not None
        assert answer.status >= 400
        assert b"DATABASE_URL" not in answer.body


WORDS = [
    "library",
    "fuzz",
    "blobs",
    "manifests",
    "uploads",
    "tags",
    "list",
    "referrers",
    "_catalog",
    "latest",
    "..",
    "",
]
WORDS += [digest_of(b"x"), digest_of(b"x", "sha512"), "sha256:x", "%2e%2e", "%00", "%ff"]
WORDS += ["3fbd1b6c-3a3f-4f5e-a0f9-9a2dd0f5d001"]
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0 #?", min_codepoint=33), max_size=40),
)
ROUTES = st.one_of(
    st.lists(PIECES, max_size=7).map(lambda parts: "/v2/" + "/".join(parts)),
    st.tuples(st.sampled_from(["manifests", "blobs", "blobs/uploads", "tags", "referrers"]), PIECES).map(
        lambda pair: f"/v2/library/fuzz/{pair[0]}/{pair[1]}"
    ),
)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
QUERIES = st.dictionaries(
    st.sampled_from(["n", "last", "digest", "mount", "from", "tag", "artifactType", "_state", "x"]),
    st.one_of(
        st.sampled_from([digest_of(b"x"), "-1", "999999999999999999999", "%", "library/fuzz", "../x", "%00"]), TEXT
    ),
    max_size=3,
)
HEADER_NAMES = ["Accept", "Range", "Content-Range", "Content-Type", "If-None-Match", "If-Match", "If-Modified-Since"]
HEADER_NAMES += ["Cookie", "X-Forwarded-Proto", "X-Request-Id", "X-Repository", "X-Upload", "X-Original-Uri", "Origin"]
HEADER_VALUES = [OCI_MANIFEST, "bytes=0-", "0-9", "bytes=9-1,-5,,", "*", '"x"', "Thu, 01 Jan 1970 00:00:00 GMT"]
HEADERS = st.dictionaries(st.sampled_from(HEADER_NAMES), st.one_of(st.sampled_from(HEADER_VALUES), TEXT), max_size=4)
BODIES = st.one_of(
    st.just(b""),
    st.binary(max_size=200),
    st.sampled_from([b"{}", b"[]", b"null", b'{"schemaVersion":2}', b"[" * 5000, b'{"a":' * 3000, b'"\\ud800"']),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["config", "layers", "manifests", "digest", "size", "mediaType", "subject"]), inner
            )
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "FOO"])


def quoted(text: str) -> bytes:
    """As bytes that keep the request's own form: what would end a word of it is escaped."""
    return text.encode("utf-8", "surrogatepass").replace(b" ", b"%20").replace(b"\x85", b"%85")


REQUESTS = st.fixed_dictionaries(
    {"method": METHODS, "path": ROUTES, "query": QUERIES, "headers": HEADERS, "body": BODIES}
    | {"bearer": st.sampled_from(["ours", "e30.e30.xx", ""])}
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(REQUESTS)
def test_no_request_makes_the_front_door_fail(stack: Running, token: str, sent: dict[str, Any]) -> None:
    query = b"&".join(quoted(f"{name}={value}") for name, value in sent["query"].items())
    headers = {name.encode(): value.encode("latin-1") for name, value in sent["headers"].items()}
    bearer = token if sent["bearer"] == "ours" else sent["bearer"]
    headers |= {b"Authorization": b"Bearer " + bearer.encode()} if bearer else {}
    path = quoted(sent["path"]) + (b"?" + query if query else b"")
    answer = raw.request(stack.url, sent["method"].encode(), path, headers, sent["body"])
    assert answer is None or answer.status < 500, f"{answer.head}\n{answer.body[:500]!r}"


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300), st.sampled_from([OCI_MANIFEST, "", "application/json", "x/y;charset=utf-7"]))
def test_no_manifest_makes_the_front_door_fail(stack: Running, token: str, payload: bytes, media_type: str) -> None:
    sent = {b"Authorization": b"Bearer " + token.encode(), b"Content-Type": media_type.encode()}
    answer = raw.request(stack.url, b"PUT", f"/v2/library/fuzz/manifests/{os.urandom(3).hex()}".encode(), sent, payload)
    oci_error(answer)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([b"GET", b"POST"]),
    st.lists(
        st.tuples(st.sampled_from(["scope", "service", "account", "client_id", "offline_token", "grant_type"]), TEXT)
    ),
    st.one_of(st.just(b""), st.binary(max_size=100), st.just(b"grant_type=password&username=a&password=b")),
    st.one_of(st.none(), TEXT),
)
def test_no_request_makes_the_token_service_fail(
    stack: Running, method: bytes, query: list[tuple[str, str]], body: bytes, authorization: str | None
) -> None:
    line = b"/service/token?" + b"&".join(quoted(f"{name}={value}") for name, value in query)
    sent = {b"Content-Type": b"application/x-www-form-urlencoded"}
    sent |= {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    answer = raw.request(stack.url, method, line.replace(b"#", b"%23"), sent, body if method == b"POST" else b"")
    assert answer is None or answer.status < 500, f"{answer.head}\n{answer.body[:500]!r}"
