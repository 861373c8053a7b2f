"""Exponents of power laws, fitted in log–log."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ntklib import _arguments, _checks
from ntklib.statistics._interval import interval

LEAST_SIZES = 5
LEAST_DRAWS = 16


@dataclass(frozen=True)
class Rate:
    """A fitted power law, value ≈ exp(intercept)·size^exponent.

    Attributes:
      exponent: the slope in log–log of the statistic over draws.
      low: lower end of the interval.
      high: upper end of the interval.
      intercept: log of the prefactor.
      level: coverage of the interval.
      statistic: over draws, which was fitted: a quantile, or "rms".

    Example:
      >>> import numpy as np
      >>> from ntklib import statistics
      >>> rate = statistics.Rate(
      ...     exponent=-0.5, low=-0.6, high=-0.4, intercept=0.0, level=0.95, statistic=0.5
      ... )
      >>> print(rate)
      -0.50 [-0.60, -0.40]
      >>> rate.at(np.array([4.0, 16.0])).tolist()
      [0.5, 0.25]
      >>> rate.summary(np.array([[1.0, 2.0, 4.0]])).round(6).tolist()  # the median
      [2.0]
    """

    exponent: float
    low: float
    high: float
    intercept: float
    level: float
    statistic: float | Literal["mean", "rms"]

    def at(self, sizes: np.ndarray) -> np.ndarray:
        """Returns the fitted power law at the given sizes."""
        return np.exp(self.intercept) * np.asarray(sizes, dtype=float) ** self.exponent

    def summary(self, values: np.ndarray) -> np.ndarray:
        """Returns the fitted statistic over draws, the last axis of values."""
        return np.exp(_log_of(np.asarray(values, dtype=float), self.statistic, axis=-1))

    def __str__(self) -> str:
        return f"{self.exponent:.2f} [{self.low:.2f}, {self.high:.2f}]"


def fit_rate(
    sizes: Sequence[float],
    values: np.ndarray,
    *,
    statistic: float | Literal["mean", "rms"] = 0.5,
    paired: bool = False,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = 2000,
) -> Rate:
    """Fits value ∝ size^exponent to a statistic over draws.

    The exponent is the least-squares slope of the log of the statistic against the log of the
    size. Its interval is a percentile bootstrap that redraws the draws, within each size
    independently or, when the same draws were followed through all sizes, together.

    Args:
      sizes: at least five, positive, strictly increasing, shape (sizes,).
      values: positive, at least sixteen draws for each size, shape (sizes, draws).
      statistic: which quantile over draws is fitted, 0.5 being the median, "mean" for their mean,
        or "rms" for the root of their mean square.
      paired: whether column j holds the same draw at every size.
      seed: of the bootstrap.
      level: coverage of the interval.
      resamples: of the bootstrap.

    Returns:
      The rate.

    Raises:
      ValueError: too few sizes or draws, or values that are not positive.

    Example:
      >>> import numpy as np
      >>> from ntklib import statistics
      >>> noise = np.exp(0.1 * np.random.default_rng(0).normal(size=(5, 16)))
      >>> sizes = [16.0, 32.0, 64.0, 128.0, 256.0]
      >>> values = noise / np.sqrt(sizes)[:, None]
      >>> rate = statistics.fit_rate(sizes, values, resamples=200)
      >>> bool(rate.low < -0.5 < rate.high)
      True
    """
    x = np.log(_checks.increasing_sizes("sizes", sizes, least=LEAST_SIZES))
    y = np.asarray(values, dtype=float)
    if y.ndim != 2 or y.shape[0] != x.size or y.shape[1] < LEAST_DRAWS:
        raise ValueError(
            f"values must have shape ({x.size}, draws) with at least {LEAST_DRAWS} draws, "
            f"got {y.shape}."
        )
    if not np.all(np.isfinite(y)) or y.min() <= 0:
        raise ValueError(
            f"values must be positive and finite to have a logarithm, got a least of {y.min():.3g}."
        )
    level = _checks.fraction("level", level)
    seed = _checks.whole_number("seed", seed, least=0)
    resamples = _checks.whole_number("resamples", resamples, least=1)
    paired = _arguments.flag("paired", paired)
    named = isinstance(statistic, str) and statistic in ("mean", "rms")
    if not named and not (isinstance(statistic, float) and 0 < statistic < 1):
        raise ValueError(
            'statistic must be a quantile strictly between 0 and 1, "mean" or "rms", got '
            f"{statistic!r}."
        )
    centred = x - x.mean()

    def slope(*samples: np.ndarray, axis: int = -1) -> np.ndarray | np.floating:
        logs = np.stack([_log_of(sample, statistic, axis) for sample in samples])
        return np.tensordot(centred, logs, axes=1) / (centred @ centred)

    exponent, low, high = interval(
        list(y), slope, level=level, seed=seed, resamples=resamples, paired=paired
    )
    intercept = float(_log_of(y, statistic, axis=1).mean() - exponent * x.mean())
    return Rate(exponent, low, high, intercept, level, statistic)


def _log_of(
    values: np.ndarray, statistic: float | Literal["mean", "rms"], axis: int
) -> np.ndarray | np.floating:
    if statistic == "mean":
        return np.log(np.mean(values, axis=axis))
    if statistic == "rms":
        return np.log(np.mean(values**2, axis=axis)) / 2
    return np.log(np.quantile(values, statistic, axis=axis))
