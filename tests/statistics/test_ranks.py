"""Rank correlations against SciPy's, and their intervals."""

import numpy as np
import pytest
from refusals import refused
from scipy.stats import bootstrap, spearmanr

from ntklib import statistics


def tables(settings: int = 4, draws: int = 18) -> tuple[np.ndarray, np.ndarray]:
    x, noise = np.random.default_rng(3).standard_normal((2, settings, draws))
    return np.round(x, 1), np.round(x + noise, 1)  # rounded, for ties


def test_correlations_of_groups_are_spearmans() -> None:
    x, y = tables()
    expected = [spearmanr(x[:, b], y[:, b]).statistic for b in range(18)]
    got = statistics.rank_correlation(x, y)
    np.testing.assert_allclose(got.each, expected, atol=1e-12)
    assert got.mean == pytest.approx(np.mean(expected), abs=1e-12)
    expected = [spearmanr(x[s], y[s]).statistic for s in range(4)]
    got = statistics.rank_correlation(x, y, within="setting")
    np.testing.assert_allclose(got.each, expected, atol=1e-12)
    assert got.mean == pytest.approx(np.mean(expected), abs=1e-12)
    assert got.low < got.mean < got.high
    assert str(got) == f"{got.mean:+.2f} [{got.low:+.2f}, {got.high:+.2f}]"


def test_what_is_held_fixed_can_turn_a_correlation_around() -> None:
    """Settings differ along a rising line, the draws of a setting along a falling one."""
    setting, draw = np.arange(5.0)[:, None], np.linspace(0, 0.5, 20)[None, :]
    x, y = setting - draw, setting + draw
    assert statistics.rank_correlation(x, y).each.tolist() == pytest.approx([1.0] * 20)
    within = statistics.rank_correlation(x, y, within="setting")
    assert within.each.tolist() == pytest.approx([-1.0] * 5)
    assert (within.low, within.high) == pytest.approx((-1.0, -1.0))


def test_groups_are_ranked_apart() -> None:
    """Within each label x and y rise together; from one label to the next y falls."""
    x = np.tile(np.arange(6.0)[:, None], (1, 20))
    y = x % 3 - 10 * (x // 3)
    labels = ["low"] * 3 + ["high"] * 3
    assert statistics.rank_correlation(x, y, groups=labels).mean == pytest.approx(1.0)
    assert statistics.rank_correlation(x, y).mean < -0.5
    x, y = tables(settings=7)
    labels = ["a", "b", "a", "b", "b", "a", "b"]
    parts = [
        statistics.rank_correlation(x[rows], y[rows]).each for rows in ([0, 2, 5], [1, 3, 4, 6])
    ]
    got = statistics.rank_correlation(x, y, groups=labels)
    np.testing.assert_allclose(got.each, np.mean(parts, axis=0), atol=1e-12)


def test_the_interval_within_draws_is_that_of_a_mean() -> None:
    """Of 64 correlations 48 are 1 and 16 are −1: the standard error of their mean is known."""
    x = np.tile(np.arange(4.0)[:, None], (1, 64))
    y = x * np.where(np.arange(64) < 48, 1.0, -1.0)
    got = statistics.rank_correlation(x, y, resamples=4000)
    assert got.mean == pytest.approx(0.5)
    half = 1.96 * np.sqrt(1 - 0.5**2) / 8
    np.testing.assert_allclose([got.low, got.high], [0.5 - half, 0.5 + half], atol=0.03)
    narrow = statistics.rank_correlation(x, y, level=0.5, resamples=4000)
    assert got.low < narrow.low < 0.5 < narrow.high < got.high


def test_the_interval_within_settings_redraws_draws_together() -> None:
    """Copies of one setting say no more than that setting does."""
    x, y = (table[0] for table in tables(draws=40))
    got = statistics.rank_correlation(np.stack([x] * 5), np.stack([y] * 5), within="setting")
    expected = bootstrap(
        (x, y), lambda a, b: spearmanr(a, b).statistic, paired=True, vectorized=False,
        method="percentile", n_resamples=2000, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    np.testing.assert_allclose([got.low, got.high], expected, atol=0.06)


def test_bad_tables_are_refused() -> None:
    x, y = tables()
    with refused("within must be one of draw, setting, got 'both'."):
        statistics.rank_correlation(x, y, within="both")  # type: ignore[arg-type]
    with refused("x and y must have the same shape, got (4, 18), (3, 18)."):
        statistics.rank_correlation(x, y[:3])
    with refused("x must have at least 3 settings and 16 draws, got shape (2, 18)."):
        statistics.rank_correlation(x[:2], y[:2])
    with refused("x must have at least 3 settings and 16 draws, got shape (4, 15)."):
        statistics.rank_correlation(x[:, :15], y[:, :15])
    with refused("level must lie strictly between 0 and 1, got 1.0."):
        statistics.rank_correlation(x, y, level=1.0)
    with refused("x or y is constant in 1 of 4 settings"):
        statistics.rank_correlation(
            x, np.where(np.arange(4)[:, None] == 2, 1.0, y), within="setting"
        )
    with refused("groups has 3 entries and x has 4: they must agree."):
        statistics.rank_correlation(x, y, groups="aab")
    with refused("groups must have at least 3 settings with each label, but 'b' has 1: leave"):
        statistics.rank_correlation(x, y, groups="aaba")
    with refused("groups are for settings within a draw"):
        statistics.rank_correlation(x, y, groups="aaaa", within="setting")
    with refused("y holds 1 NaN or infinite value(s)"):
        statistics.rank_correlation(x, np.where(np.arange(x.size).reshape(x.shape) == 5, np.inf, y))
