"""Measuring sides in turns: A B, B A, A B …, and the median of what each round says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from bench.figures import Better, Figure
from bench.load import Load

GIB = 1 << 30


class Side(Protocol):
    """What is measured: a URL, the headers a client needs there, and the CPU seconds its processes used so far."""

    @property
    def url(self) -> str: ...

    def authorize(self, scope: str, /) -> dict[str, str]: ...

    def cpu(self) -> float: ...


@dataclass(frozen=True)
class Sample:
    """What one pass of one side cost: what the clients got, in which time, for how much CPU of the server."""

    load: Load
    cpu: float

    def rate(self) -> float:
        """Requests per second."""
        return self.load.requests / self.load.seconds

    def throughput(self) -> float:
        """GiB per second."""
        return self.load.bytes / GIB / self.load.seconds

    def cpu_per_gib(self) -> float:
        """Server CPU seconds per GiB."""
        return self.cpu / (self.load.bytes / GIB)

    def cpu_per_request(self) -> float:
        """Server CPU milliseconds per request."""
        return 1000 * self.cpu / self.load.requests

    def seconds(self) -> float:
        """What the clock on the wall says."""
        return self.load.seconds

    def client_cores(self) -> float:
        """How many cores the load generator kept busy, where it counted that."""
        return self.load.client / self.load.seconds


Metric = Callable[[Sample], float]
Round = dict[str, Sample]


def measure(side: Side, run: Callable[[], Load]) -> Sample:
    """Run a load once and see what it cost the side's processes."""
    before = side.cpu()
    load = run()
    return Sample(load, side.cpu() - before)


def interleave(passes: Mapping[str, Callable[[], Sample]], *, rounds: int, warm: bool = True) -> list[Round]:
    """Run every pass once a round, in turning order so that a drift of the machine favours nobody."""
    if warm:
        for run in passes.values():
            run()
    order = list(passes)
    taken: list[Round] = []
    for _ in range(rounds):
        samples = {name: passes[name]() for name in order}
        taken.append({name: samples[name] for name in passes})
        order.reverse()
    return taken


def ratio(taken: list[Round], metric: Metric, *, ours: str = "ours", peer: str = "peer") -> float:
    """The median over the rounds of ours divided by the peer's."""
    return median(metric(samples[ours]) / metric(samples[peer]) for samples in taken)


def middle(taken: list[Round], metric: Metric, side: str) -> float:
    """The median of one side's own values: an absolute number, for information only."""
    return median(metric(samples[side]) for samples in taken)


def figure(
    name: str,
    taken: list[Round],
    metric: Metric,
    bar: float,
    better: Better,
    *,
    unit: str,
    ours: str = "ours",
    peer: str = "peer",
) -> Figure:
    """The ratio of two sides as a figure, with their own medians beside it."""
    seen = (f"{middle(taken, metric, side):.4g} {unit}" for side in (ours, peer))
    return Figure(name, ratio(taken, metric, ours=ours, peer=peer), bar, better, *seen)
