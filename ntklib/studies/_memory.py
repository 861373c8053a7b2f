"""How much memory there is for a cell, and the refusal when it needs more."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

SHARE = 0.7
"""Of the available memory that a cell may take by default."""


Point = Mapping[str, Any]


def require(
    points: Sequence[Point], estimate: Callable[[Point], float], budget: float, batch: int
) -> None:
    """Refuses a study that has a cell too large for the budget.

    Args:
      points: the cells that are to be computed.
      estimate: cell ↦ bytes.
      budget: bytes; 0 where no memory is left.
      batch: seeds in a call, for the message.

    Raises:
      MemoryError: a cell needs more; the message says which one, how much, and what to lower.
      ValueError: an estimate is negative, infinite or NaN.
    """
    needs = [float(estimate(point)) for point in points]
    for point, need in zip(points, needs, strict=True):
        if not 0 <= need < math.inf:
            raise ValueError(
                f"the study's estimate of the memory of the cell {label(point)} is {need}: its "
                "function `memory` must return bytes."
            )
    if not needs or max(needs) <= budget:
        return
    at = needs.index(max(needs))
    worst, need = points[at], needs[at]
    needed = f"the cell {label(worst)} needs about {shown(need)} for {batch} seed(s) at a time"
    if budget == 0:
        raise MemoryError(f"{needed}, and no memory is left: free some, or give a budget (memory).")
    best = _best_change(points, worst, estimate)
    advice = "lower the batch"
    if best is not None:
        axis, value, left = best
        advice = f"lower {axis} (at {axis}={value} it needs {shown(left)}) or the batch"
    raise MemoryError(
        f"{needed}, more than the budget of {shown(budget)}: {advice}, or raise the budget "
        "(memory)."
    )


def _best_change(
    points: Sequence[Point], worst: Point, estimate: Callable[[Point], float]
) -> tuple[str, Any, float] | None:
    """Returns the axis whose least value helps most, that value, and what is then needed."""
    changes = []
    for axis, value in worst.items():
        if isinstance(value, bool | str):
            continue
        least = min(point[axis] for point in points)
        left = float(estimate({**worst, axis: least}))
        if left < float(estimate(worst)):
            changes.append((axis, least, left))
    return min(changes, key=lambda change: change[2], default=None)


def label(point: Point) -> str:
    """Returns a grid point as a message shows it."""
    return ", ".join(f"{axis}={value}" for axis, value in point.items()) or "(the only one)"


def shown(size: float) -> str:
    """Returns a number of bytes as a message shows it."""
    power = min(int(math.log2(max(size, 1))) // 10, 4)
    # Of "g" 1000 would be 1e+03.
    digits = np.format_float_positional(
        size / 1024**power, 3, unique=False, fractional=False, trim="-"
    )
    return f"{digits} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


def parse(text: str) -> float:
    """Returns the bytes of a size such as "6GiB", "500 MB" or "2e9".

    Raises:
      ValueError: it is no size.
    """
    number, base = text.strip().lower().removesuffix("b"), 1000.0
    if number.endswith(("ki", "mi", "gi", "ti")):
        number, base = number[:-1], 1024.0
    power = 1 + "kmgt".find(number[-1:])
    try:
        size = float(number[:-1] if power else number) * base**power
    except ValueError:
        size = 0.0
    if not 0 < size < float("inf"):
        raise ValueError(f"{text!r} is no size: give bytes, or such as 500MB or 6GiB.")
    return size
