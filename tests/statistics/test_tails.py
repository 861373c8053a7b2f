"""Local exponents of probabilities whose law is known, and how often their intervals cover."""

import numpy as np
import pytest
from refusals import refused

from ntklib import statistics


@pytest.mark.parametrize("exponent", [-0.5, -1.0, -3.0])
def test_a_power_law_has_one_slope(exponent: float) -> None:
    sizes, trials = [2, 4, 16], [10**6, 2 * 10**6, 10**9]
    counts = [round(n * 0.4 * m**exponent) for m, n in zip(sizes, trials, strict=True)]
    for found in statistics.local_exponents(sizes, counts, trials):
        assert found.exponent == pytest.approx(exponent, abs=1e-3)
        assert found.low < found.exponent < found.high
        assert found.high - found.low < 0.1


def test_what_falls_faster_than_a_power_has_falling_slopes() -> None:
    """exp(−c·log² m), the theorem's form, and exp(−c·m)."""
    sizes, trials = [2, 4, 8, 16], [10**9] * 4
    m = np.array(sizes, float)
    for shares in (np.exp(-(np.log(m) ** 2)), np.exp(-m / 2)):
        counts = (10**9 * shares).astype(int).tolist()
        slopes = [each.exponent for each in statistics.local_exponents(sizes, counts, trials)]
        assert slopes == sorted(slopes, reverse=True)
        assert slopes[0] - slopes[-1] > 1


@pytest.mark.parametrize(("first", "second"), [(0.3, 0.1), (0.02, 0.001)])
def test_the_interval_covers_at_least_as_often_as_it_says(first: float, second: float) -> None:
    """Of 400 experiments; at a true coverage of 0.95 fewer than 366 hits are a 0.1 % event."""
    random, n = np.random.default_rng(0), 4000
    truth = np.log(second / first) / np.log(2)
    hits = 0
    for counts in random.binomial(n, [first, second], (400, 2)).tolist():
        [found] = statistics.local_exponents([8, 16], counts, [n, n])
        hits += found.low <= truth <= found.high
    assert hits >= 366


def test_the_interval_is_no_longer_than_counts_ask_for() -> None:
    """Of rare events: log(c₂/c₁) has the variance 1/c₁ + 1/c₂, on which its ends are held."""
    [found] = statistics.local_exponents([1, 2], [400, 100], [10**6, 10**6])
    error = (1 / 400 + 1 / 100) ** 0.5 / np.log(2)
    assert found.exponent - found.low == pytest.approx(1.96 * error, rel=0.05)
    assert found.high - found.exponent == pytest.approx(1.96 * error, rel=0.05)


def test_nothing_seen_at_one_size() -> None:
    [gone] = statistics.local_exponents([2, 4], [50, 0], [100, 100])
    assert gone.exponent == gone.low == -np.inf
    assert np.isfinite(gone.high)
    [come] = statistics.local_exponents([2, 4], [0, 50], [100, 100])
    assert come.exponent == come.high == np.inf
    assert np.isfinite(come.low)


def test_bad_arguments_are_refused() -> None:
    with refused("counts are 0 at the sizes 2 and 4, whose ratio is then unknown: take more"):
        statistics.local_exponents([2, 4], [0, 0], [9, 9])
    with refused("trials has 1 entries and sizes has 2"):
        statistics.local_exponents([2, 4], [1, 1], [9])
    with refused("counts must be between 0 and 9, got 10."):
        statistics.local_exponents([2, 4], [10, 1], [9, 9])
    with refused("sizes must list at least 2 sizes"):
        statistics.local_exponents([2], [1], [9])
    with refused("level must lie strictly between 0 and 1, got 1"):
        statistics.local_exponents([2, 4], [1, 1], [9, 9], level=1.0)
