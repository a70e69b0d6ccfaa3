"""What every answer of the registry's API has in common: the tables of errors, masked faults, pieces that are away."""

import json
from http import HTTPStatus

import pytest
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, connection
from django.http.request import UnreadablePostError
from django.test import Client, RequestFactory

from artifacts.models import Manifest, Tag
from audit.models import AuditRecord
from audit.spool import SpoolError
from oci import errors
from oci.digest import Digest
from proxy import edge
from tests.door import Door, error_of, image, sign
from tests.people import forget_everything

ABSENT = str(Digest.of(b"nobody pushed this"))


def subclasses(kind: type[errors.RegistryError]) -> set[type[errors.RegistryError]]:
    found = {kind}
    for child in kind.__subclasses__():
        found |= subclasses(child)
    return found


def answer_to(error: Exception):
    @edge.endpoint("GET")
    def view(request):
        raise error

    return view(RequestFactory().get("/v2/"))


KINDS = sorted(
    (
        kind
        for kind in subclasses(errors.RegistryError)
        if kind.__module__ == "oci.errors" and kind is not errors.RegistryError
    ),
    key=lambda kind: kind.__name__,
)


def test_every_error_has_a_code_and_a_status_of_its_own():
    pairs = [(kind.code, kind.status) for kind in KINDS if kind is not errors.Failed]  # on the wire it is Unknown
    assert len(set(pairs)) == len(pairs)
    assert set(KINDS) == set(errors.KINDS)
    for code, status in pairs:
        assert code.replace("_", "").isupper()
        assert HTTPStatus(status) >= HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_said_in_ocis_json(kind):
    answer = answer_to(kind())
    assert error_of(answer) == (kind.status, kind.code)
    assert answer["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert ("Retry-After" in answer) == (kind.status in {429, 503})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.status < 500])
def test_a_clients_error_says_what_and_on_what(kind):
    body = json.loads(answer_to(kind("the words", detail={"name": "x"})).content)
    assert body["errors"] == [{"code": kind.code, "message": "the words", "detail": {"name": "x"}}]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.status >= 500])
def test_our_own_errors_tell_nothing_of_the_inside(kind):
    content = answer_to(kind("postgres at 10.0.0.7 said no", detail="secret")).content
    assert b"10.0.0.7" not in content
    assert b"secret" not in content


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OperationalError("10.0.0.7"), 503, "UNAVAILABLE"),
        (InterfaceError("10.0.0.7"), 503, "UNAVAILABLE"),
        (InternalError("10.0.0.7: cannot execute INSERT in a read-only transaction"), 503, "UNAVAILABLE"),
        (SpoolError("10.0.0.7"), 503, "UNAVAILABLE"),
        (RequestDataTooBig("10.0.0.7"), 413, "SIZE_INVALID"),
        (UnreadablePostError("10.0.0.7"), 400, "SIZE_INVALID"),
        (SuspiciousOperation("odd"), 400, "NAME_INVALID"),
        (TooManyFieldsSent("odd"), 400, "NAME_INVALID"),
        (BadRequest("odd"), 400, "NAME_INVALID"),
        (DatabaseError("10.0.0.7"), 500, "UNKNOWN"),
        (ValueError("10.0.0.7"), 500, "UNKNOWN"),
        (RecursionError("10.0.0.7"), 500, "UNKNOWN"),
    ],
)
def test_what_python_raises_becomes_a_registry_error(error, status, code):
    answer = answer_to(error)
    assert error_of(answer) == (status, code)
    assert b"10.0.0.7" not in answer.content


def test_every_entry_of_the_table_is_reached():
    """No entry stands behind one for its base class."""
    kinds = [kind for kind, _ in edge.ERRORS]
    for place, kind in enumerate(kinds):
        assert not any(issubclass(kind, before) for before in kinds[:place])


def test_a_fault_in_a_view_is_logged_and_masked(caplog):
    assert error_of(answer_to(KeyError("secret"))) == (500, "UNKNOWN")
    assert "KeyError" in caplog.text


# The database away


@pytest.fixture
def lost_database(door):
    """A repository with an image, and then nothing at PostgreSQL's address."""
    content = door.push(image())
    address = {name: connection.settings_dict[name] for name in ("HOST", "PORT")}
    connection.close()
    connection.settings_dict.update(HOST="127.0.0.1", PORT="1")
    yield door, content
    connection.close()
    connection.settings_dict.update(address)


REQUESTS = [
    ("get", "manifests/latest"),
    ("get", "tags/list"),
    ("get", f"referrers/{ABSENT}"),
    ("get", f"blobs/{ABSENT}"),
    ("delete", "manifests/latest"),
    ("delete", f"blobs/{ABSENT}"),
    ("post", "blobs/uploads/"),
    ("post", f"blobs/uploads/?mount={ABSENT}"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "rest"), REQUESTS)
def test_without_the_database_it_answers_503(lost_database, method, rest):
    door, _ = lost_database
    answer = getattr(door, method)(rest)
    assert error_of(answer) == (503, "UNAVAILABLE")
    assert answer["Retry-After"] == "2"


@pytest.mark.django_db(transaction=True)
def test_without_the_database_a_push_is_503(lost_database):
    door, content = lost_database
    assert error_of(door.put_manifest(content.top, "new")) == (503, "UNAVAILABLE")


@pytest.mark.django_db(transaction=True)
def test_the_catalog_without_the_database_is_503(lost_database):
    door, _ = lost_database
    assert error_of(door.client.get("/v2/_catalog")) == (503, "UNAVAILABLE")


@pytest.mark.django_db(transaction=True)
def test_a_process_that_knows_no_keys_yet_answers_503_not_401(lost_database):
    door, _ = lost_database
    forget_everything()
    assert error_of(door.get("manifests/latest")) == (503, "UNAVAILABLE")


@pytest.mark.django_db(transaction=True)
def test_blobs_are_let_through_the_gate_without_the_database(lost_database):
    door, _ = lost_database
    answer = door.client.get("/internal/gate/pull", headers={"X-Repository": door.repository})
    assert answer.status_code == 204


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_cut_is_replaced(door):
    content = door.push(image())
    pid = connection.connection.info.backend_pid
    with connection.copy().cursor() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        other.connection.close()
    assert door.get("manifests/latest").content == content.top.payload


# The upstream registry away


@pytest.fixture
def lost_registry(door, distribution):
    content = door.push(image())
    distribution.stop()
    return door, content


def test_manifests_and_known_blobs_are_served_without_the_registry(lost_registry):
    door, content = lost_registry
    assert door.get("manifests/latest").content == content.top.payload
    assert door.get("tags/list").status_code == 200
    for digest in content.blobs:
        assert "X-Accel-Redirect" in door.get(f"blobs/{digest}")


@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("get", f"blobs/{ABSENT}"),
        ("delete", f"blobs/{ABSENT}"),
        ("post", "blobs/uploads/"),
        ("post", f"blobs/uploads/?digest={ABSENT}"),
        ("get", "blobs/uploads/00000000-0000-0000-0000-000000000000?_state=x"),
        ("delete", "blobs/uploads/00000000-0000-0000-0000-000000000000?_state=x"),
    ],
)
def test_without_the_registry_it_answers_503(lost_registry, method, rest):
    door, _ = lost_registry
    answer = getattr(door, method)(rest)
    assert error_of(answer) == (503, "UNAVAILABLE")
    assert answer["Retry-After"] == "2"
    assert b"127.0.0.1" not in answer.content


def test_a_head_without_the_registry_is_503_too(lost_registry):
    door, _ = lost_registry
    assert door.head(f"blobs/{ABSENT}").status_code == 503


def test_without_the_registry_a_push_is_503_and_leaves_nothing(lost_registry):
    door, content = lost_registry
    records = AuditRecord.objects.count()
    other = {"schemaVersion": 2, "mediaType": content.top.media_type, **json.loads(content.top.payload), "x": 1}
    answer = door.put("manifests/new", json.dumps(other).encode(), content.top.media_type)
    assert error_of(answer) == (503, "UNAVAILABLE")
    assert Manifest.objects.count() == 1
    assert not Tag.objects.filter(name="new").exists()
    assert AuditRecord.objects.count() == records


def test_a_tag_moves_without_the_registry_when_the_manifest_is_there(lost_registry):
    door, content = lost_registry
    assert door.put_manifest(content.top, "again").status_code == 201


def test_it_recovers_by_itself(lost_registry, distribution):
    door, _ = lost_registry
    assert door.post("blobs/uploads/").status_code == 503
    distribution.start()
    assert door.post("blobs/uploads/").status_code == 202


# Methods and tokens


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v2/", "GET, HEAD"),
        ("/v2/_catalog", "GET, HEAD"),
        ("/v2/a/b/tags/list", "GET, HEAD"),
        ("/v2/a/b/manifests/x", "GET, HEAD, PUT, DELETE"),
        ("/v2/a/b/blobs/uploads/", "POST"),
        ("/v2/a/b/blobs/uploads/x", "GET, HEAD, DELETE, PATCH, PUT"),
    ],
)
def test_a_method_that_is_not_offered_is_405_and_says_which_are(client, path, allowed):
    answer = client.trace(path)
    assert error_of(answer) == (405, "UNSUPPORTED")
    assert answer["Allow"] == allowed


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer ", "bearer x", "Basic x", "\xff", "Bearer " + "x" * 20_000]
)
def test_an_odd_authorization_is_401(door, client, authorization):
    answer = client.get(door.url("tags/list"), headers={"Authorization": authorization})
    assert error_of(answer) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("length", ["x", "-1", "1e3", "\u0663", "9" * 30])
@pytest.mark.parametrize("rest", ["manifests/x", f"blobs/uploads/?digest={ABSENT}"])
def test_a_malformed_content_length_is_refused(door, upstream, rest, length):
    method = door.client.put if rest.startswith("manifests") else door.client.post
    answer = method(door.url(rest), data=b"{}", content_type="text/plain", CONTENT_LENGTH=length)
    assert error_of(answer) == (400, "SIZE_INVALID")
    uploads = upstream / "repositories" / door.repository / "_uploads"
    assert not uploads.exists() or list(uploads.iterdir()) == []


def test_an_expired_token_is_401_with_a_new_challenge(door, client):
    token = sign((door.repository, ["pull"]), lifetime=-60)
    answer = client.get(door.url("tags/list"), headers={"Authorization": f"Bearer {token}"})
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_a_failed_deletion_leaves_no_record(door):
    door.delete("manifests/nothing")
    Door(door.repository, "pull").delete("manifests/nothing")
    assert not AuditRecord.objects.exists()


@pytest.mark.parametrize("host", ["", "under_score", "x,y", 'quo"te', "a b"])
def test_a_host_header_that_is_none_is_a_refusal_in_words_and_no_line_in_the_log(host, caplog):
    answer = Client().get("/v2/", headers={"Host": host})
    assert error_of(answer) == (400, "NAME_INVALID")
    assert caplog.records == []
