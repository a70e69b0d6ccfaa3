"""Tokens for a local user with a password, held against Distribution's manifest GETs."""

from functools import partial

from bench.figures import Figure
from bench.load import wrk
from bench.manifests import get_by_tag
from bench.product import Product
from bench.rounds import Sample, figure, interleave, measure, middle, ratio
from bench.world import IMAGE, World

ROUNDS = 5
SECONDS = 3


def figures(world: World) -> list[Figure]:
    """The peer of the bar asks for no token, which makes it the faster of the two that there are."""
    passes = {
        "ours": partial(get_tokens, world.product, f"repository:{IMAGE}:pull"),
        "peer": partial(get_by_tag, world.peer, world),
        "verifying": partial(get_by_tag, world.verifying, world),
    }
    taken = interleave(passes, rounds=ROUNDS)
    print(f"  token {middle(taken, Sample.cpu_per_request, 'ours'):.3f} CPU ms a request", end="; ")
    print(f"against a peer that verifies tokens: {ratio(taken, Sample.rate, peer='verifying'):.3g}")
    return [figure("token for a local user: requests per second", taken, Sample.rate, 1.0, "higher", unit="/s")]


def get_tokens(product: Product, scope: str) -> Sample:
    """One pass of token requests with the user's name and password."""
    url = product.url + product.token_path(scope)
    return measure(product, lambda: wrk(url, headers=product.basic(), seconds=SECONDS))
