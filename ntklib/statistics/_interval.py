"""Intervals of a statistic over draws, by one bootstrap."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def interval(
    samples: Sequence[np.ndarray],
    statistic: Callable[..., Any],
    *,
    level: float,
    seed: int,
    resamples: int,
    paired: bool = False,
) -> tuple[float, float, float]:
    """Returns a statistic, and the ends of its percentile bootstrap interval.

    The interval is widened to contain the statistic, which it may miss when few draws differ.

    Args:
      samples: what is redrawn, along the last axis.
      statistic: a function of them and of the axis that it takes away.
      level: coverage of the interval.
      seed: of the draws.
      resamples: how many.
      paired: whether the same draws are taken from all samples.
    """
    from scipy.stats import bootstrap  # which takes half a second to load

    found = bootstrap(
        tuple(samples), statistic, paired=paired, vectorized=True, n_resamples=resamples,
        confidence_level=level, method="percentile", rng=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    value = float(statistic(*samples))
    return value, min(float(found.low), value), max(float(found.high), value)
