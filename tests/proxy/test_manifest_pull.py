"""GET and HEAD of manifests: negotiation, conditional requests, what a pull leaves behind, what it costs."""

import resource

import pytest

from artifacts.models import Manifest, Repository, Tag
from artifacts.pulls import note
from audit import Context, spool
from audit.models import AuditRecord
from oci.manifest import DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA1_SIGNED, OCI_INDEX, OCI_MANIFEST
from tests.door import ACCEPT_ALL, Door, error_of, image
from tests.flows.content import Content
from tests.roundtrips import counted


@pytest.fixture
def pushed(door):
    return door.push(image())


def test_it_answers_by_tag_and_by_digest(door, pushed):
    for reference in ("latest", pushed.top.digest):
        answer = door.get(f"manifests/{reference}", Accept=ACCEPT_ALL)
        assert answer.status_code == 200
        assert answer.content == pushed.top.payload
        assert answer["Content-Type"] == OCI_MANIFEST
        assert answer["Docker-Content-Digest"] == pushed.top.digest
        assert answer["Docker-Distribution-Api-Version"] == "registry/2.0"


def test_a_head_has_the_headers_and_no_body(door, pushed):
    answer = door.head("manifests/latest")
    assert answer["Content-Length"] == str(len(pushed.top.payload))
    assert answer["Docker-Content-Digest"] == pushed.top.digest
    assert answer.content == b""


def test_what_a_digest_names_is_immutable_and_what_a_tag_names_is_asked_anew(door, pushed):
    assert "immutable" in door.get(f"manifests/{pushed.top.digest}")["Cache-Control"]
    assert door.get("manifests/latest")["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("form", ['"{0}"', 'W/"{0}"', '"x", "{0}"', "*"])
def test_a_client_that_has_it_gets_304(door, pushed, form):
    answer = door.get("manifests/latest", If_None_Match=form.format(pushed.top.digest))
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer["ETag"] == f'"{pushed.top.digest}"'


def test_a_client_that_has_another_gets_it(door, pushed):
    assert door.get("manifests/latest", If_None_Match='"sha256:0"').status_code == 200


@pytest.mark.parametrize("reference", ["nothing", "sha256:" + "0" * 64, "sha512:" + "0" * 128])
def test_what_is_not_there_is_unknown(door, pushed, reference):
    assert error_of(door.get(f"manifests/{reference}")) == (404, "MANIFEST_UNKNOWN")


def test_a_manifest_is_served_from_its_own_repository_only(door, pushed):
    elsewhere = Door(f"{door.repository}/other")
    assert error_of(elsewhere.get(f"manifests/{pushed.top.digest}")) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        "application/json",
        OCI_MANIFEST,
        f"text/html, {OCI_MANIFEST};q=0.5",
        OCI_MANIFEST.upper(),
    ],
)
def test_it_answers_what_is_accepted(door, pushed, accept):
    assert door.get("manifests/latest", Accept=accept).status_code == 200


@pytest.mark.parametrize("accept", [DOCKER_MANIFEST, DOCKER_SCHEMA1_SIGNED, "text/html", OCI_INDEX, OCI_MANIFEST + "x"])
def test_it_answers_404_when_nothing_there_is_accepted(door, pushed, accept):
    assert error_of(door.get("manifests/latest", Accept=accept)) == (404, "MANIFEST_UNKNOWN")


def multi_platform(media_type: str, child_type: str) -> Content:
    content = Content()
    entries = []
    for architecture in ("arm64", "amd64"):
        child = content.add_manifest(
            {
                "schemaVersion": 2,
                "mediaType": child_type,
                "config": content.add_blob(architecture.encode()),
                "layers": [],
            }
        )
        entries.append(child.descriptor | {"platform": {"os": "linux", "architecture": architecture}})
    content.add_manifest({"schemaVersion": 2, "mediaType": media_type, "manifests": entries})
    return content.tag("latest")


@pytest.mark.parametrize(("index", "child"), [(DOCKER_LIST, DOCKER_MANIFEST), (OCI_INDEX, OCI_MANIFEST)])
def test_a_client_that_knows_no_index_gets_the_linux_amd64_image_of_a_tag(door, index, child):
    content = door.push(multi_platform(index, child))
    answer = door.get("manifests/latest", Accept=child)
    assert answer.content == content.manifests[1].payload
    assert answer["Docker-Content-Digest"] == content.manifests[1].digest
    assert answer["Content-Type"] == child
    assert door.get("manifests/latest", Accept=ACCEPT_ALL).content == content.top.payload


def test_a_digest_is_never_answered_with_other_bytes(door):
    content = door.push(multi_platform(OCI_INDEX, OCI_MANIFEST))
    answer = door.get(f"manifests/{content.top.digest}", Accept=OCI_MANIFEST)
    assert error_of(answer) == (404, "MANIFEST_UNKNOWN")


def test_a_pull_needs_a_token_that_allows_it(door, pushed, client):
    anonymous = client.get(door.url("manifests/latest"))
    assert error_of(anonymous) == (401, "UNAUTHORIZED")
    assert f'scope="repository:{door.repository}:pull"' in anonymous["WWW-Authenticate"]
    assert "error=" not in anonymous["WWW-Authenticate"]
    garbage = client.get(door.url("manifests/latest"), headers={"Authorization": "Bearer x.y.z"})
    assert 'error="invalid_token"' in garbage["WWW-Authenticate"]
    basic = client.get(door.url("manifests/latest"), headers={"Authorization": "Basic YTpi"})
    assert error_of(basic) == (401, "UNAUTHORIZED")
    nosy = Door(door.repository, "delete").get("manifests/latest")
    assert 'error="insufficient_scope"' in nosy["WWW-Authenticate"]


def test_a_pull_is_counted_and_recorded_once_the_spool_is_drained(door, pushed):
    door.get("manifests/latest", User_Agent="docker/1", X_Real_IP="192.0.2.9", X_Request_Id="r-1")
    door.get(f"manifests/{pushed.top.digest}")
    assert spool.drain() == 2
    assert Repository.objects.get().pull_count == 2
    by_name, by_either = Tag.objects.get().pulled_at, Manifest.objects.get().pulled_at
    assert by_name is not None
    assert by_either is not None
    assert by_either > by_name
    by_tag, by_digest = AuditRecord.objects.filter(operation="pull").order_by("id")
    assert by_tag.resource == f"{door.repository}:latest"
    assert by_digest.resource == f"{door.repository}@{pushed.top.digest}"
    assert (by_tag.actor, by_tag.address, by_tag.user_agent, by_tag.request_id) == (
        "alice",
        "192.0.2.9",
        "docker/1",
        "r-1",
    )
    assert by_tag.project == "library"


def test_a_head_a_304_and_a_404_are_no_pulls(door, pushed):
    door.head("manifests/latest")
    door.get("manifests/latest", If_None_Match=f'"{pushed.top.digest}"')
    door.get("manifests/nothing")
    assert spool.drain() == 0


def test_a_pull_by_the_anonymous_is_recorded_as_such(door, pushed):
    Door(door.repository, "pull", subject="").get("manifests/latest")
    spool.drain()
    assert AuditRecord.objects.get(operation="pull").actor == "anonymous"


def test_pulls_of_what_is_gone_meanwhile_are_drained_all_the_same(door, pushed):
    door.get("manifests/latest")
    note("library/never-there", pushed.top.digest, "x", actor="bob", context=Context())
    assert door.delete(f"manifests/{pushed.top.digest}").status_code == 202
    assert spool.drain() == 2
    assert Repository.objects.get().pull_count == 1


def test_a_pull_that_cannot_be_recorded_is_refused(door, pushed):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))  # as good as a full disk: every write fails
    try:
        answer = door.get("manifests/latest")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error_of(answer) == (503, "UNAVAILABLE")
    assert answer["Retry-After"] == "2"
    assert pushed.top.payload not in answer.content
    assert door.get("manifests/latest").status_code == 200
    assert spool.drain() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_pull_costs_one_round_trip_to_the_database(door, pushed, by):
    reference = "latest" if by == "tag" else pushed.top.digest
    door.get(f"manifests/{reference}")
    with counted() as trips:
        assert door.get(f"manifests/{reference}").status_code == 200
    assert trips() == 1
