"""Uploads: whole blobs through Django, the gate before the rest, status, cancel and mounts."""

from typing import Any

import pytest

from artifacts.models import BlobCommit
from artifacts.upstream import registry
from oci.digest import Digest
from projects import robots
from projects.grants import Permissions
from projects.models import Project
from rbac.actors import SYSTEM
from tests.door import Door, bearer, error_of, image, unique
from tests.people import CONTEXT, join, make_project, make_user

OCTETS = "application/octet-stream"


def upload_of(location: str) -> str:
    return location.partition("?")[0].rpartition("/")[2]


def gate(door: Door, method: str, location: str, **headers: str):
    """nginx's question before it passes a PATCH or PUT upstream."""
    asked = {
        "X-Repository": door.repository,
        "X-Upload": upload_of(location),
        "X-Original-Method": method,
        "X-Original-URI": location,
    }
    return door.client.get("/internal/gate/push", headers=asked | {n.replace("_", "-"): v for n, v in headers.items()})


def begin(door: Door) -> Any:
    answer = door.post("blobs/uploads/")
    assert answer.status_code == 202
    return answer["Location"]


def left_behind(upstream, door: Door) -> list[str]:
    return sorted(path.name for path in (upstream / "repositories" / door.repository / "_uploads").glob("*"))


def test_an_upload_begins_with_a_place_to_go_on(door):
    answer = door.post("blobs/uploads/")
    assert answer["Location"].startswith(f"/v2/{door.repository}/blobs/uploads/")
    assert answer["Range"] == "0-0"
    assert answer["Docker-Upload-UUID"] == upload_of(answer["Location"])


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("payload", [b"", b"x", b"x" * 300_000])
def test_a_whole_blob_in_one_post(door, algorithm, payload):
    digest = str(Digest.of(payload, algorithm))
    answer = door.post(f"blobs/uploads/?digest={digest}", payload)
    assert answer.status_code == 201
    assert answer["Docker-Content-Digest"] == digest
    assert answer["Location"] == f"/v2/{door.repository}/blobs/{digest}"
    assert door.head(f"blobs/{digest}").status_code == 200


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_post_whose_digest_does_not_match_leaves_nothing_behind(door, upstream, algorithm):
    payload = unique().encode()
    wrong = Digest.of(b"another", algorithm)
    assert error_of(door.post(f"blobs/uploads/?digest={wrong}", payload)) == (400, "DIGEST_INVALID")
    assert left_behind(upstream, door) == []
    stored = Digest.of(payload)
    assert not (upstream / "blobs" / "sha256" / stored.hex[:2] / stored.hex).exists()
    assert not BlobCommit.objects.exists()


def test_a_post_with_a_malformed_digest_begins_no_upload(door, upstream):
    assert error_of(door.post("blobs/uploads/?digest=sha256:xyz", b"x")) == (400, "DIGEST_INVALID")
    assert left_behind(upstream, door) == []


def test_chunks_and_a_closing_sha512_put(door):
    location = begin(door)
    assert gate(door, "PATCH", location, Content_Range="0-4").status_code == 204
    location = registry().patch_upload(location, b"hello")
    assert gate(door, "PATCH", location, Content_Range="5-6").status_code == 204
    digest = Digest.of(b"hello world", "sha512")
    closing = f"{location}&digest={digest}"
    assert gate(door, "PUT", closing).status_code == 204
    answer = door.client.put(closing, data=b" world", content_type=OCTETS)
    assert answer.status_code == 201
    assert door.head(f"blobs/{digest}")["X-Accel-Redirect"].endswith(Digest.of(b"hello world").hex)


@pytest.mark.parametrize("content_range", ["1-2", "4-5", "6-7", "0-4"])
def test_a_chunk_out_of_order_is_416(door, content_range):
    location = registry().patch_upload(begin(door), b"hello")
    assert error_of(gate(door, "PATCH", location, Content_Range=content_range)) == (416, "RANGE_INVALID")
    told = door.client.patch(location, data=b"xx", content_type=OCTETS, headers={"Content-Range": content_range})
    assert error_of(told) == (416, "RANGE_INVALID")


@pytest.mark.parametrize(
    "content_range", ["", "x", "5", "7-5", "bytes 5-x", "-1-5", "5-6-7", "5-" + "9" * 30, "\uff15-6"]
)
def test_a_malformed_content_range_is_416(door, content_range):
    location = registry().patch_upload(begin(door), b"hello")
    assert error_of(gate(door, "PATCH", location, Content_Range=content_range)) == (416, "RANGE_INVALID")


def test_the_gate_notes_the_digest_of_a_commit_it_lets_through(door):
    location, digest = begin(door), Digest.of(b"hello")
    assert gate(door, "PUT", f"{location}&digest={digest}").status_code == 204
    assert BlobCommit.objects.get().digest == str(digest)


@pytest.mark.parametrize("query", ["", "&digest=", "&digest=sha256:x", "&digest=md5:900150983cd24fb0d6963f7d28e17f72"])
def test_the_gate_refuses_a_commit_without_a_good_digest(door, query):
    location = begin(door) + query
    assert error_of(gate(door, "PUT", location)) == (400, "DIGEST_INVALID")
    assert error_of(door.client.put(location)) == (400, "DIGEST_INVALID")
    assert not BlobCommit.objects.exists()


def test_a_commit_with_two_digests_teaches_no_false_alias(door):
    """Distribution verifies the first of two digests: the other must not become a name of the content."""
    location, true, false = begin(door), Digest.of(b"evil", "sha512"), Digest.of(b"good", "sha512")
    for query in (f"digest={true}&digest={false}", f"digest={false}&digest={true}"):
        assert error_of(gate(door, "PUT", f"{location}&{query}")) == (400, "DIGEST_INVALID")
        answer = door.client.put(f"{location}&{query}", data=b"evil", content_type=OCTETS)
        assert error_of(answer) == (400, "DIGEST_INVALID")
    assert door.head(f"blobs/{false}").status_code == 404
    assert error_of(door.post(f"blobs/uploads/?digest={true}&digest={false}", b"evil")) == (400, "DIGEST_INVALID")


def test_a_closing_put_with_a_wrong_sha512_leaves_nothing_behind(door, upstream):
    location = begin(door)
    wrong = Digest.of(b"another", "sha512")
    answer = door.client.put(f"{location}&digest={wrong}", data=b"payload", content_type=OCTETS)
    assert error_of(answer) == (400, "DIGEST_INVALID")
    assert left_behind(upstream, door) == []


def test_what_nginx_moves_itself_is_not_taken_by_django(door):
    """The gate says yes, so nginx would have: it must have been away for a moment."""
    location = begin(door)
    assert error_of(door.client.patch(location, data=b"x", content_type=OCTETS)) == (503, "UNAVAILABLE")
    answer = door.client.put(f"{location}&digest={Digest.of(b'x')}", data=b"x", content_type=OCTETS)
    assert error_of(answer) == (503, "UNAVAILABLE")


def test_the_status_of_an_upload(door):
    location = begin(door)
    assert door.client.get(location)["Range"] == "0-0"
    location = registry().patch_upload(location, b"hello")
    answer = door.client.get(location)
    assert (answer.status_code, answer["Range"]) == (204, "0-4")
    assert upload_of(answer["Location"]) == answer["Docker-Upload-UUID"] == upload_of(location)


def test_an_upload_can_be_cancelled(door, upstream):
    location = begin(door)
    assert door.client.delete(location).status_code == 204
    assert error_of(door.client.get(location)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert error_of(door.client.delete(location)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert left_behind(upstream, door) == []


@pytest.mark.parametrize("upload", ["x", "00000000-0000-0000-0000-000000000000", "..", "%2e%2e", "a" * 300, "%00", "ü"])
@pytest.mark.parametrize("query", ["", "?_state=xyz", "?_state=%ff%00", "?digest=" + str(Digest.of(b"x", "sha512"))])
def test_an_upload_that_is_not_there_is_unknown(door, upload, query):
    for method in ("get", "delete", "patch", "put"):
        answer: Any = getattr(door.client, method)(
            door.url(f"blobs/uploads/{upload}{query}"), headers={"Content-Range": "0-1"}
        )
        assert answer.status_code in {400, 404}
        assert error_of(answer)[1] in {"BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "BLOB_UPLOAD_INVALID"}


def test_an_upload_belongs_to_its_repository(door):
    location = begin(door)
    other = Door(f"library/{unique()}")
    stolen = location.replace(door.repository, other.repository)
    assert error_of(other.client.get(stolen)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert error_of(gate(other, "PATCH", stolen, Content_Range="0-1")) == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("uri", ["?\xff", "?a b", "?%", "?\x7f", "?_state=" + "x" * 5000, "?;&=&&"])
def test_the_gate_survives_any_query(door, uri):
    location = begin(door)
    path = location.partition("?")[0]
    answer = gate(door, "PATCH", path + uri, Content_Range="0-1")
    assert answer.status_code in {400, 404}


@pytest.mark.parametrize(("actions", "status"), [(["pull"], 401), (["push"], 401), (["pull", "push"], 202)])
def test_an_upload_needs_pull_and_push(door, actions, status):
    answer = Door(door.repository, *actions).post("blobs/uploads/")
    assert answer.status_code == status


# Mounts


@pytest.fixture
def source(door) -> Door:
    return Door(f"library/{unique()}")


def mount(door: Door, digest: str, source: str | None = None):
    return door.post(f"blobs/uploads/?mount={digest}" + (f"&from={source}" if source else ""))


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("told", [True, False], ids=["with from", "without from"])
def test_a_blob_is_mounted_from_where_the_caller_may_pull(door, source, algorithm, named, told):
    content = image(algorithm=algorithm)
    if named:
        source.push(content)
    digest, payload = next(iter(content.blobs.items()))
    source.push_blob(payload, algorithm)
    both = Door(door.repository)
    both.client = bearer((door.repository, ["pull", "push"]), (source.repository, ["pull"]))
    answer = mount(both, digest, source.repository if told else None)
    assert answer.status_code == 201
    assert answer["Docker-Content-Digest"] == digest
    assert door.head(f"blobs/{digest}")["X-Accel-Redirect"].endswith(Digest.of(payload).hex)


@pytest.fixture
def secret(upstream, project) -> Door:
    """A repository of a private project with a blob in it."""
    make_project("private")
    hidden = Door(f"private/{unique()}")
    hidden.push_blob(b"secret" + hidden.repository.encode())
    return hidden


@pytest.mark.parametrize("told", [True, False], ids=["with from", "without from"])
def test_nothing_is_mounted_from_where_the_caller_may_not_pull(door, secret, told):
    make_user("alice")
    digest = str(Digest.of(b"secret" + secret.repository.encode()))
    answer = mount(door, digest, secret.repository if told else None)
    assert answer.status_code == 202
    assert door.head(f"blobs/{digest}").status_code == 404


@pytest.mark.parametrize("told", [True, False], ids=["with from", "without from"])
def test_a_member_mounts_though_its_token_names_the_target_only(door, secret, told):
    join(Project.objects.get(name="private"), make_user("alice"), "guest")
    digest = str(Digest.of(b"secret" + secret.repository.encode()))
    assert mount(door, digest, secret.repository if told else None).status_code == 201


@pytest.mark.parametrize("told", [True, False], ids=["with from", "without from"])
def test_a_locked_member_mounts_nothing(door, secret, told):
    join(Project.objects.get(name="private"), make_user("alice", is_active=False), "guest")
    digest = str(Digest.of(b"secret" + secret.repository.encode()))
    assert mount(door, digest, secret.repository if told else None).status_code == 202


@pytest.mark.parametrize("told", [True, False], ids=["with from", "without from"])
@pytest.mark.parametrize(
    ("place", "permission", "disabled", "status"),
    [
        ("private", "repository:pull", False, 201),
        ("private", "repository:push", False, 202),
        ("private", "repository:pull", True, 202),
        ("library", "repository:pull", False, 202),
    ],
)
def test_a_robot_mounts_from_where_its_own_permissions_reach(door, secret, told, place, permission, disabled, status):
    where: Permissions = {Project.objects.get(name=place): [permission]}
    robot, _ = robots.create("ci", where, project=None, actor=SYSTEM, context=CONTEXT)
    robots.update(robot, disabled=disabled, actor=SYSTEM, context=CONTEXT)
    digest = str(Digest.of(b"secret" + secret.repository.encode()))

    machine = Door(door.repository, subject="robot$ci")

    assert mount(machine, digest, secret.repository if told else None).status_code == status


def test_a_mount_of_what_is_nowhere_begins_an_upload(door, source):
    answer = mount(door, str(Digest.of(unique().encode())), source.repository)
    assert answer.status_code == 202
    assert "Docker-Content-Digest" not in answer


def test_a_source_that_no_longer_holds_the_blob_is_passed_over(door, source):
    payload = unique().encode()
    digest = source.push_blob(payload)
    registry().delete_blob(source.repository, Digest.parse(digest))
    assert mount(door, digest).status_code == 202


def test_false_notes_of_commits_do_not_hide_the_true_source(door, source):
    """Anybody who may push can have a commit noted that never came to be."""
    content = source.push(image())
    digest = next(iter(content.blobs))
    BlobCommit.objects.bulk_create(BlobCommit(repository=f"library/fake{n}", digest=digest) for n in range(600))
    assert mount(door, digest).status_code == 201


def test_a_refused_mount_names_both_scopes(door, source, client):
    answer = client.post(door.url(f"blobs/uploads/?mount={Digest.of(b'x')}&from={source.repository}"))
    assert answer.status_code == 401
    assert f"repository:{door.repository}:pull,push" in answer["WWW-Authenticate"]
    assert f"repository:{source.repository}:pull" in answer["WWW-Authenticate"]


@pytest.mark.parametrize(
    "query", ["mount=x", "mount=sha256:" + "0" * 63, "mount=" + "sha256:" + "0" * 64 + "&from=../x"]
)
def test_a_malformed_mount_is_refused(door, query):
    assert door.post(f"blobs/uploads/?{query}").status_code == 400


def test_a_chunk_is_as_long_as_its_range(door):
    location = begin(door)
    assert gate(door, "PATCH", location, Content_Range="0-4", X_Content_Length="5").status_code == 204
    answer = gate(door, "PATCH", location, Content_Range="0-99", X_Content_Length="5")
    assert error_of(answer) == (400, "SIZE_INVALID")


def test_nothing_is_committed_when_nginx_sends_a_refused_upload_without_its_bytes(door, upstream):
    location = registry().patch_upload(begin(door), b"hello")
    digest = Digest.of(b"hello", "sha512")
    refused = {"X-Upload-Failed": "gate"}
    assert error_of(door.client.put(f"{location}&digest={digest}", headers=refused)) == (503, "UNAVAILABLE")
    status = door.client.get(location)
    assert (status.status_code, status["Range"]) == (204, "0-4")
    assert door.client.put(f"{location}&digest={digest}").status_code == 201


def test_no_upload_begins_for_a_whole_blob_that_nginx_refused(door, upstream):
    digest = Digest.of(b"hello")
    path = f"/v2/{door.repository}/blobs/uploads/?digest={digest}"
    assert error_of(door.client.post(path, headers={"X-Upload-Failed": "gate"})) == (503, "UNAVAILABLE")
    assert left_behind(upstream, door) == []
