"""Memory of one web process after all the load of the run."""

from bench import cpu
from bench.content import MIB
from bench.figures import Figure
from bench.product import ProductError
from bench.world import World

LIMIT = 150  # MiB


def figures(world: World) -> list[Figure]:
    """The largest process of the web piece, resident, as a ratio to the limit."""
    pid = world.product.stack.pid_of("web")
    if not pid:
        raise ProductError("the web piece is not running")
    largest = max(cpu.resident(process) for process in cpu.tree([pid])) / MIB
    name = f"memory of one web process, of {LIMIT} MiB"
    return [Figure(name, largest / LIMIT, 1.0, "lower", f"{largest:.0f} MiB", f"{LIMIT} MiB")]
