"""Rank correlations over settings and draws."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from ntklib import _arguments, _checks
from ntklib.statistics import _rates
from ntklib.statistics._interval import interval

LEAST_SETTINGS = 3
"""Of fewer settings, ranks say too little."""


@dataclass(frozen=True, eq=False)
class Correlation:
    """What `rank_correlation` returns."""

    mean: float
    low: float
    high: float
    each: Float[np.ndarray, " groups"]

    def __str__(self) -> str:
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


def rank_correlation(
    x: Float[np.ndarray, "settings draws"],
    y: Float[np.ndarray, "settings draws"],
    *,
    within: Literal["draw", "setting"] = "draw",
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = 2000,
) -> Correlation:
    """Spearman's rank correlation of two quantities, with one cause of their spread held fixed.

    Every draw (of θ₀ and sample) went through the same settings. Within draws, the settings of one
    draw are ranked and correlated: does the quantity tell good settings from bad ones? Within
    settings, the draws of one setting: does it tell good luck from bad? The mean has a percentile
    bootstrap interval that redraws whole draws, since the settings of a draw are not independent
    (Jiang et al. 2020, "Fantastic generalization measures", average over groups of hyperparameters
    in the same spirit).

    Args:
      x: the first quantity, shape (settings, draws).
      y: the second one.
      within: what is held fixed.
      groups: within draws, a label for each setting: only settings with the same label are ranked
        together, and a draw has the mean over the labels.
      seed: of the bootstrap.
      level: coverage of the interval.
      resamples: of the bootstrap.

    Returns:
      A correlation with the attributes `mean`, `low` and `high` for its interval, and `each`, of
      shape (draws,) within draws and (settings,) within settings. Ties have mean ranks.

    Raises:
      ValueError: fewer than 16 draws or 3 settings (with a label), a quantity that is constant
        where it is to be ranked, or labels within settings.

    Example:
      >>> import numpy as np
      >>> from ntklib import statistics
      >>> x = np.random.default_rng(0).normal(size=(4, 16))
      >>> print(statistics.rank_correlation(x, x**3, resamples=100))
      +1.00 [+1.00, +1.00]
    """
    _arguments.choice("within", within, ("draw", "setting"))
    level = _checks.fraction("level", level)
    seed = _checks.whole_number("seed", seed, least=0)
    resamples = _checks.whole_number("resamples", resamples, least=1)
    first, second = (_table(name, table) for name, table in (("x", x), ("y", y)))
    if first.shape != second.shape:
        raise ValueError(f"x and y must have the same shape, got {first.shape}, {second.shape}.")
    draws = np.arange(first.shape[1])
    rows = _by_label(groups, len(first), within)
    if within == "draw":
        each = np.mean([_spearman(first[row].T, second[row].T) for row in rows], axis=0)

        def mean(chosen: np.ndarray, axis: int = -1) -> np.ndarray | np.floating:
            return np.mean(each[chosen], axis=axis)
    else:
        each = _spearman(first, second)

        def mean(chosen: np.ndarray, axis: int = -1) -> np.ndarray | np.floating:
            return np.mean(_spearman(first[:, chosen], second[:, chosen]), axis=0)

    if not np.all(np.isfinite(each)):
        raise ValueError(
            f"x or y is constant in {np.sum(~np.isfinite(each))} of {each.size} {within}s, where "
            "there is nothing to rank: leave them out and say so."
        )
    found = interval([draws], mean, level=level, seed=seed, resamples=resamples)
    return Correlation(*found, each)


def _by_label(groups: Sequence[Hashable] | None, settings: int, within: str) -> list[np.ndarray]:
    """Returns the settings of each label, all of them together without labels."""
    if groups is None:
        return [np.arange(settings)]
    if within != "draw":
        raise ValueError("groups are for settings within a draw: leave them out within settings.")
    _checks.same_length("groups", len(groups), "x", settings)
    rows = [
        np.asarray([row for row, each in enumerate(groups) if each == label])
        for label in dict.fromkeys(groups)
    ]
    for row in rows:
        if len(row) < LEAST_SETTINGS:
            raise ValueError(
                f"groups must have at least {LEAST_SETTINGS} settings with each label, but "
                f"{groups[row[0]]!r} has {len(row)}: leave them out of x and y."
            )
    return rows


def _table(name: str, table: np.ndarray) -> np.ndarray:
    values = np.asarray(_checks.real_array(name, table, "settings draws"))
    settings, draws = values.shape
    if settings < LEAST_SETTINGS or draws < _rates.LEAST_DRAWS:
        raise ValueError(
            f"{name} must have at least {LEAST_SETTINGS} settings and {_rates.LEAST_DRAWS} draws, "
            f"got shape {values.shape}."
        )
    return values


def _spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns Spearman's correlation over the last axis, NaN where a row is constant."""
    from scipy.stats import rankdata  # which takes half a second to load

    a, b = (rankdata(table, axis=-1) - (table.shape[-1] + 1) / 2 for table in (x, y))
    size = np.sqrt(np.sum(a**2, axis=-1) * np.sum(b**2, axis=-1))
    return np.where(size > 0, np.sum(a * b, axis=-1) / np.where(size > 0, size, 1.0), np.nan)
