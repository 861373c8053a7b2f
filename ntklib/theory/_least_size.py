r"""The least size that suffices, and how it grows; the public names are in `theory`."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntklib import _checks
from ntklib.statistics import Rate
from ntklib.statistics._rates import LEAST_SIZES


@dataclass(frozen=True)
class LeastSize:
    """The least size on a grid that suffices, with its confidence.

    Attributes:
      size: the least at which the share of draws that pass is large enough; inf if none is.
      low: the least size that the draws leave possible.
      high: the least size that the draws make certain; inf if none is.
      tried: passed and all draws at each size that was looked at.
      share: of the draws that must pass.
      level: of confidence, of the two ends together.
    """

    size: float
    low: float
    high: float
    tried: Mapping[float, tuple[int, int]]
    share: float
    level: float

    def __str__(self) -> str:
        return f"{self.size:g} [{self.low:g}, {self.high:g}]"


def least_size(
    passed: Callable[[Any], Any],
    sizes: Sequence[Any],
    *,
    share: float = 0.9,
    level: float = 0.9,
) -> LeastSize:
    """Finds by bisection the least size from which on a share of the draws passes.

    Each size that is looked at has a Clopper–Pearson interval for its true share. `high` is the
    least size at which that interval lies above `share`, `low` the size after the largest at which
    it lies below. No size between those of the grid is reported. Bisection presumes that more is
    never worse; `tried` shows it, or doesn't.

    Args:
      passed: size ↦ whether each draw passes there, booleans of shape (draws,).
      sizes: the grid, positive and strictly increasing.
      share: of the draws that must pass, in (0, 1).
      level: of confidence of the interval.

    Returns:
      The least `size`, `low` and `high`, inf above the grid; `tried` has passed and all draws at
      each size that was looked at. Printed as "size [low, high]".

    Raises:
      ValueError: sizes are not increasing, share or level is outside (0, 1), or a size has too few
        draws for even all of them to show `share`.

    Example:
      >>> from ntklib import theory
      >>> enough = lambda m: [m >= 64] * 50  # in each of 50 draws
      >>> print(theory.least_size(enough, [16, 32, 64, 128]))
      64 [64, 64]
    """
    grid = _checks.increasing_sizes("sizes", sizes, least=1)
    share, level = _checks.fraction("share", share), _checks.fraction("level", level)
    needed = math.ceil(math.log((1 - level) / 2) / math.log(share))
    tried: dict[float, tuple[int, int]] = {}

    def ask(index: int) -> tuple[float, float, float]:
        """Returns the share at a size of the grid and the ends of its interval."""
        size = float(grid[index])
        if size not in tried:
            found = np.asarray(passed(sizes[index]))
            if not np.all((found == 0) | (found == 1)):
                raise ValueError(
                    "passed must return whether each draw passes, True or False, but returns "
                    f"{found.ravel()[:3].tolist()}, … at size {size:g}: compare with a bound."
                )
            draws = found.astype(bool)
            if draws.size < needed:
                raise ValueError(
                    f"passed must return at least {needed} draws to show a share of {share:g} at "
                    f"level {level:g}, got {draws.size} at size {size:g}: take more draws."
                )
            tried[size] = (int(draws.sum()), draws.size)
        right, count = tried[size]
        from scipy.stats import binomtest  # which takes half a second to load

        interval = binomtest(right, count).proportion_ci(level, method="exact")
        return right / count, float(interval.low), float(interval.high)

    def first(enough: Callable[[int], bool], start: int, stop: int) -> int:
        while start < stop:
            middle = (start + stop) // 2
            start, stop = (start, middle) if enough(middle) else (middle + 1, stop)
        return start

    best = first(lambda i: ask(i)[0] >= share, 0, grid.size)
    high = first(lambda i: ask(i)[1] >= share, best, grid.size)
    low = first(lambda i: ask(i)[2] >= share, 0, best)

    def size_at(index: int) -> float:
        return float(grid[index]) if index < grid.size else math.inf

    looked = dict(sorted(tried.items()))
    return LeastSize(size_at(best), size_at(low), size_at(high), looked, share, level)


def growth(x: Sequence[Any] | np.ndarray, least: Sequence[LeastSize]) -> Rate:
    r"""Fits least size ∝ x^exponent, with the interval that the ends of all sizes allow.

    The least-squares slope $\sum_j c_j \log s_j$ is linear in the logs, so its largest value is
    reached with high ends where $c_j > 0$ and low ends elsewhere, and its least the other way.

    Args:
      x: at least five, positive, strictly increasing, such as 1/σ_k.
      least: the least size at each.

    Returns:
      The rate. Its interval is that of all ends at once, and so wider than its `level`.

    Raises:
      ValueError: too few or unordered x, or a size that is not finite.

    Example:
      >>> from ntklib import theory
      >>> inverse = [1, 2, 4, 8, 16]  # 1/σ_k
      >>> least = [
      ...     theory.least_size(lambda m: [m >= x**2] * 50, [1, 4, 16, 64, 256]) for x in inverse
      ... ]
      >>> round(theory.growth(inverse, least).exponent, 6)
      2.0
    """
    logs = np.log(_checks.increasing_sizes("x", [float(each) for each in x], least=LEAST_SIZES))
    _checks.same_length("least", len(least), "x", logs.size)
    ends = np.array([(each.low, each.size, each.high) for each in least])
    if not np.all(np.isfinite(ends)):
        raise ValueError(
            f"least must be finite, got {', '.join(map(str, least))}: take larger sizes."
        )
    low, middle, high = np.log(ends).T
    centred = logs - logs.mean()
    weights = centred / (centred @ centred)
    up, down = np.maximum(weights, 0), np.minimum(weights, 0)
    exponent = float(weights @ middle)
    return Rate(
        exponent,
        # Rounding may put an end on the wrong side of an exponent that it equals.
        min(float(up @ low + down @ high), exponent),
        max(float(up @ high + down @ low), exponent),
        float(middle.mean() - exponent * logs.mean()),
        least[0].level,
        least[0].share,
    )
