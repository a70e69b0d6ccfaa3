"""Blob GETs by eight clients: requests per second, throughput, and server CPU per GiB."""

from collections.abc import Callable
from functools import partial

from bench.figures import Figure
from bench.load import Load, discard, wrk
from bench.rounds import Round, Sample, Side, figure, interleave, measure, middle, ratio
from bench.world import DATA, World

ROUNDS = 5
Loader = Callable[..., Load]


def figures(world: World) -> list[Figure]:
    small = _rounds(world, "64 KiB", wrk, seconds=3)
    # From 1 MiB on wrk, which copies 8 KiB at a time, takes twice what discarding takes; below they are alike.
    middling = _rounds(world, "1 MiB", discard, seconds=3)
    large = _rounds(world, "512 MiB", discard, seconds=4)
    return [
        figure("blob 64 KiB: requests per second", small, Sample.rate, 20, "higher", unit="/s"),
        figure("blob 1 MiB: server CPU per GiB", middling, Sample.cpu_per_gib, 0.25, "lower", unit="s"),
        figure("blob 1 MiB: throughput", middling, Sample.throughput, 4, "higher", unit="GiB/s"),
        figure("blob 512 MiB: server CPU per GiB", large, Sample.cpu_per_gib, 0.70, "lower", unit="s"),
        figure("blob 512 MiB: throughput", large, Sample.throughput, 1.15, "higher", unit="GiB/s"),
    ]


def _rounds(world: World, size: str, loader: Loader, *, seconds: int) -> list[Round]:
    path = f"/v2/{DATA}/blobs/{world.blobs[size].digest}"
    sides: dict[str, Side] = {"ours": world.product, "peer": world.peer, "tuned": world.tuned}
    passes = {name: partial(_pass, side, path, partial(loader, seconds=seconds)) for name, side in sides.items()}
    taken = interleave(passes, rounds=ROUNDS)
    _inform(size, taken)
    return taken


def _pass(side: Side, path: str, loader: Loader) -> Sample:
    headers = side.authorize(f"repository:{DATA}:pull")
    return measure(side, lambda: loader(side.url + path, headers=headers))


def _inform(size: str, taken: list[Round]) -> None:
    """What has no bar: the peer with a tuned collector, and how busy the load generator was."""
    for side in taken[0]:
        print(
            f"  {size:7} {side:5} {middle(taken, Sample.rate, side):9.1f}/s"
            f" {middle(taken, Sample.throughput, side):6.3f} GiB/s"
            f" {middle(taken, Sample.cpu_per_gib, side):7.3f} CPU s/GiB,"
            f" load generator {middle(taken, Sample.client_cores, side):.2f} cores"
        )
    print(
        f"  {size:7} ratios to the tuned peer:"
        f" throughput {ratio(taken, Sample.throughput, peer='tuned'):.3g},"
        f" CPU {ratio(taken, Sample.cpu_per_gib, peer='tuned'):.3g}"
    )
