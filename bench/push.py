"""A blob of 256 MiB pushed as docker does it: server CPU, and the time until the registry has confirmed it."""

import os
from functools import partial

from bench import content
from bench.content import MIB, Blob
from bench.figures import Figure
from bench.peer import Peer
from bench.product import Product
from bench.rounds import Sample, figure, interleave, measure
from bench.world import DATA, World

ROUNDS = 5


class Source:
    """A file whose content is new to both registries each time it is asked for."""

    def __init__(self, blob: Blob) -> None:
        self.blob = blob
        self.mark = 0

    def fresh(self) -> Blob:
        self.mark += 1
        return content.renew(self.blob, mark=self.mark)


def figures(world: World) -> list[Figure]:
    source = Source(content.random_blob(world.files / "push", 256 * MIB, seed=256))
    sides: dict[str, Product | Peer] = {"ours": world.product, "peer": world.peer, "tuned": world.tuned}
    taken = interleave({name: partial(_push, side, source) for name, side in sides.items()}, rounds=ROUNDS)
    return [
        figure("push 256 MiB: server CPU", taken, lambda sample: sample.cpu, 1.20, "lower", unit="s"),
        figure("push 256 MiB: wall time", taken, Sample.seconds, 1.10, "lower", unit="s"),
    ]


def _push(side: Product | Peer, source: Source) -> Sample:
    blob = source.fresh()
    os.sync()  # so that no side pays for writing back what the other one wrote
    return measure(side, lambda: side.client.push_blob(DATA, blob))
