"""Vendors' own APIs: JSON both ways, within the same rules as registries."""

import json
from collections.abc import Iterator

import pytest

from oci.credential import BearerToken, Credential
from oci.errors import (
    Denied,
    Failed,
    NameUnknown,
    PreconditionFailed,
    RegistryError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unknown,
)
from oci.listener import Listener, Reply
from oci.transport import Away, Lasting
from oci.vendor import MAX_JSON, JsonApi


class Vendor:
    """Answers what it is told, and notes what it was asked."""

    def __init__(self) -> None:
        self.replies: list[Reply | None] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self._listener = Listener(self._answer)
        self.url = f"http://127.0.0.1:{self._listener.port}"

    def _answer(self, *asked) -> Reply | None:
        self.asked.append(asked)
        return self.replies.pop(0) if self.replies else Reply(200, {}, b'{"fine": true}')

    def stop(self) -> None:
        self._listener.stop()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    made = Vendor()
    yield made
    made.stop()


def test_json_goes_both_ways(vendor):
    api = JsonApi(f"{vendor.url}/api/v2.0/", credential=Credential("me", "pw"), headers={"X-Own": "1"})
    assert api.get("/projects?name=a%2Fb").document == {"fine": True}
    assert api.post("/projects", {"ü": [1]}).status == 200
    assert api.put("/projects/1", {"a": None}).headers
    assert [(method, target) for method, target, _, _ in vendor.asked] == [
        ("GET", "/api/v2.0/projects?name=a%2Fb"),
        ("POST", "/api/v2.0/projects"),
        ("PUT", "/api/v2.0/projects/1"),
    ]
    assert all(headers["authorization"] == "Basic bWU6cHc=" for _, _, headers, _ in vendor.asked)
    assert all(headers["x-own"] == "1" and headers["accept"] == "application/json" for _, _, headers, _ in vendor.asked)
    assert json.loads(vendor.asked[1][3]) == {"ü": [1]}
    assert vendor.asked[1][2]["content-type"] == "application/json"


def test_forms_and_bytes_go_as_they_are(vendor):
    api = JsonApi(vendor.url, credential=BearerToken("t"))
    api.post("/oauth2/exchange", form={"grant_type": "access_token", "service": "a b&c"})
    api.post("/", b'{"registryIds":[]}', headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "x"})
    (_, _, first, form), (_, _, second, body) = vendor.asked
    assert (first["content-type"], form) == (
        "application/x-www-form-urlencoded",
        b"grant_type=access_token&service=a+b%26c",
    )
    assert first["authorization"] == "Bearer t"
    assert (second["content-type"], second["x-amz-target"], body) == (
        "application/x-amz-json-1.1",
        "x",
        b'{"registryIds":[]}',
    )


def test_what_has_no_body_has_no_document(vendor):
    api = JsonApi(vendor.url)
    vendor.replies = [Reply(204), Reply(202), Reply(200, {"X-Total-Count": "7"})]
    assert api.delete("/x").document is None
    assert api.delete("/x").status == 202
    assert api.head("/x").headers["X-Total-Count"] == "7"


def test_an_answer_that_is_expected_is_no_error(vendor):
    vendor.replies = [Reply(409, {}, b'{"errors":[{"code":"CONFLICT"}]}'), Reply(404)]
    api = JsonApi(vendor.url)
    assert api.post("/projects", {}, expected={201, 409}).status == 409
    assert api.head("/projects?project_name=x", expected={200, 404}).status == 404


@pytest.mark.parametrize(
    ("status", "payload", "kind", "words"),
    [
        (401, b"", Unauthorized, "authentication required"),
        (403, b'{"errors":[{"code":"FORBIDDEN","message":"not yours"}]}', Denied, "not yours"),
        (404, b'{"message":"404 Project Not Found"}', NameUnknown, "404 Project Not Found"),
        (412, b'{"detail":"a quota"}', PreconditionFailed, "a quota"),
        (409, b'{"error":"there\\nalready"}', Unknown, "there already"),
        (400, b'{"__type":"InvalidParameterException","message":"bad"}', Unknown, "bad"),
        (500, b"<html>", Failed, ""),
        (503, b'{"errors":[]}', Away, ""),
        (404, b'{"message":{"nested":true}}', NameUnknown, ""),
        (404, b"[" * 100_000, NameUnknown, ""),
        (404, b'{"errors":["x"]}', NameUnknown, ""),
    ],
)
def test_an_error_says_who_answered_what(vendor, status, payload, kind, words):
    vendor.replies = [Reply(status, {}, payload)]
    with pytest.raises(kind, match=rf"^127\.0\.0\.1:\d+ answered {status}: .*{words}") as raised:
        JsonApi(vendor.url).get("/x")
    assert type(raised.value) is kind


def test_it_is_as_patient_as_with_a_registry(vendor, monkeypatch):
    monkeypatch.setattr("oci.session.back_off", lambda _: 0.01)
    vendor.replies = [Reply(503), None, None, Reply(429, {"Retry-After": "0"})]
    assert JsonApi(vendor.url, tries=5).get("/x").document == {"fine": True}
    vendor.replies = [Reply(429, {"Retry-After": "1000"})]
    with pytest.raises(TooManyRequests) as raised:
        JsonApi(vendor.url, tries=5).get("/x")
    assert raised.value.retry_after == 1000


def test_no_redirect_is_followed_and_no_challenge_answered(vendor):
    vendor.replies = [
        Reply(302, {"Location": "http://elsewhere.example/"}),
        Reply(401, {"WWW-Authenticate": f'Bearer realm="{vendor.url}/token"'}),
    ]
    api = JsonApi(vendor.url, credential=Credential("me", "s3cret"))
    with pytest.raises(Lasting, match=r"redirects to 'http://elsewhere\.example/'"):
        api.get("/x")
    with pytest.raises(Unauthorized):
        api.get("/x")
    assert len(vendor.asked) == 2


@pytest.mark.parametrize("payload", [b"<html>", b"[" * 100_000, b"\xff", bytes(MAX_JSON + 1)], ids=len)
def test_what_is_not_json_is_an_error(vendor, payload):
    vendor.replies = [Reply(200, {}, payload)]
    with pytest.raises(Unavailable):
        JsonApi(vendor.url).get("/x")


def test_pages_are_followed_within_the_host(vendor):
    vendor.replies = [
        Reply(200, {"Link": '</api/v2.0/p?page=0>; rel="prev", </api/v2.0/p?page=2>; rel="next"'}, b"[1]"),
        Reply(200, {"Link": f"<{vendor.url}/api/v2.0/p?page=3>; rel=next"}, b"[2]"),
        Reply(200, {"Link": '</api/v2.0/p?page=2>; rel="prev"'}, b"[3]"),
    ]
    api = JsonApi(f"{vendor.url}/api/v2.0")
    assert [page.document for page in api.pages("/p")] == [[1], [2], [3]]
    assert [target for _, target, _, _ in vendor.asked] == [f"/api/v2.0/p{end}" for end in ("", "?page=2", "?page=3")]
    vendor.replies = [Reply(200, {"Link": "<https://elsewhere.example/>; rel=next"}, b"[]")]
    with pytest.raises(Lasting, match="another host"):
        list(api.pages("/p"))
    vendor.replies = [Reply(200, {"Link": "<?a>; rel=next"}, b"[]")] * 9
    with pytest.raises(Lasting, match="circle"):
        list(api.pages("/p"))


def test_an_api_on_this_machine_is_not_connected_to(vendor):
    with pytest.raises(Denied):
        JsonApi(vendor.url, private=False).get("/x")
    assert vendor.asked == []


def test_it_ends_at_once(vendor):
    api = JsonApi(vendor.url)
    api.abort()
    with pytest.raises(RegistryError, match="stopped"):
        api.get("/x")
