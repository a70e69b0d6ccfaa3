"""No input brings the registry's API to answer 5xx or anything but OCI's words."""

import json
import re
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from oci.digest import Digest
from oci.manifest import OCI_INDEX, OCI_MANIFEST
from proxy.uploads import FAILED
from tests.door import bearer

FUZZ = settings(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
DIGEST = str(Digest.of(b"{}"))
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PIECES = [
    "library",
    "a",
    "..",
    ".",
    "",
    "manifests",
    "blobs",
    "uploads",
    "tags",
    "list",
    "referrers",
    "_catalog",
    DIGEST,
]
segments = st.one_of(st.sampled_from(PIECES), st.text(max_size=12), st.text("a-._/%:@+\x00\r\n\u202e", max_size=8))
paths = st.lists(segments, max_size=7).map(lambda parts: "/v2/" + "/".join(quote(part, safe="%:") for part in parts))
texts = st.one_of(
    st.text(max_size=20), st.sampled_from(["", "0", "-1", "1e9", DIGEST, "library/a", "../x", "sha512:x"])
)
queries = st.dictionaries(
    st.sampled_from(["n", "last", "artifactType", "digest", "mount", "from", "tag", "_state", "x"]), texts, max_size=4
)
headers = st.dictionaries(
    st.sampled_from(
        ["Accept", "If-None-Match", "Content-Range", "Range", "X-Repository", "X-Upload", "X-Original-URI",
         "X-Original-Method", "X-Request-Id", "User-Agent", "X-Forwarded-Proto", "X-Upload-Failed"]
    ),
    st.one_of(texts, st.sampled_from([OCI_INDEX, "0-1", "PUT", "PATCH", "*", '"x"'])),
    max_size=4,
)  # fmt: skip


@pytest.fixture
def client(door):
    return bearer((door.repository, ["pull", "push", "delete"]), ("library/a", ["pull", "push", "delete"]))


def check(answer) -> None:
    request = answer.wsgi_request
    if request.method in {"PATCH", "PUT"} and "/blobs/uploads/" in request.path and answer.status_code == 503:
        return  # bytes that nginx would have passed upstream itself
    if request.method == "PUT" and request.META.get(FAILED) and answer.status_code == 503:
        return  # nginx says that it kept the manifest's bytes back
    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400 and answer.content:
        error = json.loads(answer.content)["errors"][0]
        assert re.fullmatch(r"[A-Z_]+", error["code"])
        assert error["message"]
    for name, value in answer.headers.items():
        assert "\r" not in name + value
        assert "\n" not in name + value


@FUZZ
@given(method=st.sampled_from(METHODS), path=paths, query=queries, extra=headers)
def test_any_request_under_v2(client, method, path, query, extra):
    sent = {name: value.encode("utf-8").decode("latin-1") for name, value in extra.items()}
    suffix = "?" + "&".join(f"{name}={quote(value)}" for name, value in query.items()) if query else ""
    check(client.generic(method, path + suffix, data=b"body", content_type="application/octet-stream", headers=sent))


ROUTES = ["manifests/{}", "blobs/{}", "blobs/uploads/{}", "referrers/{}", "tags/{}", "tags/list", "blobs/uploads/"]
urls = st.builds(lambda route, name: route.format(quote(name, safe=":")), st.sampled_from(ROUTES), texts)


@FUZZ
@given(method=st.sampled_from(METHODS), rest=urls, query=queries, extra=headers)
def test_any_request_to_a_repository(door, method, rest, query, extra):
    sent = {key: value.encode("utf-8").decode("latin-1") for key, value in extra.items()}
    suffix = "?" + "&".join(f"{key}={quote(value)}" for key, value in query.items()) if query else ""
    check(door.client.generic(method, door.url(rest) + suffix, data=b"body", content_type=OCI_MANIFEST, headers=sent))


@FUZZ
@given(gate=st.sampled_from(["pull", "push"]), extra=headers)
def test_any_question_to_the_gates(door, gate, extra):
    sent = {"X-Repository": door.repository} | {
        name: value.encode("utf-8").decode("latin-1") for name, value in extra.items()
    }
    check(door.client.get(f"/internal/gate/{gate}", headers=sent))


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just(DIGEST)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
descriptors = st.fixed_dictionaries(
    {"mediaType": st.one_of(st.sampled_from([OCI_MANIFEST, OCI_INDEX, "a/b"]), values), "digest": st.just(DIGEST)},
    optional={
        "size": st.one_of(st.just(2), values),
        "urls": values,
        "annotations": values,
        "platform": values,
        "data": values,
    },
)
documents = st.fixed_dictionaries(
    {"schemaVersion": st.one_of(st.just(2), values), "mediaType": st.sampled_from([OCI_MANIFEST, OCI_INDEX])},
    optional={
        "config": st.one_of(descriptors, values),
        "layers": st.one_of(st.lists(descriptors, max_size=2), values),
        "manifests": st.one_of(st.lists(descriptors, max_size=2), values),
        "subject": st.one_of(descriptors, values),
        "annotations": values,
        "artifactType": values,
    },
)


@FUZZ
@given(document=documents, content_type=st.sampled_from([OCI_MANIFEST, OCI_INDEX, "", "text/html", "a/b;c=\xff"]))
@example(document={"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": None}, content_type=OCI_INDEX)
def test_any_manifest(door, document, content_type):
    door.push_blob(b"{}")
    payload = json.dumps(document).encode("utf-8", "surrogatepass")
    answer = door.put("manifests/fuzz", payload, content_type)
    check(answer)
    if answer.status_code == 201:
        pulled = door.get("manifests/fuzz")
        check(pulled)
        assert pulled.content == payload
        check(door.get(f"referrers/{DIGEST}"))
