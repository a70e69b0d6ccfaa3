"""Manifest GETs by tag, each side verifying the caller's token itself."""

from functools import partial

from bench.figures import Figure
from bench.load import wrk
from bench.rounds import Sample, Side, figure, interleave, measure, middle
from bench.world import IMAGE, TAG, World

ROUNDS = 5
SECONDS = 3


def figures(world: World) -> list[Figure]:
    sides: dict[str, Side] = {"ours": world.product, "peer": world.verifying}
    passes = {name: partial(get_by_tag, side, world) for name, side in sides.items()}
    taken = interleave(passes, rounds=ROUNDS)
    for name in sides:
        print(f"  manifest {name:5} {middle(taken, Sample.cpu_per_request, name):.3f} CPU ms a request")
    return [figure("manifest by tag: requests per second", taken, Sample.rate, 1.5, "higher", unit="/s")]


def get_by_tag(side: Side, world: World) -> Sample:
    """One pass of GETs of the image's manifest by its tag."""
    headers = side.authorize(f"repository:{IMAGE}:pull") | {"Accept": world.image.media_type}
    return measure(side, lambda: wrk(f"{side.url}/v2/{IMAGE}/manifests/{TAG}", headers=headers, seconds=SECONDS))
