"""Distribution as the benchmarks run it, with content pushed by their own client."""

from pathlib import Path

import pytest

from bench import content
from bench.client import ClientError
from bench.peer import Peer, Signer
from tests.ports import free_port


def test_a_key_id_is_twelve_groups_of_four():
    groups = Signer().key_id().split(":")
    assert [len(group) for group in groups] == [4] * 12


def test_the_peer_verifies_the_tokens_that_the_benchmark_signs(tmp_path: Path):
    image = content.image(tmp_path / "image", layers=2, layer_size=1000, seed=1)
    with Peer(tmp_path / "peer", free_port(), signer=Signer()) as peer:
        peer.client.push_image("bench/image", "v1", image)
        peer.client.check("bench/image", "manifests/v1", image.digest, accept=image.media_type)
        before = peer.cpu()
        peer.client.authorize = lambda _: {}
        with pytest.raises(ClientError, match="401"):
            peer.client.check("bench/image", "manifests/v1", image.digest)
        assert peer.cpu() >= before > 0
        peer.client.authorize = Signer().authorize
        with pytest.raises(ClientError, match="401"):
            peer.client.check("bench/image", "manifests/v1", image.digest)


def test_a_renewed_blob_is_new_to_a_registry(tmp_path: Path):
    first = content.random_blob(tmp_path / "blob", 5000, seed=1)
    assert content.random_blob(tmp_path / "again", 5000, seed=1).digest == first.digest
    second = content.renew(first, mark=1)
    third = content.renew(second, mark=2)
    assert len({first.digest, second.digest, third.digest}) == 3
    with Peer(tmp_path / "peer", free_port()) as peer:
        assert peer.client.push_blob("bench/data", third).bytes == 5000
        peer.client.check("bench/data", f"blobs/{third.digest}", third.digest)
