"""What the benchmarks measure: both sides with the same content, started when first asked for."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from bench import content
from bench.client import Client
from bench.content import MIB, Blob, Image
from bench.peer import TUNED, Peer, Signer
from bench.product import PROJECT, Product

DATA = f"{PROJECT}/data"
IMAGE = f"{PROJECT}/image"
TAG = "v1"
SIZES = {"64 KiB": 64 * 1024, "1 MiB": MIB, "512 MiB": 512 * MIB}


class World:
    """Sides and content below one directory, on ports from `port` up."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self._running = ExitStack()

    @cached_property
    def files(self) -> Path:
        path = self.directory / "content"
        path.mkdir(parents=True, exist_ok=True)
        return path

    @cached_property
    def blobs(self) -> dict[str, Blob]:
        """Random blobs by the name of their size."""
        return {name: content.random_blob(self.files / f"blob{size}", size, seed=size) for name, size in SIZES.items()}

    @cached_property
    def image(self) -> Image:
        """Ten layers of 9 MiB."""
        return content.image(self.files / "image", layers=10, layer_size=9 * MIB, seed=1)

    @cached_property
    def product(self) -> Product:
        product = self._running.enter_context(Product(self.directory / "ours", self.port))
        self._fill(product.client)
        return product

    @cached_property
    def peer(self) -> Peer:
        peer = self._running.enter_context(Peer(self.directory / "peer", self.port + 1))
        self._fill(peer.client)
        return peer

    @cached_property
    def tuned(self) -> Peer:
        """The peer with other settings of its garbage collector, on the same store: for information."""
        return self._beside_the_peer("tuned", 2, environment=TUNED)

    @cached_property
    def verifying(self) -> Peer:
        """The peer that demands a token and verifies it, on the same store."""
        return self._beside_the_peer("verifying", 3, signer=Signer())

    def _beside_the_peer(
        self, name: str, offset: int, *, environment: dict[str, str] | None = None, signer: Signer | None = None
    ) -> Peer:
        home, port, store = self.directory / name, self.port + offset, self.peer.store
        return self._running.enter_context(Peer(home, port, store=store, environment=environment, signer=signer))

    def _fill(self, client: Client) -> None:
        for blob in self.blobs.values():
            client.push_blob(DATA, blob)
            client.check(DATA, f"blobs/{blob.digest}", blob.digest)
        client.push_image(IMAGE, TAG, self.image)
        client.check(IMAGE, f"manifests/{TAG}", self.image.digest, accept=self.image.media_type)

    def stop(self) -> None:
        """End every side that runs, and forget it; asked again, a side begins anew with what it has on disk."""
        self._running.close()
        for name in ("product", "peer", "tuned", "verifying"):
            self.__dict__.pop(name, None)


@contextmanager
def world(directory: Path, port: int) -> Iterator[World]:
    """A world in an empty `directory`, which goes when the world ends."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    made = World(directory, port)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(directory, ignore_errors=True)
