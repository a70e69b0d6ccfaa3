"""How cost grows with the database: the same requests with a thousand and with a million tags and repositories."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from bench import seed
from bench.content import IMAGE_TYPE
from bench.figures import Figure
from bench.load import Numbers, wrk
from bench.product import PROJECT, Product
from bench.rounds import Round, Sample, figure, interleave, measure, middle
from bench.seed import MANY
from bench.world import World

SMALL, LARGE = 1_000, 1_000_000
ASKED = 500  # different things asked for on either side, spread evenly over what there is
ROUNDS = 5
SECONDS = 3
BAR = 1.3
Pass = Callable[[Product, int], Sample]


def figures(world: World) -> list[Figure]:
    """Two stacks of their own, alike but for the number of rows, measured in turns."""
    world.stop()
    with ExitStack() as running:
        sides = {}
        for offset, (name, count) in enumerate({"small": SMALL, "large": LARGE}.items()):
            product = running.enter_context(Product(world.directory / name, world.port + 4 + offset))
            seed.fill(product, count)
            sides[name] = product, count
        return [_figure(name, one, sides) for name, one in _PASSES.items()]


def _figure(name: str, one: Pass, sides: dict[str, tuple[Product, int]]) -> Figure:
    passes = {side: partial(one, product, count) for side, (product, count) in sides.items()}
    for product, _ in sides.values():
        product.settle()
    return growth(name, interleave(passes, rounds=ROUNDS), SMALL, LARGE)


def growth(name: str, taken: list[Round], *rows: int) -> Figure:
    """What a request costs on the side `large`, as a ratio to the side `small`; `rows` are those of small and large."""
    seen = zip(("small", "large"), rows, strict=True)
    rates = (f"{middle(taken, Sample.rate, side):.0f}/s with {count:,} rows" for side, count in seen)
    print(f"  {name}: {', '.join(rates)}")
    title = f"growth to a million: {name}"
    return figure(title, taken, Sample.cpu_per_request, BAR, "lower", unit="ms", ours="large", peer="small")


def _tags(product: Product, count: int) -> Sample:
    """Pages of 100 from all over a repository that holds all the tags."""
    return _get(product, count, "tags/list?n=100&last=t%07d")


def _manifest(product: Product, count: int) -> Sample:
    """Manifests by tag, from all over the same repository."""
    return _get(product, count, "manifests/t%07d")


def _get(product: Product, count: int, path: str) -> Sample:
    headers = product.authorize(f"repository:{MANY}:pull") | {"Accept": IMAGE_TYPE}
    return _spread(product, count, f"/v2/{MANY}/{path}", headers)


def _token(product: Product, count: int) -> Sample:
    """Tokens for repositories from all over the project."""
    path = product.token_path("repository:REPOSITORY:pull").replace("REPOSITORY", f"{PROJECT}/r%07d")
    return _spread(product, count, path, product.basic())


def _spread(product: Product, count: int, template: str, headers: dict[str, str]) -> Sample:
    numbers = Numbers(template, step=count // ASKED, amount=ASKED)
    return measure(product, lambda: wrk(product.url, headers=headers, seconds=SECONDS, numbers=numbers))


_PASSES: dict[str, Pass] = {"tag list page": _tags, "token": _token, "manifest by tag": _manifest}
