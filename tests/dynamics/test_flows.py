"""Flows against exact solutions, against each other, and against independent integrators."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from flows import (
    CIRCLE,
    SMALL,
    TARGET,
    TIMES,
    Flow,
    either_flow,
    exact_residuals,
    flow,
    linear,
    linearized_flow,
    sample,
)
from refusals import refused
from scipy import integrate

from ntklib import dynamics, kernels, measures
from ntklib.dynamics import _integrator, _meter
from ntklib.dynamics._solver import Integrals, Model, Solver

INTEGRALS = Integrals(jnp.full(5, 0.2), CIRCLE.nodes, CIRCLE.weights, TARGET(CIRCLE.nodes))


@either_flow
@pytest.mark.parametrize("n", [3, None])
def test_flow_of_a_linear_model_is_exact(n: int | None, kind: Flow) -> None:
    """A model that is linear in θ is its own linearization."""
    theta_0 = jnp.asarray(points(1, 5)[0])
    x = CIRCLE.nodes if n is None else sample(n)
    expected = exact_residuals(theta_0, x, jnp.full(x.shape[0], 1 / x.shape[0]))
    own = None if n is None else x
    got = flow(linear, theta_0, kind=kind, sample=own, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(got.times, TIMES)
    np.testing.assert_allclose(got.residuals, expected, atol=1e-9, rtol=0)
    np.testing.assert_allclose(got.residuals[0], expected[0], atol=1e-14, rtol=0)
    assert got.params is None


def test_unequal_weights_of_the_measure_count() -> None:
    weights = jnp.arange(1.0, 13.0) / 78
    measure = measures.empirical(CIRCLE.nodes, weights)
    theta_0 = jnp.asarray(points(1, 5)[0])
    got = dynamics.gradient_flow(
        linear, theta_0, TARGET, measure, TIMES, rtol=1e-10, atol=1e-12, progress=False
    )
    expected = exact_residuals(theta_0, CIRCLE.nodes, weights)
    np.testing.assert_allclose(got.residuals, expected, atol=1e-9, rtol=0)


def test_tolerance_steers_the_error() -> None:
    theta_0 = jnp.asarray(points(1, 5)[0])
    expected = exact_residuals(theta_0, CIRCLE.nodes, CIRCLE.weights)
    tolerances = np.asarray([1e-4, 1e-6, 1e-8, 1e-10])
    runs = [flow(linear, theta_0, rtol=float(each), atol=float(each)) for each in tolerances]
    errors = np.asarray([np.max(np.abs(np.asarray(run.residuals) - expected)) for run in runs])
    assert np.all(errors < 10 * tolerances)
    assert np.all(errors[1:] < errors[:-1] / 10)
    slope = np.polyfit(np.log(tolerances), np.log(errors), 1)[0]
    assert 0.7 < slope < 1.3, errors
    assert np.all(np.diff([int(run.steps) for run in runs]) > 0)
    # Halving a tolerance shows the error without knowing the solution.
    halves = flow(linear, theta_0, rtol=5e-7, atol=5e-7)
    change = np.max(np.abs(np.asarray(halves.residuals - runs[1].residuals)))
    assert errors[1] / 5 < change < 2 * errors[1]


@either_flow
def test_where_the_first_time_lies_costs_no_steps(kind: Flow) -> None:
    # A first step of 0.01, as is usual, would end a rounding error before the first of these.
    steps = [
        int(kind(linear, jnp.zeros(5), TARGET, CIRCLE, jnp.geomspace(first, 2.0, 8)).steps)
        for first in (0.01, 0.012)
    ]
    assert abs(steps[0] - steps[1]) <= 3, steps


@pytest.mark.parametrize("n", [None, 5])
def test_flow_of_a_network_against_another_integrator(n: int | None) -> None:
    """SciPy's DOP853 on a gradient that NumPy computes from the formulas."""
    width, d = 6, 2
    params = SMALL.init(jax.random.key(0))
    x = np.asarray(CIRCLE.nodes if n is None else sample(n))
    nodes, labels = np.asarray(CIRCLE.nodes), np.asarray(TARGET(jnp.asarray(x)))

    def split(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        w, b, v, c = np.split(theta, np.cumsum([width * d, width, width]))
        return w.reshape(width, d), b, v, float(c[0])

    def output(theta: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        w, b, v, c = split(theta)
        hidden = np.tanh(at @ w.T / d**0.5 + b)
        return hidden @ v / width**0.5 + c, hidden

    def descent(t: float, theta: np.ndarray) -> np.ndarray:
        value, hidden = output(theta, x)
        error = (value - labels) / len(x)
        inner = (1 - hidden**2) * split(theta)[2] / width**0.5 * error[:, None]
        return -np.concatenate(
            [
                (inner.T @ x / d**0.5).ravel(),
                inner.sum(0),
                hidden.T @ error / width**0.5,
                [error.sum()],
            ]
        )

    start = np.concatenate(
        [np.asarray(layer[key]).ravel() for layer in params for key in ("weight", "bias")]
    )
    solution = integrate.solve_ivp(
        descent, (0, 4.0), start, method="DOP853", t_eval=np.asarray(TIMES), rtol=1e-12, atol=1e-12
    )
    expected = [
        output(theta, nodes)[0] - np.asarray(TARGET(CIRCLE.nodes)) for theta in solution.y.T
    ]
    own = None if n is None else jnp.asarray(x)
    got = flow(SMALL.apply, params, sample=own, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(got.residuals, expected, atol=1e-8, rtol=0)


@either_flow
def test_draws_are_single_runs(kind: Flow) -> None:
    """One compiled call over draws, each on its own sample, one after another or side by side."""
    keys = jax.random.split(jax.random.key(1), 3)
    params = jax.vmap(SMALL.init)(keys)
    samples = jnp.stack([sample(5, seed) for seed in range(3)])
    many = flow(SMALL.apply, params, kind=kind, sample=samples, draws=True, keep_params=True)
    assert many.residuals.shape == (3, 4, 12)
    assert many.steps.shape == (3,)
    for draw in range(3):
        theta_0 = jax.tree.map(lambda leaf, draw=draw: leaf[draw], params)
        one = flow(SMALL.apply, theta_0, kind=kind, sample=samples[draw], keep_params=True)
        assert one.residuals.shape == (4, 12)
        np.testing.assert_allclose(many.residuals[draw], one.residuals, atol=1e-12, rtol=0)
        assert many.steps[draw] == one.steps
        for several, single in zip(
            jax.tree.leaves(many.params), jax.tree.leaves(one.params), strict=True
        ):
            np.testing.assert_allclose(several[draw], single, atol=1e-12, rtol=0)
    assert float(jnp.max(jnp.abs(many.residuals[0] - many.residuals[1]))) > 0.1

    count = 3
    labels = TARGET(samples.reshape(-1, 2)).reshape(count, 5)
    batch = (params, samples, labels, jnp.arange(count))
    with _meter.bar("", count, shown=False) as bar:
        beside, steps, stopped = _integrator.integrate(
            batch, INTEGRALS, TIMES, Solver("explicit", 1e-6, None, 1000), bar,
            model=Model(SMALL.apply, SMALL.forward, kind is linearized_flow),
            keep_params=True, side_by_side=True, progress=False,
        )  # fmt: skip
    assert np.all(np.isinf(stopped))
    np.testing.assert_allclose(beside["residuals"], many.residuals, atol=1e-12, rtol=0)
    np.testing.assert_array_equal(steps, many.steps)


def test_saved_parameters_belong_to_the_residuals() -> None:
    """They give the residuals; the loss falls; ∂_t r_t = −(1/n) Σ K_t(·, xᵢ) r_t(xᵢ)."""
    h, t = 1e-3, 0.7
    x = sample(5)
    times = jnp.asarray([0.0, t - h, t, t + h, 3.0, 9.0])
    run = dynamics.gradient_flow(
        SMALL.apply, SMALL.init(jax.random.key(3)), TARGET, CIRCLE, times,
        sample=x, rtol=1e-11, atol=1e-12, keep_params=True, progress=False,
    )  # fmt: skip
    at = [jax.tree.map(lambda leaf, s=s: leaf[s], run.params) for s in range(6)]
    for theta, residual in zip(at, run.residuals, strict=True):
        expected = SMALL.apply(theta, CIRCLE.nodes) - TARGET(CIRCLE.nodes)
        np.testing.assert_allclose(residual, expected, atol=1e-13, rtol=0)
    losses = [float(jnp.mean((SMALL.apply(theta, x) - TARGET(x)) ** 2)) for theta in at]
    assert np.all(np.diff(losses) < 0)

    velocity = (run.residuals[3] - run.residuals[1]) / (2 * h)
    on_sample = SMALL.apply(at[2], x) - TARGET(x)
    predicted = -kernels.empirical(SMALL.apply, at[2], CIRCLE.nodes, x) @ on_sample / 5
    # Central differences are off by h²/6 of the third derivative.
    np.testing.assert_allclose(
        velocity, predicted, atol=1e-5 * float(jnp.max(jnp.abs(predicted))), rtol=0
    )


@either_flow
def test_single_precision(kind: Flow) -> None:
    theta_0 = jnp.asarray(points(1, 5)[0])
    expected = exact_residuals(theta_0, CIRCLE.nodes, CIRCLE.weights)
    run = flow(linear, theta_0.astype(jnp.float32), kind=kind, rtol=1e-5, atol=1e-6)
    assert run.residuals.dtype == jnp.float32
    np.testing.assert_allclose(run.residuals, expected, atol=1e-4, rtol=0)
    with jax.enable_x64(False):
        measure = measures.Measure("nodes", CIRCLE.nodes.astype(jnp.float32),
                                   CIRCLE.weights.astype(jnp.float32), CIRCLE.sampler)  # fmt: skip
        alone = kind(
            linear, theta_0.astype(jnp.float32), TARGET, measure,
            jnp.asarray(TIMES, jnp.float32), rtol=1e-5, atol=1e-6, progress=False,
        )  # fmt: skip
    np.testing.assert_allclose(alone.residuals, run.residuals, atol=1e-4, rtol=0)


def test_a_readers_own_network() -> None:
    """An Equinox module, split into its arrays and the rest."""
    model = eqx.nn.MLP(2, "scalar", 5, 1, activation=jnp.tanh, key=jax.random.key(0), dtype=float)
    arrays, rest = eqx.partition(model, eqx.is_array)

    def apply(params: Any, x: jax.Array) -> jax.Array:
        return jax.vmap(eqx.combine(params, rest))(x)

    run = flow(apply, arrays, keep_params=True)
    assert isinstance(run.params, eqx.nn.MLP)
    last = jax.tree.map(lambda leaf: leaf[-1], run.params)
    expected = apply(last, CIRCLE.nodes) - TARGET(CIRCLE.nodes)
    np.testing.assert_allclose(run.residuals[-1], expected, atol=1e-13, rtol=0)
    assert CIRCLE.norm(run.residuals[-1]) < CIRCLE.norm(run.residuals[0]) / 2


@either_flow
def test_a_flow_that_does_not_end_is_an_error(kind: Flow) -> None:
    theta_0 = jnp.asarray(points(1, 5)[0])
    enough = int(flow(linear, theta_0, kind=kind).steps)
    assert flow(linear, theta_0, kind=kind, max_steps=enough).residuals.shape == (4, 12)
    with refused(
        f"before 4, in its only draw: it made all max_steps = {enough - 1} steps, and at this rate "
        f"needs {enough - 1:.1g}. Raise max_steps, shorten times, or loosen rtol and atol.",
        RuntimeError,
    ):
        flow(linear, theta_0, kind=kind, max_steps=enough - 1)


@either_flow
def test_bad_arguments_of_a_flow_are_refused(kind: Flow) -> None:
    theta_0 = jnp.zeros(5)

    def run(**changes: Any) -> None:
        arguments: dict[str, Any] = {
            "network": linear, "params": theta_0, "target": TARGET, "measure": CIRCLE,
            "times": TIMES, "progress": False,
        }  # fmt: skip
        kind(**{**arguments, **changes})

    with refused("times must be non-negative, got -1.0 first."):
        run(times=jnp.asarray([-1.0, 1.0]))
    with refused("times[1] = 2.0 is followed by 1.0: sort them"):
        run(times=jnp.asarray([0.0, 2.0, 1.0]))
    with refused("rtol must be a positive finite number, got 0.0."):
        run(rtol=0.0)
    with refused("atol must be a positive finite number, got nan."):
        run(atol=float("nan"))
    with refused("rtol = 1e-16 is below the rounding of float64: use 9e-16 or more"):
        run(rtol=1e-16)
    with refused(
        "rtol = 1e-07 is below the rounding of float32: use 5e-07 or more, or parameters in "
        "float64."
    ):
        run(params=theta_0.astype(jnp.float32), rtol=1e-7)
    with refused("params holds no arrays: pass the initial parameters θ₀."):
        run(params=())
    with refused("params holds 1 NaN or infinite value(s) among 5"):
        run(params=theta_0.at[0].set(jnp.nan))
    with refused(
        "params must be of one floating-point type, got ['float32', 'float64'].", TypeError
    ):
        run(params=(theta_0, theta_0.astype(jnp.float32)))
    with refused("params must hold real floating-point numbers, got dtype int64.", TypeError):
        run(params=jnp.zeros(5, int))
    with refused("sample must have the axes (n, d), got shape (2,)."):
        run(sample=jnp.ones(2))
    with refused("sample is empty (shape (0, 2)): give at least one entry."):
        run(sample=jnp.ones((0, 2)))
    with refused("sample holds 2 NaN or infinite value(s) among 2"):
        run(sample=jnp.full((1, 2), jnp.inf))
    with refused(
        "sample must hold points of dimension 2, like the measure's nodes, got shape (4, 3)."
    ):
        run(sample=jnp.ones((4, 3)))
    with refused("x must lie on the unit sphere, but one has norm 2"):
        run(sample=jnp.asarray([[2.0, 0.0]]))
    with refused(
        "network must return one number a point, shape (12,) for the measure's nodes, but returns "
        "shape (12, 1): check its last layer and, with several draws, pass draws=True."
    ):
        run(network=lambda theta, x: linear(theta, x)[:, None])


@either_flow
def test_bad_draws_are_refused(kind: Flow) -> None:
    many: dict[str, Any] = {"draws": True, "kind": kind}
    with refused("with draws=True every array of params needs the same leading axis"):
        flow(linear, (jnp.zeros((2, 5)), jnp.zeros((3, 5))), **many)
    with refused("make them with jax.vmap(network.init)(keys)."):
        flow(linear, jnp.asarray(1.0), **many)
    with refused("sample has 3 entries and params' first axis has 2: they must agree."):
        flow(linear, jnp.zeros((2, 5)), sample=jnp.ones((3, 4, 2)), **many)
    with refused("sample must have the axes (b, n, d), got shape (1, 2, 4, 2)."):
        flow(linear, jnp.zeros((2, 5)), sample=jnp.ones((1, 2, 4, 2)), **many)


def test_values_at_the_nodes_are_a_target_and_labels_of_a_sample_are_none() -> None:
    theta, times = jnp.zeros(5), jnp.asarray([1.0])
    options: dict[str, Any] = {"progress": False}
    by_function = dynamics.gradient_flow(linear, theta, TARGET, CIRCLE, times, **options)
    values = TARGET(CIRCLE.nodes)
    got = dynamics.gradient_flow(linear, theta, values, CIRCLE, times, **options)
    np.testing.assert_array_equal(got.residuals, by_function.residuals)
    with refused("target has 11 entries and the measure has 12: they must agree."):
        dynamics.gradient_flow(linear, theta, values[1:], CIRCLE, times, **options)
    with refused("the measure's nodes will do, and dynamics.gradient_descent learns", TypeError):
        dynamics.gradient_flow(linear, theta, values, CIRCLE, times, sample=CIRCLE.nodes, **options)


def test_draws_may_share_a_sample() -> None:
    thetas, times = jnp.asarray([[0.0] * 5, [1.0] * 5]), jnp.asarray([1.0])
    sample = CIRCLE.nodes[:4]
    options: dict[str, Any] = {"draws": True, "progress": False}
    got = dynamics.gradient_flow(linear, thetas, TARGET, CIRCLE, times, sample=sample, **options)
    own = dynamics.gradient_flow(
        linear, thetas, TARGET, CIRCLE, times, sample=jnp.stack([sample] * 2), **options
    )
    np.testing.assert_array_equal(got.residuals, own.residuals)


def test_a_draw_and_a_time_are_picked() -> None:
    residuals = jnp.arange(2.0 * 3 * 5).reshape(2, 3, 5)
    params = {"W": jnp.arange(2.0 * 3 * 4).reshape(2, 3, 4)}
    run = dynamics.Trajectory(jnp.asarray([1.0, 2.0, 4.0]), residuals, params, jnp.asarray([7, 9]))
    assert repr(run) == "Trajectory(draws=2, s=3, q=5 nodes, t 1 to 4, 7 to 9 steps, θ_t kept)"
    second = run.draw(1)
    np.testing.assert_array_equal(second.residuals, residuals[1])
    np.testing.assert_array_equal(second.params_at(2)["W"], params["W"][1, 2])
    assert int(second.steps) == 9
    np.testing.assert_array_equal(run.params_at(-1)["W"], params["W"][:, 2])
    np.testing.assert_array_equal(second.params_at(0)["W"], params["W"][1, 0])
    with refused("index must be between 0 and 1, got 2."):
        run.draw(2)
    with refused("the trajectory has no axis of draws"):
        second.draw(0)
    with refused("index must be between -3 and 2, got -4."):
        run.params_at(-4)
    with refused("params were not kept: integrate with keep_params=True."):
        dynamics.Trajectory(run.times, residuals, None, run.steps).params_at(0)
