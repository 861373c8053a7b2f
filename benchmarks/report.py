"""Writes the rows as a table and as JSON."""

import json
from pathlib import Path
from typing import Any

from benchmarks.rows import Row

HEADINGS = (
    "job", "size", "ours", "peer", "peer's time", "ratio", "floor", "× floor",
    "memory, MB", "first call +", "difference", "reach", "reached",
)  # fmt: skip

DIMENSIONS = (
    "n", "d", "m", "side", "depth", "degree", "k", "peer_n", "horizon", "peer_horizon",
)  # fmt: skip
"""What the table shows of a size."""

EXPLANATION = """\
Ours is ntklib. Times are medians after a first call, of nine repetitions of up to 2 s, five of up
to 20 s, three of longer ones; the sides of a job take turns. Ratio: the peer's time by ours.
Floor: the least time the job's counted operations and bytes take at the rates of matrix products
and memory measured right before it; × floor: our time by that. Memory: the most that each side's
process held. First call +: by how much it took longer, ours / the peer's, which is compilation for
the most part. Difference: between both results, relative to the largest value; where there is an
exact reference, each side's from that."""


SCALING_HEADINGS = ("call", "size", "time", "exponent", "in theory", "because")

SCALING = """\
Medians of three calls after a first one. The exponent is the slope of log time against log size
over the upper half of the sizes, since small calls cost what a call costs."""


def write(rows: list[Row], curves: list[Row], machine: dict[str, Any], folder: Path) -> None:
    """Writes `results.json`, `scaling.json` and `results.md`.

    Args:
      rows: of all jobs so far.
      curves: of all curves so far.
      machine: what they were measured on, which every row of the JSON files says too.
      folder: where; made if needed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, found in (("results", rows), ("scaling", curves)):
        objects = [row | {"machine": machine} for row in found]
        text = json.dumps(objects, indent=1, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    (folder / "results.md").write_text(page(rows, curves, machine), encoding="utf-8")


def page(rows: list[Row], curves: list[Row], machine: dict[str, Any]) -> str:
    """Returns the whole page: the tables, how to read them, notes and the machine."""
    notes = [f"- {row['job']}: {row['note']}." for row in rows if row["note"]]
    described = [f"- {name.replace('_', ' ')}: {value}" for name, value in machine.items()]
    parts = ["# Benchmarks", table(rows), EXPLANATION, *(["\n".join(notes)] if notes else [])]
    parts += ["## Scaling", scaling(curves), SCALING] if curves else []
    return "\n\n".join([*parts, "## Machine", "\n".join(described)]) + "\n"


def table(rows: list[Row]) -> str:
    """Returns the rows as a table in Markdown."""
    return _aligned([HEADINGS, *(_cells(row) for row in rows)])


def scaling(curves: list[Row]) -> str:
    """Returns the curves as a table in Markdown."""
    return _aligned([SCALING_HEADINGS, *(_points(curve) for curve in curves)])


def _points(curve: Row) -> tuple[str, ...]:
    pairs = zip(curve["values"], curve["seconds"], strict=True)
    return (
        curve["curve"],
        curve["size"],
        ", ".join(f"{value}: {_time(seconds, '')}" for value, seconds in pairs),
        f"{curve['exponent']:.2f}",
        f"{curve['theory']:g}",
        curve["reason"],
    )


def _aligned(cells: list[tuple[str, ...]]) -> str:
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    size = ", ".join(f"{name} = {row['size'][name]}" for name in DIMENSIONS if name in row["size"])
    difference = _number(row["difference"], ".0e")
    if row["errors"]:
        difference = " / ".join(f"{row['errors'][side]:.0e}" for side in ("ours", "peer"))
    return (
        row["job"],
        f"{size}, {row['precision']}",
        _time(row["ours"], row["unit"]),
        row["peer_name"],
        _time(row["peer"], row["unit"]),
        _number(row["ratio"], ".3g"),
        _time(row["floor"], row["unit"]),
        _number(row["over_floor"], ".3g"),
        _pair(row["memory"], ".0f"),
        _pair(row["compilation"], ".1f") + " s",
        difference,
        reach(row["reach"]),
        _verdict(row),
    )


def reach(wanted: dict[str, float]) -> str:
    """Returns what is to be reached in words."""
    if not wanted:
        return "–"
    texts = {
        "ratio": lambda x: f"≥ {x:g} × faster" if x >= 1 else f"≤ {1 / x:.3g} × the time",
        "floor": lambda x: f"≤ {x:g} floors",
        "memory": lambda x: f"≤ {x:g} MB",
        "error": lambda x: f"error ≤ {x:.0e}",
        "exactness": lambda x: f"≥ {x:.0e} × more exact",
    }
    return ", ".join(texts[name](value) for name, value in wanted.items())


def _verdict(row: Row) -> str:
    if row["status"] != "measured":
        return f"{row['status']}: {row['reason']}".replace("|", "¦").replace("\n", " ")
    if row["met"] is None:
        return "–"
    if row["met"]:
        return "yes"
    return f"missed ({', '.join(row['missed'])}); what limits it: {row['limit']}"


def _time(seconds: float | None, unit: str) -> str:
    if seconds is None:
        return "–"
    for scale, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {name}"
    return "< 1 µs"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _pair(values: dict[str, float | None], form: str) -> str:
    return " / ".join(_number(values[side], form) for side in ("ours", "peer"))
