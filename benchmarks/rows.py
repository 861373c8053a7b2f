"""Makes the rows of the table from what was measured."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import floors
from benchmarks.floors import Size
from benchmarks.model import Agreement, Arrays, Job, Pair, Reach

Row = dict[str, Any]


@dataclass(frozen=True)
class Measurement:
    """What was measured of a side.

    Attributes:
      label: its name in the table.
      seconds: that a unit of work took, for each repetition after the first call.
      compilation: seconds by which the first call took longer than the median.
      peak: most memory held, in MB.
      imported: the same after its imports.
      arrays: the result.
      failure: ("skipped" or "error", why) where nothing was measured.
    """

    label: str
    seconds: tuple[float, ...] = ()
    compilation: float = 0.0
    peak: float = 0.0
    imported: float = 0.0
    arrays: Arrays = field(default_factory=dict)
    failure: tuple[str, str] | None = None

    @property
    def median(self) -> float:
        """The median time of a unit of work in seconds."""
        return statistics.median(self.seconds)


def row(
    job: Job, pair: Pair, size: Size, measured: dict[str, Measurement],
    rates: dict[str, float], folder: Path,
) -> Row:  # fmt: skip
    """Returns a pair's row.

    Args:
      job: the pair's job.
      pair: which sides.
      size: at which it was measured.
      measured: by the keys of the job's sides.
      rates: of the machine, see `floors.seconds`.
      folder: with the job's inputs.

    Returns:
      The row. Without numbers for a side that failed; with the status "error" where the sides
      have computed different things.
    """
    ours, peer = measured[pair.ours], measured[pair.peer]
    found = blank(job, pair, size, ("measured", ""))
    floor = floors.seconds(job.stages(size), rates, size["precision"])
    found |= {"floor": floor, "rates": rates}
    for name, side in (("ours", ours), ("peer", peer)):
        if not side.failure:
            found[name] = side.median
            _put(found, name, side)
    if not ours.failure:
        found["over_floor"] = ours.median / floor
    failures = [side.failure for side in (ours, peer) if side.failure]
    if failures:
        status, reason = min(failures)  # "error" outweighs "skipped"
        return found | {"status": status, "reason": reason}
    found["ratio"] = peer.median / ours.median
    try:
        agreement = job.check(ours.arrays, peer.arrays, folder)
    except ValueError as reason:
        return found | {"status": "error", "reason": str(reason)}
    return _judged(found, pair.reach, agreement)


def blank(job: Job, pair: Pair, size: Size, outcome: tuple[str, str]) -> Row:
    """Returns a row without numbers; outcome is its status and the reason for that."""
    sides = (job.sides[pair.ours], job.sides[pair.peer])
    return {
        "job": pair.name,
        "size": {name: value for name, value in size.items() if name != "precision"},
        "precision": size["precision"],
        "unit": job.unit,
        "ours_name": sides[0].label,
        "peer_name": sides[1].label,
        "status": outcome[0],
        "reason": outcome[1],
        **dict.fromkeys(("ours", "peer", "ratio", "floor", "over_floor", "difference", "errors")),
        **{name: {"ours": None, "peer": None} for name in _OF_A_SIDE},
        "reach": {name: value for name, value in vars(pair.reach).items() if value is not None},
        "met": None,
        "missed": [],
        "limit": pair.limit,
        "note": "; ".join(side.note for side in sides if side.note),
    }


_OF_A_SIDE: dict[str, Callable[[Measurement], Any]] = {
    "memory": lambda side: round(side.peak),
    "memory_over_imports": lambda side: round(side.peak - side.imported),
    "compilation": lambda side: side.compilation,
    "repetitions": lambda side: len(side.seconds),
    "range": lambda side: [min(side.seconds), max(side.seconds)],
}
"""What a row says of each side besides its time."""


def _put(found: Row, name: str, side: Measurement) -> None:
    for key, value in _OF_A_SIDE.items():
        found[key][name] = value(side)


def _judged(found: Row, reach: Reach, agreement: Agreement) -> Row:
    found["difference"] = agreement.difference
    if agreement.errors:
        found["errors"] = dict(zip(("ours", "peer"), agreement.errors, strict=True))
    if not agreement.difference <= agreement.allowed:  # so that NaN is an error too
        reason = (
            f"the results differ by {agreement.difference:.2g} of the largest value, more than "
            f"{agreement.allowed:.0e}: one of the sides computes something else."
        )
        return found | {"status": "error", "reason": reason}
    found["missed"] = _missed(found, reach)
    if found["reach"]:
        found["met"] = not found["missed"]
    return found


def _missed(found: Row, reach: Reach) -> list[str]:
    """Returns which parts of the reach were missed."""
    errors = found["errors"] or {"ours": 0.0, "peer": 0.0}
    parts = [
        ("ratio", reach.ratio is None or found["ratio"] >= reach.ratio),
        ("floor", reach.floor is None or found["over_floor"] <= reach.floor),
        ("memory", reach.memory is None or found["memory"]["ours"] <= reach.memory),
        ("error", reach.error is None or errors["ours"] <= reach.error),
        (
            "exactness",
            reach.exactness is None or errors["peer"] >= reach.exactness * errors["ours"],
        ),
    ]
    return [name for name, met in parts if not met]
