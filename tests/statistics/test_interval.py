"""The bootstrap interval that exponents, correlations and requirements share."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from ntklib.statistics._interval import interval


def mean(values: np.ndarray, axis: int = -1) -> Any:
    return np.mean(values, axis=axis)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_of_a_mean_it_is_as_long_as_the_normal_one(level: float) -> None:
    values = np.random.default_rng(0).normal(size=400)
    value, low, high = interval([values], mean, level=level, seed=0, resamples=9999)
    assert value == np.mean(values)
    error = np.std(values) / np.sqrt(values.size)
    half = norm.ppf((1 + level) / 2) * error
    np.testing.assert_allclose([low, high], [value - half, value + half], atol=0.06 * error)


def test_paired_samples_are_redrawn_together() -> None:
    values = np.random.default_rng(1).normal(size=64)
    difference: dict[bool, float] = {}
    for paired in (True, False):
        _, low, high = interval(
            [values, values], lambda a, b, axis=-1: mean(a, axis) - mean(b, axis),
            level=0.9, seed=0, resamples=200, paired=paired,
        )  # fmt: skip
        difference[paired] = high - low
    assert difference[True] == 0 < difference[False]
