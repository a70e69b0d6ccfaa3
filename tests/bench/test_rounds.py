"""Turns, medians and ratios."""

from functools import partial

from bench.load import Load
from bench.rounds import GIB, Sample, figure, interleave, measure, middle, ratio


def sample(rate: float, cpu: float = 1.0) -> Sample:
    return Sample(Load(requests=int(rate * 2), bytes=GIB, seconds=2.0), cpu)


def test_a_sample_says_what_a_request_and_a_gib_cost():
    one = Sample(Load(requests=100, bytes=4 * GIB, seconds=2.0, client=1.0), cpu=0.5)
    assert (one.rate(), one.throughput(), one.cpu_per_gib(), one.cpu_per_request()) == (50, 2, 0.125, 5)
    assert (one.seconds(), one.client_cores()) == (2, 0.5)


def test_the_sides_take_turns_and_the_order_turns_too():
    seen: list[str] = []

    def run(name: str) -> Sample:
        seen.append(name)
        return sample(1)

    taken = interleave({name: partial(run, name) for name in "ab"}, rounds=3)
    assert "".join(seen) == "ab" + "ab" + "ba" + "ab"  # the first pair warms up
    assert [list(samples) for samples in taken] == [["a", "b"]] * 3


def test_the_ratio_is_the_median_of_the_rounds_own_ratios():
    # The machine is three times slower in the last round: both sides' medians shift, no round's ratio does.
    taken = [{"ours": sample(20), "peer": sample(10)}, {"ours": sample(22), "peer": sample(10)}]
    taken.append({"ours": sample(7), "peer": sample(3)})
    assert ratio(taken, Sample.rate) == 2.2
    assert middle(taken, Sample.rate, "ours") == 20


def test_a_figure_carries_the_ratio_and_what_was_seen():
    taken = [{"large": sample(10, cpu=2.6), "small": sample(10, cpu=2.0)}]
    made = figure("growth", taken, lambda one: one.cpu, 1.3, "lower", unit="s", ours="large", peer="small")
    assert (made.ratio, made.bar, made.ok, made.ours, made.peer) == (1.3, 1.3, True, "2.6 s", "2 s")


def test_only_the_cpu_of_the_run_itself_counts():
    class Side:
        url = "http://127.0.0.1"
        used = 5.0

        def authorize(self, _: str) -> dict[str, str]:
            return {}

        def cpu(self) -> float:
            return self.used

    side = Side()

    def run() -> Load:
        side.used += 1.5
        return Load(1, 1, 1.0)

    assert measure(side, run).cpu == 1.5
