"""Replication to a plain Distribution against skopeo: 50 images that share layers, 2,000 tags that are there already,
one blob of 1 GiB."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import content
from bench.content import MIB, Blob, Image
from bench.figures import Figure
from bench.load import Load
from bench.peer import Peer
from bench.product import PROJECT, Product
from bench.replicator import Replicator, bencher, copy, sync
from bench.rounds import Round, Sample, figure, interleave, middle
from bench.world import World

REPOSITORIES, TAGS = 10, 5
UNCHANGED, SPREAD = 2000, 200  # tags; repositories
LIMIT = 150  # MiB
Images = Mapping[tuple[str, str], Image]  # by repository and tag


def figures(world: World) -> list[Figure]:
    """Sides of their own: a stack and a Distribution with the same content, from which skopeo copies too."""
    world.stop()
    home = world.directory / "replication"
    local = {"replication_local_addresses": "true"}
    with (
        Product(home / "ours", world.port + 11, items=local) as product,
        Peer(home / "source", world.port + 12) as source,
    ):
        ground = Ground(home, world.port + 13, product, source)
        return [*_fleet(ground), *_unchanged(ground), *_gigabyte(ground)]


class Ground:
    """Our stack, the same content in a Distribution, and destinations that are empty each time."""

    def __init__(self, home: Path, port: int, product: Product, source: Peer) -> None:
        self.home, self.port, self.product, self.source = home, port, product, source
        self.replicator = Replicator(product)

    def fill(self, side: Product | Peer, images: Images) -> None:
        seen: set[tuple[str, str]] = set()
        for (repository, tag), image in images.items():
            for blob in image.blobs:
                if (repository, blob.digest) not in seen:
                    side.client.push_blob(repository, blob)
                    seen.add((repository, blob.digest))
            side.client.push_manifest(repository, tag, image)

    def fill_both(self, images: Images) -> None:
        self.fill(self.product, images)
        self.fill(self.source, images)
        self.product.settle()

    @contextmanager
    def empty(self) -> Iterator[Peer]:
        """A Distribution without any content. What was written before is on the disk: nobody pays for it now."""
        place = self.home / "destination"
        shutil.rmtree(place, ignore_errors=True)
        os.sync()
        with Peer(place, self.port) as peer:
            yield peer
        shutil.rmtree(place, ignore_errors=True)


def _first_copy(ground: Ground, images: Images, run: Callable[[Peer], float]) -> Sample:
    """Into an empty destination, which must hold everything afterwards."""
    with ground.empty() as peer:
        before = ground.product.cpu()
        seconds = run(peer)
        used = ground.product.cpu() - before
        for (repository, tag), image in images.items():
            peer.client.check(repository, f"manifests/{tag}", image.digest, accept=image.media_type)
        (repository, _), last = list(images.items())[-1]
        for blob in last.blobs:
            peer.client.check(repository, f"blobs/{blob.digest}", blob.digest)
    distinct = {blob.digest: blob.size for image in images.values() for blob in image.blobs}
    return Sample(Load(len(images), sum(distinct.values()), seconds), used)


def _ours(ground: Ground, pattern: str, peer: Peer) -> float:
    return ground.replicator.run(ground.replicator.policy(pattern, peer.url))


def _synced(ground: Ground, images: Images, source: Product | Peer, destination: Product | Peer) -> float:
    names = sorted({repository for repository, _ in images})
    login, there = (bencher(side) if isinstance(side, Product) else "" for side in (source, destination))
    return sync(ground.home, source.url, names, destination.url, login=login, destination_login=there).seconds


# 50 images


def fleet(directory: Path) -> Images:
    """Ten applications in five versions: 24 MiB of base below all, 4 MiB of each application, 1.25 MiB of a version."""
    directory.mkdir(parents=True)
    base = [content.layer(directory / f"base{n}", 8 * MIB, seed=7000 + n) for n in range(3)]
    made: dict[tuple[str, str], Image] = {}
    for place in range(REPOSITORIES):
        app = content.layer(directory / f"app{place}", 4 * MIB, seed=7100 + place)
        for version in range(TAGS):
            mark = f"{place}-{version}"
            sizes = (MIB, MIB // 4)
            top = [
                content.layer(directory / f"top{mark}-{n}", size, seed=8000 + 100 * place + 10 * version + n)
                for n, size in enumerate(sizes)
            ]
            layers = [*base, app, *top]
            made[f"{PROJECT}/fleet{place}", f"v{version}"] = content.image_of(directory / f"config{mark}", layers)
    return made


def _fleet(ground: Ground) -> list[Figure]:
    images = fleet(ground.home / "fleet")
    ground.fill_both(images)
    passes: dict[str, Callable[[Peer], float]] = {
        "ours": partial(_ours, ground, f"{PROJECT}/fleet*"),
        "plain": partial(_synced, ground, images, ground.source),
        "same": partial(_synced, ground, images, ground.product),
    }
    taken = interleave({name: partial(_first_copy, ground, images, run) for name, run in passes.items()}, rounds=3)
    _inform("50 images", taken)
    name = "replicate 50 images that share layers, of skopeo sync"
    return [
        figure(f"{name}: wall time", taken, Sample.seconds, 0.7, "lower", unit="s", peer="plain"),
        figure(
            f"{name} out of the same registry: wall time", taken, Sample.seconds, 0.7, "lower", unit="s", peer="same"
        ),
    ]


# Nothing changed


def tags(directory: Path, repositories: int) -> Images:
    """Artifacts that differ by an annotation, as many in each of so many repositories."""
    directory.mkdir(parents=True)
    layers = [content.layer(directory / "layer", 64 * 1024, seed=9000)]
    return {
        (f"{PROJECT}/{directory.name}{number % repositories:03}", f"t{number:04}"): content.image_of(
            directory / "config", layers, number=str(number)
        )
        for number in range(UNCHANGED)
    }


def _unchanged(ground: Ground) -> list[Figure]:
    """To another Roadstead, which can list what it has, and to a Distribution, which has to be asked for each tag: of
    one repository, and of many."""
    images = tags(ground.home / "tags", 1)
    spread = tags(ground.home / "spread", SPREAD)
    ground.fill_both({**images, **spread})
    with Product(ground.home / "far", ground.port + 1) as far:
        ground.fill(far, images)
        far.settle()
        there = _looks(ground, images, far, ground.product)
    with ground.empty() as peer:
        ground.fill(peer, {**images, **spread})
        plain, many = (_looks(ground, each, peer, ground.source) for each in (images, spread))
    name = f"replicate {UNCHANGED:,} tags of which none changed"
    rows = (
        (f"{name}, of skopeo sync: wall time", there, 0.1),
        (f"{name} to Distribution, of skopeo sync: wall time", plain, 0.1),
        (f"{name} in {SPREAD} repositories to Distribution, of skopeo sync: wall time", many, 0.15),
    )
    return [figure(row, taken, Sample.seconds, bar, "lower", unit="s") for row, taken, bar in rows]


def _looks(ground: Ground, images: Images, destination: Product | Peer, source: Product | Peer) -> list[Round]:
    """What both take to find out that there is nothing to do."""
    pattern = next(iter(images))[0].removesuffix("000") + "*"
    if isinstance(destination, Product):
        policy = ground.replicator.policy(pattern, destination.url, kind="harbor", login=bencher(destination))
    else:
        policy = ground.replicator.policy(pattern, destination.url)
    passes: dict[str, Callable[[], Sample]] = {
        "ours": lambda: Sample(Load(UNCHANGED, 0, ground.replicator.run(policy)), 0.0),
        "peer": lambda: Sample(Load(UNCHANGED, 0, _synced(ground, images, source, destination)), 0.0),
    }
    return interleave(passes, rounds=3)


# A gibibyte


def _gigabyte(ground: Ground) -> list[Figure]:
    directory = ground.home / "gigabyte"
    directory.mkdir(parents=True)
    layer: Blob = content.layer(directory / "layer", 1024 * MIB, seed=1024)
    repository = f"{PROJECT}/gigabyte"
    images = {(repository, "v1"): content.image_of(directory / "config", [layer])}
    ground.fill_both(images)

    def skopeo(peer: Peer) -> float:
        return copy(ground.home, ground.source.url, f"{repository}:v1", peer.url).seconds

    runs: dict[str, Callable[[Peer], float]] = {"ours": partial(_ours, ground, repository), "plain": skopeo}
    passes = {name: partial(_first_copy, ground, images, run) for name, run in runs.items()}
    with ground.replicator.watched() as seen:
        taken = interleave(passes, rounds=3)
    _inform("1 GiB", taken)
    largest = seen[0] / MIB
    name = "replicate a blob of 1 GiB, of skopeo copy: wall time"
    return [
        figure(name, taken, Sample.seconds, 1.1, "lower", unit="s", peer="plain"),
        Figure(
            f"memory of one replication worker, of {LIMIT} MiB", largest / LIMIT, 1.0, "lower",
            f"{largest:.0f} MiB", f"{LIMIT} MiB",
        ),
    ]  # fmt: skip


def _inform(what: str, taken: list[Round]) -> None:
    seen = "; ".join(f"{side} {middle(taken, Sample.seconds, side):.2f} s" for side in taken[0])
    print(f"  {what}: {seen}; our stack took {middle(taken, Sample.cpu_per_gib, 'ours'):.2f} s of CPU a GiB")
