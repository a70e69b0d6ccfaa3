"""A figure: a ratio held against a bar; the printed table and bench.json are made of them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Figure:
    """One line of the result. `ours` and `peer` are what was seen, in words, for information only."""

    name: str
    ratio: float
    bar: float
    better: Better
    ours: str = ""
    peer: str = ""

    @property
    def ok(self) -> bool:
        return self.ratio >= self.bar if self.better == "higher" else self.ratio <= self.bar

    @property
    def sign(self) -> str:
        return "≥" if self.better == "higher" else "≤"


def table(figures: Sequence[Figure]) -> str:
    """The figures in columns, with a plain word where the bar is missed."""
    head = ("figure", "ours", "peer", "ratio", "bar", "")
    rows = [
        (f.name, f.ours, f.peer, f"{f.ratio:.3g}", f"{f.sign} {f.bar:g}", "ok" if f.ok else "MISSED") for f in figures
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return "\n".join(line.rstrip() for line in lines)


def verdict(figures: Sequence[Figure]) -> str:
    """One sentence: how many bars are met, and by name those that are not."""
    missed = [figure.name for figure in figures if not figure.ok]
    if not missed:
        return f"All {len(figures)} bars are met."
    return f"{len(missed)} of {len(figures)} bars are MISSED: {'; '.join(missed)}."


def write(path: Path, figures: Iterable[Figure]) -> None:
    """Write `figures` to `path`, in place of older ones of the same names; the others there are kept."""
    entries = {entry["name"]: entry for entry in _written(path)}
    for figure in figures:
        entries[figure.name] = {
            "name": figure.name,
            "ratio": round(figure.ratio, 4),
            "bar": figure.bar,
            "better": figure.better,
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(entries.values()), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _written(path: Path) -> list[dict[str, object]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return []
    return [entry for entry in found if isinstance(entry, dict) and "name" in entry]
