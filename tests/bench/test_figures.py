"""The bars, the table and the shape of bench.json."""

import json
from pathlib import Path

import pytest

from bench.figures import Figure, table, verdict, write

FASTER = Figure("requests", 25.0, 20, "higher", "25/s", "1/s")
CHEAPER = Figure("CPU", 0.30, 0.25, "lower", "3 s", "10 s")


@pytest.mark.parametrize(
    ("ratio", "bar", "better", "ok"),
    [
        (20, 20, "higher", True),
        (19.99, 20, "higher", False),
        (0.25, 0.25, "lower", True),
        (0.26, 0.25, "lower", False),
    ],
)
def test_a_bar_is_met_from_its_better_side(ratio, bar, better, ok):
    assert Figure("x", ratio, bar, better).ok is ok


def test_the_table_names_what_is_missed():
    lines = table([FASTER, CHEAPER]).splitlines()
    assert lines[1].split() == ["requests", "25/s", "1/s", "25", "≥", "20", "ok"]
    assert lines[2].endswith("MISSED")
    assert verdict([FASTER, CHEAPER]) == "1 of 2 bars are MISSED: CPU."
    assert verdict([FASTER]) == "All 1 bars are met."


def test_bench_json_is_a_list_of_name_ratio_bar_and_better(tmp_path: Path):
    write(tmp_path / "var" / "bench.json", [FASTER, CHEAPER])
    assert json.loads((tmp_path / "var" / "bench.json").read_text()) == [
        {"name": "requests", "ratio": 25.0, "bar": 20, "better": "higher"},
        {"name": "CPU", "ratio": 0.3, "bar": 0.25, "better": "lower"},
    ]


def test_a_later_run_of_one_capability_keeps_the_figures_of_the_others(tmp_path: Path):
    path = tmp_path / "bench.json"
    write(path, [FASTER, CHEAPER])
    write(path, [Figure("CPU", 0.2, 0.25, "lower")])
    assert [(entry["name"], entry["ratio"]) for entry in json.loads(path.read_text())] == [
        ("requests", 25.0),
        ("CPU", 0.2),
    ]


def test_a_spoilt_bench_json_is_written_anew(tmp_path: Path):
    path = tmp_path / "bench.json"
    path.write_text("{")
    write(path, [FASTER])
    assert len(json.loads(path.read_text())) == 1
