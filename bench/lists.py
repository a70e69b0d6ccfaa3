"""How the REST API's lists grow: the same pages with a hundred rows and with a million behind them."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from bench import seed
from bench.figures import Figure
from bench.growth import growth
from bench.load import wrk
from bench.product import PROJECT, USER, Product, ProductError
from bench.rounds import Sample, interleave, measure
from bench.world import World

SMALL, LARGE = 100, 1_000_000
PAGES = 5  # of ten entries, one behind the other
FURTHEST = 900  # the audit trail's pages by number end soon behind it
ROUNDS = 5
SECONDS = 3
MEMBER = "member"  # of ten projects; USER is an administrator of the system and sees all
_ARTIFACTS = f"/projects/{PROJECT}/repositories/many/artifacts?with_tag=true&with_label=true"
# What is asked for, by whom, and whether the pages begin in the middle of the list.
_LISTS = {
    "GET /projects": ("/projects?", USER, True),
    "GET /projects of a member of ten": ("/projects?", MEMBER, False),
    "GET /artifacts with tags and labels": (f"{_ARTIFACTS}&", USER, True),
    "GET /audit-logs": ("/audit-logs?", USER, True),
}
_NEXT = re.compile(r'<([^>]*)>; rel="next"')


def figures(world: World) -> list[Figure]:
    """Two stacks of their own, alike but for the number of rows, measured in turns."""
    world.stop()
    with ExitStack() as running:
        sides = {}
        for offset, (name, count) in enumerate({"small": SMALL, "large": LARGE}.items()):
            sides[name] = running.enter_context(filled(world, name, count, offset)), count
        return [_figure(name, world.directory, sides) for name in _LISTS]


@contextmanager
def filled(world: World, name: str, count: int, offset: int = 0) -> Iterator[Product]:
    """A stack with so many rows, which stay in the world for the next who asks for it by this name."""
    with Product(world.directory / f"lists-{name}", world.port + 6 + offset) as product:
        if product.is_new:
            product.make_user(MEMBER)
            product.manage("setadmin", USER)
            seed.fill_lists(product, count, member=MEMBER)
        yield product


def _figure(name: str, directory: Path, sides: dict[str, tuple[Product, int]]) -> Figure:
    path, user, inside = _LISTS[name]
    passes = {}
    for side, (product, count) in sides.items():
        first = min(count // 20, FURTHEST) if inside else 1
        file = directory / f"paths-{side}"
        start = f"/api/v2.0{path}page={first}&page_size=10"
        file.write_text("\n".join(_pages(product, start, user) or [start]) + "\n")
        passes[side] = partial(_pass, product, user, file)
        product.settle()
    return growth(name, interleave(passes, rounds=ROUNDS), SMALL, LARGE)


def _pass(product: Product, user: str, paths: Path) -> Sample:
    return measure(product, lambda: wrk(product.url, headers=product.basic(user), seconds=SECONDS, paths=paths))


def _pages(product: Product, path: str, user: str) -> list[str]:
    """The pages that the links of `path` lead to."""
    found: list[str] = []
    while len(found) < PAGES and (path := _next(product, path, user)):
        found.append(path)
    return found


def _next(product: Product, path: str, user: str) -> str:
    connection = HTTPConnection("127.0.0.1", product.port, timeout=60)
    connection.request("GET", path, headers=product.basic(user))
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200 or body == b"[]":
        raise ProductError(f"{path}: {response.status} {body[:300]!r}")
    link = _NEXT.search(response.headers.get("Link", ""))
    return link[1] if link else ""
