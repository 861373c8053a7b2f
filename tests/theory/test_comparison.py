"""Both sides of the theorem, recomputed number by number, and the least ε that makes it true."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from refusals import refused
from scipy import linalg

from ntklib import dynamics, measures, spectrum, statistics, theory

TIMES = jnp.asarray([0.1, 0.5, 2.0, 7.0])
Q = 6


def problem(seed: int = 0) -> tuple[np.ndarray, spectrum.Eigensystem]:
    """A kernel on weighted points and its eigensystem, with an eigenvalue 0 at the end."""
    random = np.random.default_rng(seed)
    weights = random.dirichlet(np.full(Q, 3.0))
    measure = measures.empirical(jnp.asarray(points(Q, 2, seed)), jnp.asarray(weights))
    factor = random.standard_normal((Q, Q - 1))
    gram = factor @ factor.T
    return gram, spectrum.nystrom(jnp.asarray(gram), measure)


def trajectories(draws: tuple[int, ...], seed: int = 0) -> tuple[jax.Array, jax.Array]:
    random = np.random.default_rng(seed + 100)
    residuals = random.standard_normal((*draws, len(TIMES), Q))
    return jnp.asarray(residuals), jnp.asarray(random.standard_normal(Q))


@pytest.mark.parametrize("seed", [0, 1])
def test_both_sides_are_their_formulas(seed: int) -> None:
    gram, system = problem(seed)
    residuals, initial = trajectories((2,), seed)
    distance, sup_norm = jnp.asarray([0.3, 0.1]), 1.7
    got = theory.compare(
        residuals, initial, TIMES, system, sup_norm=sup_norm, kernel_distance=distance
    )
    weights = np.asarray(system.measure.weights)
    for s, t in enumerate(np.asarray(TIMES)):
        ideal = linalg.expm(-t * gram * weights) @ np.asarray(initial)
        for b in range(2):
            deviation = np.asarray(residuals[b, s]) - ideal
            total = sum(w * value**2 for w, value in zip(weights, deviation, strict=True))
            assert float(got.total[b, s]) == pytest.approx(total, rel=1e-10)
            term = 4 * sup_norm**2 * float(distance[b]) ** 2
            assert float(got.total_bound(0.2)[b, s]) == pytest.approx(t**2 * (term + 0.2))
            projected = 0.0
            for k in range(Q):
                mode = np.asarray(system.functions[k])
                projected += (
                    sum(w * f * v for w, f, v in zip(weights, mode, deviation, strict=True)) ** 2
                )
                assert float(got.projected[b, s, k]) == pytest.approx(projected, rel=1e-9)
                sigma = float(system.values[k])
                factor = (1 - np.exp(-sigma * t)) / sigma if sigma > 1e-12 else t
                assert float(got.projected_bound(0.2)[b, s, k]) == pytest.approx(
                    factor**2 * (term + 0.2), rel=1e-9
                )
            # All modes together are the whole, where there are as many as nodes.
            assert projected == pytest.approx(total)


def test_one_trajectory_is_a_batch_of_one() -> None:
    _, system = problem()
    residuals, initial = trajectories((1,))
    batch = theory.compare(
        residuals, initial, TIMES, system, sup_norm=1.0, kernel_distance=jnp.asarray([0.2])
    )
    single = theory.compare(
        residuals[0], initial, TIMES, system, sup_norm=1.0, kernel_distance=jnp.asarray(0.2)
    )
    assert single.projected.shape == (4, Q)
    for name in ("projected", "total", "kernel_term", "projected_epsilon", "total_epsilon"):
        np.testing.assert_allclose(getattr(single, name), getattr(batch, name)[0], rtol=1e-14)
    np.testing.assert_allclose(
        single.projected_bound(0.5), batch.projected_bound(0.5)[0], rtol=1e-12
    )
    np.testing.assert_allclose(single.total_bound(0.5), batch.total_bound(0.5)[0], rtol=1e-12)


@pytest.mark.parametrize("distance", [None, 0.2, 5.0])
def test_least_epsilon_is_the_least(distance: float | None) -> None:
    _, system = problem()
    residuals, initial = trajectories((3,))
    theorem: dict[str, Any] = {}
    if distance is not None:
        theorem = {"sup_norm": 1.5, "kernel_distance": jnp.full(3, distance)}
    got = theory.compare(residuals, initial, TIMES, system, **theorem)
    sides = (
        (got.projected, got.projected_bound, got.projected_epsilon),
        (got.total, got.total_bound, got.total_epsilon),
    )
    for left, bound, least in sides:
        assert least.shape == (3, 4)
        assert np.all(np.diff(least, axis=1) >= 0)  # a supremum over t ≤ T
        for draw in range(3):
            for last in range(4):
                epsilon = float(least[draw, last])
                slack = 1e-9 * max(1.0, abs(epsilon))
                until = (draw, slice(last + 1))
                assert jnp.all(left[until] <= bound(epsilon + slack)[until])
                assert not jnp.all(left[until] <= bound(epsilon - slack)[until])
    if distance == 5.0:  # more than enough: even a negative ε does
        assert float(jnp.max(got.total_epsilon)) < 0


def test_corollary_2_has_no_kernel_term() -> None:
    _, system = problem()
    residuals, initial = trajectories((2,))
    corollary = theory.compare(residuals, initial, TIMES, system)
    np.testing.assert_array_equal(corollary.kernel_term, np.zeros(2))
    theorem = theory.compare(
        residuals, initial, TIMES, system, sup_norm=0.5, kernel_distance=jnp.asarray([0.3, 0.0])
    )
    np.testing.assert_allclose(theorem.kernel_term, [0.09, 0.0], rtol=1e-12)
    np.testing.assert_allclose(
        theorem.projected_epsilon,
        corollary.projected_epsilon - theorem.kernel_term[:, None],
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        theorem.total_epsilon, corollary.total_epsilon - theorem.kernel_term[:, None], rtol=1e-12
    )


def test_the_ideal_dynamics_need_no_epsilon_and_a_planted_violation_does() -> None:
    _, system = problem()
    initial = trajectories(())[1]
    ideal = dynamics.ideal_flow(system, initial, TIMES)
    clean = theory.compare(ideal, initial, TIMES, system)
    assert float(jnp.max(clean.total_epsilon)) == 0
    assert float(jnp.max(clean.projected_epsilon)) == 0
    # A deviation along φ₃ from the third time on.
    size = 0.25
    planted = ideal.at[2:].add(size * system.functions[2][None])
    found = theory.compare(planted, initial, TIMES, system)
    damping = dynamics.damping_factor(system.values, TIMES)
    expected = size**2 / float(damping[2, 2]) ** 2
    np.testing.assert_allclose(found.projected[2], [0, 0, *[size**2] * (Q - 2)], atol=1e-12, rtol=0)
    np.testing.assert_allclose(
        found.projected_epsilon, [0, 0, expected, expected], atol=1e-12, rtol=0
    )
    np.testing.assert_allclose(found.total_epsilon, [0, 0, *[size**2 / 4] * 2], atol=1e-12, rtol=0)
    assert not jnp.all(found.projected <= found.projected_bound(0.9 * expected))


def test_the_first_inequality_is_the_sharper_one() -> None:
    """Its damping is at most t², so a deviation in the top modes needs the larger ε there."""
    _, system = problem()
    residuals, initial = trajectories((2,))
    got = theory.compare(residuals, initial, TIMES, system)
    assert jnp.all(got.damping <= (TIMES**2)[:, None] * (1 + 1e-12))
    assert jnp.all(got.projected_epsilon >= got.total_epsilon * (1 - 1e-9))


def test_bad_arguments_are_refused() -> None:
    _, system = problem()
    residuals, initial = trajectories((2,))

    def run(**changes: Any) -> None:
        arguments: dict[str, Any] = {
            "residuals": residuals, "initial": initial, "times": TIMES, "eigensystem": system,
        }  # fmt: skip
        theory.compare(**{**arguments, **changes})

    with refused("times must start after 0, where both sides vanish: drop t = 0."):
        run(times=TIMES.at[0].set(0.0))
    with refused("times[0] = 7.0 is followed by 2.0"):
        run(times=TIMES[::-1])
    with refused(
        "residuals must have the axes (..., times, nodes) with 3 times and 6 nodes, "
        "got shape (2, 4, 6)."
    ):
        run(times=TIMES[:3])
    with refused("with 4 times and 6 nodes, got shape (6,)."):
        run(residuals=initial)
    with refused("with 4 times and 6 nodes, got shape (2, 4, 5)."):
        run(residuals=residuals[..., :5])
    with refused("residuals holds 1 NaN or infinite value(s) among 48"):
        run(residuals=residuals.at[0, 0, 0].set(jnp.inf))
    with refused("initial has 5 entries and measure has 6: they must agree."):
        run(initial=initial[1:])
    with refused(
        "kernel_distance is missing: Theorem 1 needs both sup_norm and kernel_distance, "
        "Corollary 2 neither."
    ):
        run(sup_norm=1.0)
    with refused("sup_norm is missing"):
        run(kernel_distance=jnp.ones(2))
    with refused("kernel_distance must have one entry a draw, shape (2,), got (3,)."):
        run(sup_norm=1.0, kernel_distance=jnp.ones(3))
    with refused("kernel_distance must not be negative, got -1: pass the norm from kernels.dist"):
        run(sup_norm=1.0, kernel_distance=jnp.asarray([1.0, -1.0]))
    with refused("sup_norm must be a positive finite number, got 0.0."):
        run(sup_norm=0.0, kernel_distance=jnp.ones(2))
    with jax.enable_x64(False), refused("A difference of trajectories needs float64"):
        run()


@pytest.mark.parametrize("seed", [0, 1])
def test_each_draw_against_its_own_kernel(seed: int) -> None:
    """What `compare` says of one draw after the other."""
    problems = [problem(each) for each in (seed, seed)]
    measure = problems[0][1].measure
    gram = problems[0][0]
    grams = jnp.asarray(np.stack([gram, 2 * gram]))
    residuals, initial = trajectories((2,), seed)
    got = theory.compare_with_start(residuals, initial, TIMES, grams, measure)
    for b in range(2):
        one = theory.compare(residuals[b], initial, TIMES, spectrum.nystrom(grams[b], measure))
        np.testing.assert_allclose(got.total[b], one.total, rtol=1e-9)
        np.testing.assert_allclose(got.damping[b], one.damping, rtol=1e-9)
        np.testing.assert_allclose(got.projected[b], one.projected, rtol=1e-8)
        np.testing.assert_allclose(got.projected_epsilon[b], one.projected_epsilon, rtol=1e-8)
    np.testing.assert_array_equal(got.kernel_term, 0.0)
    assert np.all(np.isfinite(got.projected_bound(1.0)))
    with refused("grams has 1 entries and residuals has 2"):
        theory.compare_with_start(residuals, initial, TIMES, grams[:1], measure)
    with refused("times must start after 0, where both sides vanish: drop t = 0."):
        theory.compare_with_start(residuals, initial, TIMES.at[0].set(0.0), grams, measure)


def test_what_is_needed_has_an_exponent_where_no_epsilon_is() -> None:
    """Sizes at which ε = 0 suffices in every draw: a fit of ε̂ has nothing to take the log of."""
    random, sizes = np.random.default_rng(0), (4.0, 8.0, 16.0, 32.0, 64.0)
    _, system = problem()
    initial = jnp.zeros(Q)
    needed, least = [], []
    for n in sizes:
        residuals = jnp.asarray(random.standard_normal((16, len(TIMES), Q))) / n**0.5
        run = theory.compare(
            residuals, initial, TIMES, system, sup_norm=1.0,
            kernel_distance=jnp.full(16, 50 / n**0.5),
        )  # fmt: skip
        needed.append(run.projected_needed[:, -1])
        least.append(run.projected_epsilon[:, -1])
        np.testing.assert_allclose(run.total_needed - run.kernel_term[:, None], run.total_epsilon)
        assert np.all(run.projected <= run.projected_bound(0.0))
    assert np.max(least) < 0
    rate = statistics.fit_rate(sizes, np.stack(needed), statistic=0.9)
    assert rate.low < -1 < rate.high
    assert rate.high < -0.5
