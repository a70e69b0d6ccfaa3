"""The registry client's own suite (tests/oci), held against Roadstead: what replication asks of another site."""

import inspect
import os
from collections.abc import Iterator

import pytest

from oci.client import RegistryClient
from oci.credential import Credential
from oci.digest import Digest
from oci.errors import DigestInvalid
from oci.upload import Upload
from tests.flows.stacks import Running, eventually
from tests.oci import test_client, test_pipeline, test_referrers, test_upload
from tests.oci.test_client import HELLO, push
from tests.oci.test_referrers import SUBJECT, fill, referrer
from tests.oci.test_upload import CONTENT, DIGEST, Source

NEEDED = {"memory", "memory_client", "patient", "upstream", "started_distribution"}  # by what can't be held against it
OTHERWISE = {
    "test_a_sha512_blob_is_verified_and_stored_by_its_sha256",
    "test_a_wrong_digest_is_refused_and_the_upload_can_be_cancelled",
    "test_an_outdated_location_is_unknown",
    "test_the_catalog_is_listed_over_many_pages",
}
"""What Roadstead does in another way than Distribution: see below."""

for _module in (test_client, test_pipeline, test_referrers, test_upload):
    for _name, _test in inspect.getmembers(_module, inspect.isfunction):
        _needed = inspect.signature(_test).parameters
        if _name.startswith("test_") and _name not in OTHERWISE and NEEDED.isdisjoint(_needed):
            globals()[_name] = _test


@pytest.fixture
def client(stack: Running) -> Iterator[RegistryClient]:
    made = RegistryClient(stack.url, credential=Credential("admin", stack.admin_password), tries=3)
    yield made
    made.close()


@pytest.fixture
def repository() -> str:
    """A repository of the test's own, in a project that every stack has."""
    return f"library/r{os.urandom(6).hex()}"


def test_a_sha512_blob_is_known_by_the_digest_it_came_by(client, repository):
    digest = push(client, repository, HELLO, "sha512")
    assert digest == Digest.of(HELLO, "sha512")
    assert b"".join(client.get_blob(repository, digest)) == HELLO
    with pytest.raises(DigestInvalid):
        client.commit_upload(client.start_upload(repository), Digest.of(b"other", "sha512"), HELLO)


def test_an_upload_that_broke_off_in_the_middle_of_a_stream_is_taken_up(client, repository):
    source, points = Source(), list[Upload]()
    source.failure, source.fails_at = KeyError("stop"), 700_000
    with pytest.raises(KeyError):
        client.upload_blob(repository, DIGEST, len(CONTENT), source, progress=points.append)
    assert [point.offset for point in points] == [0]
    eventually(lambda: client.upload_status(points[-1].location)[1] > 0, "what was sent has arrived")
    again = Source()
    assert client.upload_blob(repository, DIGEST, len(CONTENT), again, at=points[-1]) == DIGEST
    assert again.opened[0] > 0
    assert source.given + again.given < 2 * len(CONTENT)


def test_the_catalog_has_the_repositories_that_hold_an_artifact(client, repository, monkeypatch):
    monkeypatch.setattr("oci.client.PAGE", 2)
    names = {f"{repository}/r{number}" for number in range(5)}
    for name in names:
        fill(client, name, referrer("a/b"), tagged=True)
    assert {name for name in client.catalog() if name.startswith(f"{repository}/")} == names


def test_referrers_are_listed(client, repository):
    payloads = [referrer("a/b"), referrer("a/b", 1), referrer("c/d")]
    fill(client, repository, *payloads, tagged=False)
    assert {found.digest for found in client.referrers(repository, SUBJECT)} == {Digest.of(each) for each in payloads}
    assert [found.digest for found in client.referrers(repository, SUBJECT, "c/d")] == [Digest.of(payloads[2])]


def test_a_tag_alone_is_deleted(client, repository):
    payload = referrer("a/b")
    fill(client, repository, payload, tagged=False)
    for tag in ("v1", "v2"):
        client.put_manifest(repository, tag, "application/vnd.oci.image.manifest.v1+json", payload)
    assert client.delete_tag(repository, "v1") is True
    assert client.delete_tag(repository, "v1") is False
    assert list(client.tags(repository)) == ["v2"]
