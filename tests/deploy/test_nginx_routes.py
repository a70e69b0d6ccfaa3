"""Every route of nginx, before a real Distribution and a stand-in for Django."""

import base64
import hashlib
import os
import random
import re
import shutil
import socket
from collections.abc import Iterator

import pytest
from django.conf import settings

from deploy.nginx import LANGUAGE_COOKIE
from tests.deploy.front import BAD, GOOD, Front, running_front

BLOB = random.Random(70).randbytes(70_000)  # the same in every worker: digests stand in names of tests
HEX = hashlib.sha256(BLOB).hexdigest()
PATH = f"/v2/acme/tools/cli/blobs/sha256:{HEX}"


def begin(front: Front, repository: str = "acme/tools/cli") -> str:
    """Start an upload at Distribution itself, as Django would."""
    host, port = front.registry.split(":")
    with socket.create_connection((host, int(port))) as link:
        link.sendall(f"POST /v2/{repository}/blobs/uploads/ HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        answer = b""
        while more := link.recv(65536):
            answer += more
    return next(line[10:] for line in answer.decode().split("\r\n") if line.lower().startswith("location: "))


def commit(location: str, digest: str) -> str:
    return f"{location}&digest={digest}"


@pytest.fixture
def blob(front: Front) -> str:
    answer = front.ask("PUT", commit(begin(front), f"sha256:{HEX}"), BLOB, GOOD)
    assert answer.status == 201, answer
    front.asked.clear()
    return PATH


def test_it_sends_a_blob_from_the_store_when_the_gate_says_yes(front, blob):
    answer = front.ask("GET", blob, headers=GOOD)
    assert (answer.status, answer.body) == (200, BLOB)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Docker-Content-Digest"] == f"sha256:{HEX}"
    assert answer.headers.get_all("ETag") == [f'"sha256:{HEX}"']
    assert answer.headers["Cache-Control"] == "max-age=31536000, private"
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert len(answer.headers["X-Request-Id"]) == 32
    assert front.to_django() == []


def test_it_answers_head_and_ranges_of_a_blob(front, blob):
    head = front.ask("HEAD", blob, headers=GOOD)
    assert (head.status, head.headers["Content-Length"], head.body) == (200, str(len(BLOB)), b"")
    part = front.ask("GET", blob, headers=GOOD | {"Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, BLOB[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(BLOB)}"
    beyond = front.ask("GET", blob, headers=GOOD | {"Range": "bytes=70000-"})
    assert (beyond.status, beyond.code) == (416, "RANGE_INVALID")
    assert beyond.headers["Content-Range"] == f"bytes */{len(BLOB)}"


def test_it_asks_the_gate_once_for_a_token_and_a_repository(front, blob):
    token = {"Authorization": "Bearer good"}
    for _ in range(3):
        assert front.ask("GET", blob, headers=token).status == 200
    assert len(front.to_gate()) <= 1
    for asked in front.to_gate():
        assert (asked.path, asked.headers["x-repository"]) == ("/internal/gate/pull", "acme/tools/cli")


def test_a_blob_that_was_unlinked_a_moment_ago_is_not_sent_though_its_file_is_still_open(front, blob):
    assert front.ask("GET", blob, headers=GOOD).status == 200
    link = front.store / f"docker/registry/v2/repositories/acme/tools/cli/_layers/sha256/{HEX}/link"
    kept = link.read_bytes()
    try:
        link.unlink()
        assert front.ask("GET", blob, headers=GOOD).body == b'{"by":"django"}'
    finally:
        link.write_bytes(kept)
    assert front.ask("GET", blob, headers=GOOD).body == BLOB


def test_a_refusal_is_said_by_django_and_not_remembered(front, blob):
    for _ in range(2):
        answer = front.ask("GET", blob, headers=BAD)
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
        assert answer.headers.get_all("WWW-Authenticate") == ["Bearer realm=here"]
    assert len(front.to_gate()) == 2
    assert [asked.path for asked in front.to_django()] == [blob, blob]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic Z29vZA=="},
        GOOD | {"If-None-Match": f'"sha256:{HEX}"'},
        GOOD | {"If-Modified-Since": "Tue, 01 Jan 2030 00:00:00 GMT"},
        GOOD | {"If-Match": '"x"'},
    ],
)
def test_what_needs_a_thought_goes_to_django(front, blob, headers):
    front.ask("GET", blob, headers=headers)
    assert [asked.path for asked in front.to_django()] == [blob]
    assert front.to_gate() == []


def test_a_blob_of_another_repository_goes_to_django(front, blob):
    other = blob.replace("acme/tools/cli", "acme/other")
    front.ask("GET", other, headers=GOOD)
    assert [asked.path for asked in front.to_django()] == [other]


def test_django_sends_a_blob_by_x_accel_redirect_with_its_headers(front, blob):
    answer = front.ask("GET", f"/accel/{HEX}")
    assert (answer.status, answer.body) == (200, BLOB)
    assert answer.headers["Docker-Content-Digest"] == f"sha256:{HEX}"
    assert answer.headers.get_all("ETag") == [f'"sha256:{HEX}"']
    assert answer.headers["Cache-Control"] == "private"
    assert answer.headers["Content-Type"] == "application/x-blob"
    gone = front.ask("GET", f"/accel/{'0' * 64}")
    assert (gone.status, gone.code) == (404, "BLOB_UNKNOWN")


@pytest.mark.parametrize("chunked", [False, True])
def test_patch_streams_to_distribution_behind_the_gate(front, chunked):
    location = begin(front)
    answer = front.ask("PATCH", location, BLOB, GOOD | {"Content-Type": "text/plain"}, chunked=chunked)
    assert (answer.status, answer.headers["Range"]) == (202, f"0-{len(BLOB) - 1}")
    assert answer.headers["Location"].startswith("/v2/acme/tools/cli/blobs/uploads/")
    assert len(answer.headers["X-Request-Id"]) == 32
    [asked] = front.asked
    assert (asked.method, asked.path, asked.body) == ("GET", "/internal/gate/push", b"")
    assert asked.headers["x-repository"] == "acme/tools/cli"
    assert asked.headers["x-original-method"] == "PATCH"
    assert asked.headers["x-original-uri"] == location
    assert asked.headers["x-upload"] == location.partition("?")[0].rpartition("/")[2]
    assert "content-range" not in asked.headers


def test_the_gate_sees_the_content_range_and_the_client(front):
    front.ask("PATCH", begin(front), b"x", GOOD | {"Content-Range": "7-7", "User-Agent": "docker/27"})
    [asked] = front.asked
    assert (asked.headers["content-range"], asked.headers["user-agent"]) == ("7-7", "docker/27")
    assert asked.headers["host"] == f"127.0.0.1:{front.port}"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("digest", ["", f"&digest=sha256:{HEX}", f"&digest=sha512:{'0' * 128}"])
def test_a_refused_upload_gets_djangos_words_and_its_bytes_are_thrown_away(front, chunked, digest):
    location = begin(front) + digest
    method = "PUT" if digest else "PATCH"
    body = bytes(20 * 1024 * 1024)
    before = front.bodies_put_on_disk
    answer = front.ask(method, location, body, BAD, chunked=chunked)
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert answer.headers.get_all("WWW-Authenticate") == ["Bearer realm=here"]
    [asked] = front.to_django()
    assert (asked.method, asked.path, asked.body) == (method, location, b"")
    assert "transfer-encoding" not in asked.headers
    assert front.bodies_put_on_disk == before


def test_a_failing_gate_is_no_yes(front):
    answer = front.ask("PATCH", begin(front), b"bytes", {"Authorization": "Bearer boom"})
    assert (answer.status, answer.body) == (500, b"boom")  # Django's own answer to the same request
    assert [asked.method for asked in front.to_django()] == ["PATCH"]


@pytest.mark.parametrize("digest", [f"sha512:{hashlib.sha512(BLOB).hexdigest()}", "md5:00", "sha1:"])
def test_a_commit_by_another_digest_goes_to_django_with_its_bytes(front, digest):
    location = commit(begin(front), digest)
    assert front.ask("PUT", location, BLOB, GOOD, chunked=True).body == b'{"by":"django"}'
    gate, django = front.asked
    assert (gate.path, gate.headers["x-original-method"]) == ("/internal/gate/push", "PUT")
    assert (django.method, django.path, django.body) == ("PUT", location, BLOB)
    assert django.headers["content-length"] == str(len(BLOB))


def test_an_upload_in_one_request_goes_to_django_with_its_bytes_behind_the_gate(front):
    path = f"/v2/acme/app/blobs/uploads/?digest=sha256:{HEX}"
    body = bytes(6 * 1024 * 1024)
    before = front.bodies_put_on_disk
    assert front.ask("POST", path, body, GOOD).status == 200
    assert front.bodies_put_on_disk == before + 1
    gate, django = front.asked
    assert (gate.headers["x-original-method"], gate.headers["x-repository"]) == ("POST", "acme/app")
    assert (django.method, django.path, len(django.body)) == ("POST", path, len(body))
    front.asked.clear()
    assert front.ask("POST", path, BLOB, BAD).status == 401
    assert [len(asked.body) for asked in front.to_django()] == [0]


def test_other_methods_of_an_upload_go_to_django(front):
    location = begin(front)
    for method in ("GET", "DELETE"):
        assert front.ask(method, location, headers=GOOD).body == b'{"by":"django"}'
    front.ask("POST", "/v2/acme/app/blobs/uploads/?mount=sha256:1&from=acme/x", b"", GOOD)
    assert [asked.method for asked in front.asked] == ["GET", "DELETE", "POST"]


def test_distributions_own_refusals_reach_the_client(front):
    done = begin(front)
    assert front.ask("PUT", commit(done, f"sha256:{HEX}"), BLOB, GOOD).status == 201
    answer = front.ask("PATCH", done, b"x", GOOD)
    assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_an_upload_that_distribution_calls_wrong_is_told_to_django_to_throw_away(front):
    location = commit(begin(front), f"sha256:{'0' * 64}")
    front.ask("PUT", location, b"x", GOOD | {"X-Upload-Failed": "mine"})
    [asked] = front.to_django()
    assert (asked.method, asked.path, asked.body, asked.headers["x-upload-failed"]) == (
        "PUT",
        location,
        b"",
        "upstream",
    )


@pytest.mark.parametrize("headers", [GOOD, BAD])
def test_no_client_can_say_that_an_upload_failed(front, headers):
    location = begin(front)
    for method, path in (("PUT", commit(location, "sha512:0")), ("PATCH", location), ("GET", location)):
        front.ask(method, path, b"x", headers | {"X-Upload-Failed": "upstream", "X-Content-Length": "7"})
    assert front.asked
    assert not any(asked.headers.get("x-upload-failed") == "upstream" for asked in front.asked)
    assert not any(asked.headers.get("x-content-length") == "7" for asked in front.asked)


def test_a_refused_upload_comes_to_django_as_refused_and_without_its_bytes(front):
    location = begin(front)
    front.ask("PUT", commit(location, f"sha512:{'0' * 128}"), b"bytes", BAD)
    [asked] = front.to_django()
    assert (asked.method, asked.body) == ("PUT", b"")
    assert (asked.headers["x-upload-failed"], asked.headers["x-content-length"]) == ("gate", "5")


def test_the_gate_learns_how_long_a_chunk_is(front):
    front.ask("PATCH", begin(front), b"hello", GOOD | {"Content-Range": "0-4"})
    [asked] = [asked for asked in front.to_gate() if "content-range" in asked.headers]
    assert asked.headers["x-content-length"] == "5"


def test_bodies_that_belong_nowhere_are_limited(front):
    body, before = bytes(512 * 1024 + 1), front.bodies_put_on_disk
    for path in ("/v2/acme/app/blobs/uploads/", "/v2/acme/app/tags/list", "/api/v2.0/projects", "/service/token"):
        for chunked in (False, True):
            answer = front.ask("POST", path, body, GOOD, chunked=chunked)
            assert (answer.status, answer.code) == (413, "SIZE_INVALID")
    assert front.asked == []
    assert front.bodies_put_on_disk == before


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_manifest_goes_to_django_behind_the_gate(front, chunked):
    body = os.urandom(5 * 1024 * 1024)
    path = "/v2/acme/tools/cli/manifests/1.0?tag=a"
    assert front.ask("PUT", path, body, GOOD, chunked=chunked).status == 200
    [gate], [django] = front.to_gate(), front.to_django()
    assert (gate.path, gate.headers["x-repository"]) == ("/internal/gate/push", "acme/tools/cli")
    assert gate.headers["x-original-method"] not in {"PUT", "PATCH"}
    assert (django.method, django.path, django.body) == ("PUT", path, body)
    assert front.ask("PUT", path, body + b"x", GOOD, chunked=chunked).code == "SIZE_INVALID"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_strangers_manifest_is_thrown_away(front, chunked):
    before = front.bodies_put_on_disk
    answer = front.ask("PUT", "/v2/acme/app/manifests/1", bytes(5 * 1024 * 1024), BAD, chunked=chunked)
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert answer.headers.get_all("WWW-Authenticate") == ["Bearer realm=here"]
    assert [(asked.method, asked.path, asked.body) for asked in front.to_django()] == [
        ("PUT", "/v2/acme/app/manifests/1", b"")
    ]
    assert front.bodies_put_on_disk == before


@pytest.mark.parametrize(
    "path",
    [
        "/internal/gate/pull", "/internal", "//internal/gate/pull", "/%69nternal/gate/pull", "/x/../internal/gate/push",
        "/x/..%2finternal/gate/pull", "/_gate/pull", "/_gate/push", f"/_blob/{HEX[:2]}/{HEX}", "/_refused",
        "/_buffered", "/_stopped", "/_stored", "/_django", "/_say/503", "/_", "/_x",
    ],
)  # fmt: skip
def test_internal_places_are_not_found_from_outside(front, path):
    answer = front.ask("GET", path, headers=GOOD)
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/json")
    assert front.asked == []


@pytest.mark.parametrize(
    "path",
    [
        f"/v2/acme/tools/cli%2f..%2fcli/blobs/sha256:{HEX}",
        f"/v2/acme/x/../tools/cli/blobs/sha256:{HEX}",
        f"/v2/acme/tools/%63li/blobs/sha256:{HEX}",
    ],
)
def test_an_odd_spelling_is_judged_by_what_it_names(front, blob, path):
    """nginx reads the path as the plain one: the gate is asked about that repository and no other."""
    front.asked.clear()
    answer = front.ask("GET", path, headers={"Authorization": "Bearer bad"})
    assert answer.status == 401
    assert {asked.headers["x-repository"] for asked in front.to_gate()} == {"acme/tools/cli"}


@pytest.mark.parametrize(
    "name", ["..", "acme/..", "acme/_layers", "Acme/x", "acme/x%00", "acme/x%0d%0aA:b", "acme/%c3%a9"]
)
def test_names_that_are_none_reach_neither_store_nor_distribution(front, blob, name):
    answer = front.ask("GET", f"/v2/{name}/blobs/sha256:{HEX}", headers=GOOD)
    assert front.to_gate() == []
    assert answer.body != BLOB


def test_what_was_judged_is_what_goes_upstream(front):
    location = begin(front)
    crooked = location.replace("/v2/acme/tools/cli/", "/v2/acme/other/../tools/%63li/")
    assert front.ask("PATCH", crooked, b"x", GOOD).status == 202
    [asked] = front.asked
    assert asked.headers["x-repository"] == "acme/tools/cli"


def test_a_name_of_a_mebibyte_is_refused_in_json(front):
    answer = front.ask("GET", f"/v2/{'a' * 1024 * 1024}/tags/list")
    assert (answer.status, answer.headers["Content-Type"], answer.code) == (414, "application/json", "UNSUPPORTED")
    header = front.ask("GET", "/v2/", headers={"X-Long": "a" * 1024 * 1024})
    assert (header.status, header.code) == (400, "UNSUPPORTED")


def test_a_token_of_many_scopes_fits(front):
    assert front.ask("GET", "/x", headers={"Authorization": "Bearer " + "a" * 15_000}).status == 200


def test_rubbish_is_answered_with_json(front):
    with socket.create_connection(("127.0.0.1", front.port)) as link:
        link.sendall(b"NONSENSE\r\n\r\n")
        assert b'"errors"' in link.recv(65536)


@pytest.mark.parametrize(
    "line",
    ["GET /v2/ HTTP/2.0\r\nHost: x", "PUT /v2/acme/x/manifests/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: squeezed"],
)
def test_a_version_or_an_encoding_that_is_none_is_the_clients_fault(front, line):
    with socket.create_connection(("127.0.0.1", front.port)) as link:
        link.sendall(line.encode() + b"\r\nConnection: close\r\n\r\n")
        answer = link.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"errors"' in answer
    assert front.asked == []


def test_a_digest_whose_name_is_escaped_is_a_digest(front):
    answer = front.ask("PUT", commit(begin(front), f"sha256:{HEX}").replace("&digest", "&%64igest"), BLOB, GOOD)
    assert (answer.status, answer.headers["Docker-Content-Digest"]) == (201, f"sha256:{HEX}")
    assert front.to_django() == []


def test_django_learns_host_scheme_address_and_request_id(front):
    front.ask("GET", "/x", headers={"Host": "registry.example", "X-Real-IP": "6.6.6.6", "X-Request-Id": "mine"})
    [asked] = front.asked
    assert asked.headers["host"] == "registry.example"
    assert asked.headers["x-forwarded-proto"] == "http"
    assert asked.headers["x-real-ip"] == "127.0.0.1"
    assert len(asked.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    ("path", "sent", "kept"),
    [
        ("/api/v2.0/projects", "trace-7:a.b_C", True),
        ("/api/v2.0/projects?q=name%3Dx", "trace-7", True),
        ("/api/v2.0/projects?q=a|b", "trace-7", False),
        ("/api/v2.0/projects", "x" * 65, False),
        ("/api/v2.0/projects", "a b", False),
        ("/api/v2.0/projects", '"><', False),
        ("/v2/", "trace-7", False),
        ("/service/token?service=/api/v2.0/", "trace-7", False),
    ],
)
def test_a_client_of_the_rest_api_may_name_its_request(front, path, sent, kept):
    answer = front.ask("GET", path, headers=GOOD | {"X-Request-Id": sent})
    [name] = answer.headers.get_all("X-Request-Id")
    assert name == front.asked[-1].headers["x-request-id"]
    assert (name == sent) is kept
    assert kept or len(name) == 32


def test_a_trusted_balancer_tells_address_and_scheme(front):
    front.ask("GET", "/x", headers={"X-Forwarded-For": "9.9.9.9, 127.0.0.1", "X-Forwarded-Proto": "https"})
    front.ask("GET", "/y", headers={"X-Forwarded-Proto": "gopher"})
    told, lied = front.asked
    assert (told.headers["x-real-ip"], told.headers["x-forwarded-proto"]) == ("9.9.9.9", "https")
    assert lied.headers["x-forwarded-proto"] == "http"


def test_pages_are_compressed_and_json_is_not(front):
    answer = front.ask("GET", "/x", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers


def test_without_django_it_says_so_in_json_at_once(own_front):
    location = begin(own_front)
    own_front.django.shutdown()
    own_front.django.server_close()
    for method, path in (("GET", PATH), ("GET", "/"), ("PATCH", location), ("POST", "/v2/a/b/blobs/uploads/?digest=x")):
        answer = own_front.ask(method, path, None if method == "GET" else b"x", GOOD)
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "UNAVAILABLE", "2"), (method, path)


def test_without_distribution_an_upload_is_503_in_json(own_front):
    location = begin(own_front)
    own_front.distribution.kill()
    own_front.distribution.wait()
    answer = own_front.ask("PATCH", location, BLOB, GOOD)
    assert (answer.status, answer.code) == (503, "UNAVAILABLE")


def test_a_failure_of_distribution_is_told_from_its_absence(own_front):
    """Its disk is gone: who waits until it is back would wait in vain."""
    location = begin(own_front)
    shutil.rmtree(own_front.store)
    own_front.store.write_bytes(b"no directory")
    answer = own_front.ask("PATCH", location, BLOB, GOOD)
    assert (answer.status, answer.code) == (500, "UNKNOWN")
    assert own_front.to_django() == []


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def away_front(tmp_path_factory) -> Iterator[Front]:
    """Its Django has ended."""
    with running_front(tmp_path_factory.mktemp("away")) as running:
        running.django.shutdown()
        running.django.server_close()
        yield running


def test_without_django_people_see_a_page_that_asks_again(away_front):
    answer = away_front.ask("GET", "/projects?q=x", headers=BROWSER)
    assert (answer.status, answer.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("5", "no-store")
    text = answer.body.decode()
    assert '<meta http-equiv="refresh" content="5">' in text
    assert "not answering just now" in text
    assert not re.findall(r"""(?:src|href|url\()\s*=?["']?https?:""", text)
    [style] = re.findall("<style>(.*)</style>", text)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]
    sent = away_front.ask("POST", "/new-project", b"name=x", BROWSER)
    assert (sent.status, b"refresh" in sent.body, b"was not carried out" in sent.body) == (503, False, True)


def test_the_page_is_in_the_readers_language_and_colours(away_front):
    for headers, language, theme in [
        ({"Accept-Language": "ja-JP,en;q=0.5"}, "ja", ""),
        ({"Accept-Language": "zh-CN"}, "zh-hans", ""),
        ({"Accept-Language": "fr,ja;q=0.5"}, "en", ""),
        ({"Accept-Language": "ja", "Cookie": "theme=dark; language=zh-hans"}, "zh-hans", "dark"),
        ({"Accept-Language": "ja", "Cookie": "language=en; theme=<b>"}, "en", ""),
    ]:
        answer = away_front.ask("GET", "/", headers=BROWSER | headers)
        assert answer.status == 503
        assert f'<html lang="{language}" data-bs-theme="{theme}">' in answer.body.decode()


def test_without_django_clients_are_told_in_json_whatever_they_accept(away_front):
    for path in ("/api/v2.0/projects", "/v2/", "/v2", "/service/token?scope=x", "//v2/_catalog", "/internal/x"):
        answer = away_front.ask("GET", path, headers=BROWSER)
        assert (answer.status, answer.headers["Content-Type"]) in {(503, "application/json"), (404, "application/json")}
        assert answer.code in {"UNAVAILABLE", "NAME_UNKNOWN"}


def test_pages_and_settings_agree_on_the_languages_cookie():
    assert settings.LANGUAGE_COOKIE_NAME == LANGUAGE_COOKIE
