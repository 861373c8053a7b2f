"""Corollary 5 in numbers: stopping times, bisection for the least size, and plans."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused
from scipy import stats

from ntklib import dynamics, measures, networks, spectrum, targets, theory
from ntklib.theory import _least_size, _requirements

GRID = tuple(range(1, 65))


def test_the_ideal_dynamics_meet_the_stopping_time() -> None:
    circle = measures.circle(32)
    system = spectrum.circle(_erf(1).kernel, circle)
    initial = targets.FourierSum((0, 1, 2), (1.0, -0.5, 0.25))(circle.nodes)
    sup_norm = jnp.max(jnp.abs(initial))
    for k in (1, 3, 5):
        time = theory.stopping_time(system.values[k - 1], sup_norm, 0.01)
        left = dynamics.ideal_flow(system, initial, jnp.asarray([time]))
        norm = np.linalg.norm(system.leading(k).coefficients(left))
        assert norm <= 0.01
    # A single mode started at the given norm meets it exactly.
    alone = 2.0 * system.functions[3]
    time = theory.stopping_time(system.values[3], 2.0, 0.01)
    left = dynamics.ideal_flow(system, alone, jnp.asarray([time]))
    assert float(circle.norm(left)[0]) == pytest.approx(0.01, rel=1e-10)
    assert theory.stopping_time(0.5, 1.0, 2.0) == 0.0


def test_leading_modes_leave_at_most_epsilon_and_cut_no_pair() -> None:
    circle = measures.circle(16)
    system = spectrum.circle(_erf(1).kernel, circle)
    target = targets.FourierSum((0, 1, 2), (0.5, 0.3, 0.2))(circle.nodes)
    # Frequency j ≥ 1 with amplitude a holds a²/2 in a pair of modes; the phase is all cosine.
    for epsilon, k in ((1.0, 1), (0.066, 1), (0.064, 3), (0.021, 3), (0.019, 5)):
        assert theory.leading_modes(system, target, epsilon) == k
    with refused("epsilon must be at least 0.02"):
        theory.leading_modes(system.leading(3), target, 0.01)
    assert theory.leading_modes(system.leading(2), target, 0.03) == 2  # nothing there to compare


def _threshold(size: float, *, at: float, draws: int = 40) -> np.ndarray:
    return np.full(draws, size >= at)


@pytest.mark.parametrize("at", [1, 2, 17, 64])
def test_bisection_finds_a_sharp_threshold_with_few_looks(at: int) -> None:
    found = theory.least_size(functools.partial(_threshold, at=at), GRID)
    assert (found.size, found.low, found.high) == (at, at, at)
    assert len(found.tried) <= 2 * math.ceil(math.log2(len(GRID)) + 1)
    assert all(count == 40 for _, count in found.tried.values())


def test_what_no_size_reaches_is_infinite() -> None:
    found = theory.least_size(functools.partial(_threshold, at=100), GRID)
    assert (found.size, found.low, found.high) == (math.inf, math.inf, math.inf)


def test_the_ends_are_where_the_binomial_tail_says() -> None:
    """Sizes whose draws pass in `size` of 60 cases, against the tails of the binomial law."""
    count, share, level = 60, 0.5, 0.9
    found = theory.least_size(
        lambda size: np.arange(count) < size, range(1, 61), share=share, level=level
    )
    assert found.size == 30
    tail = (1 - level) / 2
    certain = [s for s in range(1, 61) if stats.binom.sf(s - 1, count, share) <= tail]
    excluded = [s for s in range(1, 61) if stats.binom.cdf(s, count, share) < tail]
    assert (found.low, found.high) == (excluded[-1] + 1, certain[0])
    assert str(found) == f"30 [{excluded[-1] + 1}, {certain[0]}]"


def test_the_interval_covers_the_truth() -> None:
    """Draws pass with probability size/(size + 8): 0.75 is reached at 24."""
    random, inside, runs = np.random.default_rng(1), 0, 100
    for _ in range(runs):
        chance = {s: random.random(48) < s / (s + 8) for s in GRID}
        found = theory.least_size(chance.__getitem__, GRID, share=0.75, level=0.9)
        inside += found.low <= 24 <= found.high
    assert inside >= 85


def test_what_least_size_refuses() -> None:
    few = functools.partial(_threshold, at=3, draws=28)
    with refused("passed must return at least 29 draws to show a share of 0.9 at level 0.9"):
        theory.least_size(few, GRID)
    assert theory.least_size(functools.partial(_threshold, at=3, draws=29), GRID).high == 3
    with refused("share must lie strictly between 0 and 1"):
        theory.least_size(few, GRID, share=1.0)
    with refused("sizes must be positive and strictly increasing"):
        theory.least_size(few, (2, 1))


def _least(low: float, size: float, high: float) -> _least_size.LeastSize:
    return _least_size.LeastSize(size, low, high, {}, share=0.8, level=0.9)


def test_growth_is_the_slope_and_its_interval_all_slopes_between_the_ends() -> None:
    x = np.asarray([1.0, 3.0, 10.0, 40.0, 100.0])
    random = np.random.default_rng(0)
    ends = np.exp(np.sort(np.log(x)[:, None] * 1.5 + random.random((5, 3)), axis=1))
    rate = theory.growth(x, [_least(*row) for row in ends])
    assert rate.exponent == pytest.approx(np.polyfit(np.log(x), np.log(ends[:, 1]), 1)[0])
    corners = np.stack(np.meshgrid(*ends[:, ::2], indexing="ij"), axis=-1).reshape(-1, 5)
    slopes = np.polyfit(np.log(x), np.log(corners).T, 1)[0]
    assert rate.low == pytest.approx(slopes.min())
    assert rate.high == pytest.approx(slopes.max())
    np.testing.assert_allclose(
        np.log(rate.at(x)), np.polyval(np.polyfit(np.log(x), np.log(ends[:, 1]), 1), np.log(x))
    )
    for _ in range(20):
        exact = [_least(size, size, size) for size in random.random(5)]
        rate = theory.growth(x, exact)
        assert rate.low <= rate.exponent <= rate.high
    with refused("least must be finite"):
        theory.growth(x, [_least(1, 2, math.inf)] * 5)
    with refused("x must list at least 5 sizes"):
        theory.growth(x[:4], [_least(1, 2, 3)] * 4)
    with refused("least has 4 entries and x has 5"):
        theory.growth(x, [_least(1, 2, 3)] * 4)


def test_a_requirement_reads_its_pilot() -> None:
    """A pilot at 10 whose errors are known: what it asks for, both ways, by hand."""
    deviation, epsilon_hat = np.full(16, 0.3), np.full(16, 0.2)
    need = _requirements.requirement(
        10, deviation, epsilon_hat, 25.0, 0.01, share=0.9, level=0.9
    )  # fmt: skip
    assert need.measured == pytest.approx(10 * 0.3 / 0.01)
    assert (need.low, need.high) == (need.measured, need.measured)
    # ε has to fall from 0.2 to 0.01/25, and does so like m^(−1/2).
    assert need.guaranteed == pytest.approx(10 * (0.2 / (0.01 / 25)) ** 2)
    spread = _requirements.requirement(
        10, np.linspace(0.1, 0.5, 16), epsilon_hat, 25.0, 0.01, share=0.9, level=0.9
    )  # fmt: skip
    assert spread.measured == pytest.approx(460)
    assert spread.low < spread.measured < spread.high <= 500


@functools.cache
def _erf(width: int) -> networks.Network:
    hidden = networks.fully_connected(2, (width,), "erf", biases=True)
    return networks.antisymmetric(hidden)


def test_a_plan_keeps_its_word() -> None:
    """Trained at the planned width, on the planned samples, the draws do what was planned."""
    circle, target = measures.circle(16), targets.FourierSum((0, 1, 3), (0.5, 0.5, 0.1))
    epsilon = 0.02
    plan = theory.plan(
        _erf, target, circle, epsilon, jax.random.key(0), pilot=(16, 16), draws=16, progress=False
    )
    system = spectrum.circle(_erf(1).kernel, circle)
    assert plan.modes == 3  # frequencies 0 and 1; frequency 3 is left out
    assert plan.left_out == pytest.approx(0.1**2 / 2, rel=1e-8)
    assert plan.sigma == pytest.approx(float(system.values[2]), rel=1e-6)
    assert plan.time == pytest.approx(math.log(2 * 1.1 / epsilon**0.5) / plan.sigma)
    for need in (plan.width, plan.samples):
        assert 0 < need.low <= need.measured <= need.high < need.guaranteed
    m, n = (math.ceil(need.measured) for need in (plan.width, plan.samples))
    flows, _ = dynamics.network_flows(
        _erf(m), target, circle, jnp.asarray([plan.time]), jax.random.key(1),
        draws=16, n=n, method="exponential", progress=False,
    )  # fmt: skip
    left = np.sum(np.asarray(system.leading(3).coefficients(flows.residuals[:, 0])) ** 2, axis=-1)
    assert np.mean(left <= epsilon) >= 0.75
    for line in (f"{m}", f"{n}", f"time T = {plan.time:.4g}", "fitted to the pilot"):
        assert line in str(plan)


def test_a_plan_takes_the_modes_it_is_given() -> None:
    circle, target = measures.circle(16), targets.FourierSum((0, 1, 3), (0.5, 0.5, 0.1))
    first, second = (
        theory.plan(
            _erf, target, circle, 0.02, jax.random.key(0), modes=k, pilot=(16, 16), draws=16,
            progress=False,
        )
        for k in (1, 3)
    )  # fmt: skip
    assert first.time < second.time
    assert (first.modes, second.modes) == (1, 3)
    with refused("k must be between 1 and 16"):
        theory.plan(_erf, target, circle, 0.02, jax.random.key(0), modes=17, draws=16)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epsilon": -1.0}, "epsilon must be a positive finite number"),
        ({"epsilon": 5.0}, "epsilon must be less than 4‖f*‖²_∞ = 4, beyond which there is nothing"),
        ({"share": 1.0}, "share must lie strictly between 0 and 1, got 1.0."),
        ({"level": 0.0}, "level must lie strictly between 0 and 1, got 0.0."),
        ({"draws": 1}, "draws must be at least 2, got 1."),
    ],
)
def test_senseless_plans_are_refused(changes: dict[str, float], sentence: str) -> None:
    circle, target = measures.circle(16), targets.FourierSum((1,), (1.0,))
    given: dict[str, Any] = {"epsilon": 0.02, "key": jax.random.key(0), **changes}
    with refused(sentence):
        theory.plan(_erf, target, circle, **given)
