"""Artifacts are copied whole, both ways, and nothing that is there already is sent again."""

import pytest

from oci.client import RegistryClient
from oci.digest import Digest
from replication.models import State, Task
from tests.door import Door, image, unique
from tests.flows.content import Content
from tests.replication.conftest import fill


def test_an_image_is_pushed_elsewhere_with_its_tag_and_can_be_pulled_there(bench, remote, door):
    content = door.push(image(tag="v1", layers=2))
    policy = bench.policy(destination=bench.endpoint(remote.url), names=door.repository)
    execution = bench.run(policy)
    assert (execution.state, execution.succeeded, execution.failed) == (State.SUCCEED, 1, 0), execution.text
    there = remote.repositories[door.repository]
    assert there.tags == {"v1": Digest.parse(content.top.digest)}
    assert {str(digest) for digest in there.blobs} == set(content.blobs)
    assert there.manifests[Digest.parse(content.top.digest)][1] == content.top.payload


def test_an_image_is_pulled_from_elsewhere_into_a_project_that_is_made_for_it(bench, remote):
    content = fill(remote.url, "far/away", image(tag="v1", layers=2))
    policy = bench.policy(source=bench.endpoint(remote.url), names="far/**", namespace=f"near{unique()}")
    execution = bench.run(policy)
    assert (execution.state, execution.succeeded) == (State.SUCCEED, 1), Task.objects.get().text
    there = Door(f"{policy.namespace}/away")
    assert there.get("manifests/v1").content == content.top.payload
    for digest in content.blobs:
        assert there.get(f"blobs/{digest}").status_code == 200
    again = bench.run(policy)
    assert (again.total, again.unchanged, again.bytes_sent) == (0, 1, 0)


@pytest.mark.parametrize("kind", ["memory", "distribution"])
def test_an_index_comes_with_its_parts_and_all_that_refers_to_them(bench, remote, elsewhere, kind, door):
    url = remote.url if kind == "memory" else elsewhere.url
    content = Content()
    parts = [content.add_image(), content.add_image(architecture="arm64")]
    index = content.add_index(parts)
    signature = content.add_artifact("application/x.signature", subject=index.descriptor)
    content.add_artifact("application/x.timestamp", subject=signature.descriptor)
    content.add_artifact("application/x.sbom", subject=parts[1].descriptor)
    cosign = content.add_artifact("application/x.cosign")
    door.push(content.tag("multi", index).tag(index.digest.replace(":", "-") + ".sig", cosign))
    tag = [{"type": "tag", "value": "multi"}]
    policy = bench.policy(destination=bench.endpoint(url), names=door.repository, filters=tag)
    execution = bench.run(policy)
    assert execution.state == State.SUCCEED, bench.tasks(execution)[0].text
    client = RegistryClient(url)
    for manifest in content.manifests:
        found = client.get_manifest(door.repository, Digest.parse(manifest.digest))
        assert found is not None
        assert found.payload == manifest.payload
    assert set(client.tags(door.repository)) >= {"multi", index.digest.replace(":", "-") + ".sig"}
    referrers = [str(each.digest) for each in client.referrers(door.repository, Digest.parse(index.digest))]
    assert referrers == [signature.digest]
    again = bench.run(policy)
    assert (again.total, again.unchanged) == (0, 1)
