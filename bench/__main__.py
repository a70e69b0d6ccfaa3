"""`make bench`: measure every capability, print the table, and write bench.json below ROADSTEAD_HOME."""

import argparse
import os
import sys
import time
from types import ModuleType

from bench import blobs, directory, growth, lists, manifests, memory, pages, push, replication, skopeo, tokens
from bench.client import ClientError
from bench.figures import Figure, table, verdict, write
from bench.load import LoadError
from bench.peer import PeerError
from bench.product import ProductError
from bench.world import World, world
from config.home import home
from deploy.problem import Problem

# A new benchmark is a module with `figures(world) -> list[Figure]`, named here. Memory comes after the load it is
# to show; those behind it end the sides that the others share, and start stacks of their own.
CAPABILITIES: tuple[ModuleType, ...] = (
    blobs,
    push,
    manifests,
    tokens,
    skopeo,
    memory,
    growth,
    lists,
    pages,
    directory,
    replication,
)
PORT = 8650


def main() -> None:
    named = {module.__name__.rpartition(".")[2]: module for module in CAPABILITIES}
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure side by side with Distribution.")
    parser.add_argument("capability", nargs="*", help=f"of {', '.join(named)}; without any: everything")
    chosen = parser.parse_args().capability or list(named)
    if unknown := [name for name in chosen if name not in named]:
        parser.error(f"{unknown[0]} is none of {', '.join(named)}")
    result = home() / "bench.json"
    port = int(os.environ.get("ROADSTEAD_BENCH_PORT", PORT))
    try:
        with world(home() / "bench", port) as sides:
            found = [figure for name in chosen for figure in _run(name, named[name], sides)]
    except (Problem, PeerError, ProductError, ClientError, LoadError) as error:
        sys.exit(f"bench: {error}")
    write(result, found)
    print(f"\n{table(found)}\n\n{verdict(found)}\nWritten to {result}.")


def _run(name: str, module: ModuleType, sides: World) -> list[Figure]:
    print(f"{name} …", flush=True)
    begun = time.monotonic()
    found: list[Figure] = module.figures(sides)
    print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
    return found


if __name__ == "__main__":
    main()
