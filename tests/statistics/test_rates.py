"""Fitted exponents and the coverage of their intervals, on data whose exponent is known."""

from typing import Any

import numpy as np
import pytest
from refusals import refused

from ntklib import statistics

SIZES = (16.0, 32.0, 64.0, 128.0, 256.0)


def noisy(exponent: float, seed: int, draws: int = 24, common: float = 0.0) -> np.ndarray:
    """Draws of 3·size^exponent times log-normal noise, part of it common to all sizes."""
    random = np.random.default_rng(seed)
    own = 0.3 * random.standard_normal((len(SIZES), draws))
    shared = common * random.standard_normal(draws)
    return 3 * np.asarray(SIZES)[:, None] ** exponent * np.exp(own + shared)


@pytest.mark.parametrize("exponent", [-1.0, -0.5, 0.0, 2.0])
def test_an_exact_power_law_is_recovered(exponent: float) -> None:
    values = np.tile(3 * np.asarray(SIZES)[:, None] ** exponent, (1, 16))
    for paired in (False, True):
        rate = statistics.fit_rate(SIZES, values, paired=paired, resamples=50)
        assert rate.exponent == pytest.approx(exponent, abs=1e-12)
        assert rate.low == pytest.approx(exponent, abs=1e-12)
        assert rate.high == pytest.approx(exponent, abs=1e-12)
        np.testing.assert_allclose(
            rate.at(np.asarray([1.0, 10.0])), [3.0, 3 * 10.0**exponent], rtol=1e-12
        )
    assert str(statistics.Rate(-1.004, -1.2, -0.8, 0.0, 0.95, 0.5)) == "-1.00 [-1.20, -0.80]"


def test_the_exponent_is_the_least_squares_slope_of_the_quantile() -> None:
    values = noisy(-0.7, seed=5)
    for quantile in (0.1, 0.5, 0.9):
        rate = statistics.fit_rate(SIZES, values, statistic=quantile, resamples=50)
        logs = np.log(np.quantile(values, quantile, axis=1))
        slope, intercept = np.polyfit(np.log(SIZES), logs, 1)
        assert rate.exponent == pytest.approx(slope, rel=1e-12)
        assert rate.intercept == pytest.approx(intercept, rel=1e-12)
        assert rate.low < rate.exponent < rate.high
        assert (rate.statistic, rate.level) == (quantile, 0.95)
        np.testing.assert_allclose(rate.summary(values), np.exp(logs), rtol=1e-14)


@pytest.mark.parametrize(("statistic", "power"), [("mean", 1), ("rms", 2)])
def test_means_are_fitted(statistic: Any, power: int) -> None:
    values = noisy(-0.5, seed=2)
    rate = statistics.fit_rate(SIZES, values, statistic=statistic, resamples=50)
    mean = np.mean(values**power, axis=1) ** (1 / power)
    slope, intercept = np.polyfit(np.log(SIZES), np.log(mean), 1)
    assert rate.exponent == pytest.approx(slope, rel=1e-12)
    assert rate.intercept == pytest.approx(intercept, rel=1e-12)
    assert rate.low < rate.exponent < rate.high
    assert rate.statistic == statistic
    np.testing.assert_allclose(rate.summary(values), mean, rtol=1e-14)


@pytest.mark.parametrize("paired", [False, True])
def test_the_interval_covers_as_often_as_it_says(paired: bool) -> None:
    """100 experiments; at a true coverage of 0.95 fewer than 87 hits are a 0.1 % event."""
    common = 1.0 if paired else 0.0
    fits = [
        statistics.fit_rate(SIZES, noisy(-0.5, seed, common=common), paired=paired, resamples=300)
        for seed in range(100)
    ]
    assert 87 <= sum(fit.low <= -0.5 <= fit.high for fit in fits) <= 99
    narrow = [
        statistics.fit_rate(
            SIZES, noisy(-0.5, seed, common=common), paired=paired, resamples=300, level=0.5
        )
        for seed in range(100)
    ]
    assert 32 <= sum(fit.low <= -0.5 <= fit.high for fit in narrow) <= 68


def test_pairing_takes_out_what_draws_have_in_common() -> None:
    values = noisy(-0.5, seed=0, draws=64, common=2.0)
    together = statistics.fit_rate(SIZES, values, paired=True)
    apart = statistics.fit_rate(SIZES, values, paired=False)
    assert together.exponent == apart.exponent
    assert 2 * (together.high - together.low) < apart.high - apart.low


def test_the_interval_holds_the_exponent() -> None:
    """Also at a level so low that the bootstrap's own median would leave it out."""
    for seed in range(5):
        rate = statistics.fit_rate(SIZES, noisy(-0.5, seed), level=0.01, resamples=100)
        assert rate.low <= rate.exponent <= rate.high


def test_the_seed_decides_the_interval() -> None:
    values = noisy(-0.5, seed=1)
    first, again, other = (statistics.fit_rate(SIZES, values, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)
    assert first.exponent == other.exponent


def test_bad_arguments_are_refused() -> None:
    fit: Any = statistics.fit_rate
    values = noisy(-0.5, seed=0, draws=16)
    assert fit(SIZES, values, resamples=50).level == 0.95  # the least that works
    with refused("sizes must list at least 5 sizes, got shape (4,)."):
        fit(SIZES[:4], values[:4])
    with refused("values must have shape (5, draws) with at least 16 draws, got (5, 15)."):
        fit(SIZES, values[:, :15])
    with refused("values must have shape (5, draws) with at least 16 draws, got (16, 5)."):
        fit(SIZES, values.T)
    with refused("sizes must be positive and strictly increasing, got [256.0, 128.0"):
        fit(SIZES[::-1], values)
    for bad, text in ((0.0, "0"), (-1.0, "-1"), (np.nan, "nan")):
        broken = values.copy()
        broken[2, 3] = bad
        with refused(
            f"values must be positive and finite to have a logarithm, got a least of {text}."
        ):
            fit(SIZES, broken)
    for number in (0.0, 1.0):
        with refused(f"level must lie strictly between 0 and 1, got {number}."):
            fit(SIZES, values, level=number)
    for statistic in (0.0, 1.0, "mode"):
        with refused(
            'statistic must be a quantile strictly between 0 and 1, "mean" or "rms", got '
            f"{statistic!r}."
        ):
            fit(SIZES, values, statistic=statistic)
