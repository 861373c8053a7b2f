"""Intervals of a median: their ends against SciPy's, and how often they cover."""

import numpy as np
import pytest
from refusals import refused
from scipy.stats import binom, quantile_test

from ntklib import statistics


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("count", [8, 10, 11, 64, 1001])
def test_ends_are_scipys(count: int, level: float) -> None:
    draws = np.random.default_rng(count).standard_cauchy(count)
    expected = quantile_test(draws).confidence_interval(level)
    assert statistics.median_interval(draws, level=level) == (expected.low, expected.high)


@pytest.mark.parametrize(("count", "level"), [(2, 0.5), (3, 0.75), (6, 0.96875), (6, 0.95)])
def test_of_as_few_draws_as_a_level_needs_it_is_their_range(count: int, level: float) -> None:
    draws = np.random.default_rng(0).standard_normal(count)
    assert statistics.median_interval(draws, level=level) == (draws.min(), draws.max())


@pytest.mark.parametrize("count", [10, 25])
def test_it_covers_as_often_as_it_says_and_a_narrower_one_would_not(count: int) -> None:
    """Of 1000 experiments, within three standard errors; of a skewed law."""
    draws = np.random.default_rng(1).exponential(size=(1000, count))
    ends = np.array([statistics.median_interval(each) for each in draws])
    share = np.mean((ends[:, 0] <= np.log(2)) & (ends[:, 1] >= np.log(2)))
    k = int(np.searchsorted(np.sort(draws[0]), ends[0, 0])) + 1
    exact, narrower = (1 - 2 * binom.cdf(j - 1, count, 0.5) for j in (k, k + 1))
    assert share == pytest.approx(exact, abs=3 * (exact * (1 - exact) / 1000) ** 0.5)
    assert narrower < 0.95 <= exact


def test_bad_arguments_are_refused() -> None:
    with refused("draws must be at least 6 for level 0.95, got 5: take more, or a lower level."):
        statistics.median_interval(np.arange(5.0))
    with refused("level must lie strictly between 0 and 1, got 1"):
        statistics.median_interval(np.arange(9.0), level=1.0)
    with refused("draws"):
        statistics.median_interval(np.array([np.nan, *range(9)]))
