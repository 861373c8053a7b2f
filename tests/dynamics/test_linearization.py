"""Frozen kernels' closed forms are the flows they stand for; the rest is counted by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import by_name, points
from refusals import refused

from ntklib import dynamics, kernels, measures, networks
from ntklib.dynamics import _movement, linearization
from ntklib.targets import FourierSum

CIRCLE = measures.circle(10)
TARGET = FourierSum((1, 2), (1.0, 0.5))
TIMES = jnp.asarray([0.0, 0.5, 2.0, 30.0])
NETWORK = networks.fully_connected(2, (6,), biases=True)
"""Not antisymmetric, so that f(·; θ₀) is not 0."""
DRAWS, N = 3, 4
SAMPLE = jax.vmap(lambda key: CIRCLE.sample(key, N))(jax.random.split(jax.random.key(0), DRAWS))
PARAMS = jax.vmap(NETWORK.init)(jax.random.split(jax.random.key(1), DRAWS))
TIGHT: dict[str, Any] = {
    "sample": SAMPLE, "draws": True, "rtol": 1e-10, "atol": 1e-12, "keep_params": True,
    "progress": False,
}  # fmt: skip


def flat(params: Any, axes: int) -> np.ndarray:
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(params)]
    return np.concatenate([leaf.reshape(*leaf.shape[:axes], -1) for leaf in leaves], axis=-1)


def on_sample(flow: dynamics.Trajectory) -> np.ndarray:
    """r̂_t of the linearized network from its θ_t, by the Jacobian at θ₀."""
    found = []
    for draw in range(DRAWS):
        theta, x = jax.tree.map(lambda leaf, draw=draw: leaf[draw], PARAMS), SAMPLE[draw]
        rows = flat(jax.jacobian(NETWORK.apply)(theta, x), 1)
        moved = flat(flow.params, 2)[draw] - flat(theta, 0)
        found.append(np.asarray(NETWORK.apply(theta, x) - TARGET(x)) + moved @ rows.T)
    return np.stack(found)


def test_frozen_flows_are_linearized_flows() -> None:
    """Integrated, each draw on its own sample, with its θ_t."""
    direct = dynamics.gradient_flow(
        NETWORK, PARAMS, TARGET, CIRCLE, TIMES, linearized=True, **TIGHT
    )
    got = linearization.frozen_flows(NETWORK, PARAMS, TARGET, CIRCLE, TIMES, sample=SAMPLE)
    np.testing.assert_array_equal(got.times, TIMES)
    np.testing.assert_allclose(got.residuals, direct.residuals, atol=1e-8, rtol=0)
    np.testing.assert_allclose(got.sample_residuals, on_sample(direct), atol=1e-8, rtol=0)
    moved = _movement.movement(direct.params, PARAMS)
    np.testing.assert_allclose(got.movement, moved.norm, atol=1e-8, rtol=0)
    assert float(np.min(got.movement[:, 1:])) > 0.01


def test_without_params_they_are_flows_of_the_analytic_kernel() -> None:
    got = linearization.frozen_flows(NETWORK, None, TARGET, CIRCLE, TIMES, sample=SAMPLE)
    for draw, x in enumerate(SAMPLE):
        gram, cross = NETWORK.kernel(x, x), NETWORK.kernel(CIRCLE.nodes, x)
        start, labels = -TARGET(CIRCLE.nodes), TARGET(x)
        expected = dynamics.kernel_flow(gram, cross, -labels, start, TIMES)
        np.testing.assert_allclose(got.residuals[draw], expected, atol=1e-12, rtol=0)
        expected = dynamics.kernel_flow(gram, gram, -labels, -labels, TIMES)
        np.testing.assert_allclose(got.sample_residuals[draw], expected, atol=1e-12, rtol=0)
        values = np.linalg.eigvalsh(np.asarray(gram) / N)
        np.testing.assert_allclose(got.values[draw], values, atol=1e-13, rtol=0)


def test_the_movement_ends_at_the_norm_of_the_interpolant() -> None:
    """r̂₀ᵀK⁻¹r̂₀, of K₀ and of K^∞; and it grows with time."""
    ends = jnp.asarray([0.0, 1.0, 10.0, 1e9])
    for params in (PARAMS, None):
        got = linearization.frozen_flows(NETWORK, params, TARGET, CIRCLE, ends, sample=SAMPLE)
        for draw, x in enumerate(SAMPLE):
            if params is None:
                gram, start = NETWORK.kernel(x, x), -TARGET(x)
            else:
                theta = jax.tree.map(lambda leaf, draw=draw: leaf[draw], PARAMS)
                gram = kernels.empirical(NETWORK, theta, x)
                start = NETWORK.apply(theta, x) - TARGET(x)
            square = float(start @ jnp.linalg.solve(gram, start))
            assert float(got.movement[draw, -1]) == pytest.approx(square**0.5, rel=1e-8)
        assert np.all(np.diff(np.asarray(got.movement), axis=1) > 0)
        np.testing.assert_array_equal(got.movement[:, 0], 0)


def linear(theta: jax.Array, x: jax.Array) -> jax.Array:
    return jnp.concatenate([x, x**2], axis=-1) @ theta


def test_a_linear_model_is_its_own_linearization() -> None:
    start = jnp.asarray([[0.3, -1.0, 2.0, 0.1], [1.0, 0.0, 0.5, -2.0], [0.0, 1.0, 1.0, 1.0]])
    flow = dynamics.gradient_flow(linear, start, TARGET, CIRCLE, TIMES, **TIGHT)
    got = linearization.frozen_flows(linear, start, TARGET, CIRCLE, TIMES, sample=SAMPLE)
    np.testing.assert_allclose(got.residuals, flow.residuals, atol=1e-8, rtol=0)
    moved = _movement.movement(flow.params, start)
    np.testing.assert_allclose(got.movement, moved.norm, atol=1e-8, rtol=0)
    by_hand = np.mean(np.asarray(got.sample_residuals) ** 2, axis=-1) / 2
    np.testing.assert_allclose(
        _movement.losses(linear, flow.params, TARGET, CIRCLE, sample=SAMPLE),
        by_hand,
        atol=1e-8,
        rtol=0,
    )


@pytest.mark.parametrize("name", ["erf-3-biases", "residual-erf-3-biases"])
def test_tangent_kernels_are_empirical_kernels(name: str) -> None:
    """By the layers and by the Jacobian, each draw at its own points."""
    network = by_name(name).network(4, 5)
    params = jax.vmap(network.init)(jax.random.split(jax.random.key(2), 2))
    x = jnp.asarray(points(6, 4)).reshape(2, 3, 4)
    got = kernels.tangent_kernels(network, params, x)
    by_jacobian = kernels.tangent_kernels(network.apply, params, x)
    for draw in range(2):
        theta = jax.tree.map(lambda leaf, draw=draw: leaf[draw], params)
        expected = kernels.empirical(network, theta, x[draw])
        size = float(jnp.abs(expected).max())
        np.testing.assert_allclose(got[draw], expected, atol=1e-13 * size, rtol=0)
        np.testing.assert_allclose(by_jacobian[draw], expected, atol=1e-13 * size, rtol=0)


def test_movement_is_counted_over_all_parameters() -> None:
    start = {"a": jnp.asarray([[3.0, 4.0], [0.0, 1.0]]), "b": jnp.asarray([12.0, 0.0])}
    step = {"a": jnp.asarray([[[0.0, 0.0], [2.0, -3.0]]] * 2), "b": jnp.asarray([[0.0, -6.0]] * 2)}
    moved = jax.tree.map(lambda at, by: at[:, None] + by, start, step)
    got = _movement.movement(moved, start)
    np.testing.assert_allclose(got.norm, [[0.0, 7.0], [0.0, 7.0]], rtol=1e-14)
    np.testing.assert_allclose(got.relative, [[0.0, 7 / 13], [0.0, 7.0]], rtol=1e-14)
    np.testing.assert_allclose(got.largest, [[0.0, 6.0], [0.0, 6.0]], rtol=1e-14)
    from_zero = _movement.movement(jnp.ones((1, 2, 3)), jnp.zeros((1, 3)))
    assert np.all(np.isnan(from_zero.relative))
    np.testing.assert_allclose(from_zero.norm, 3**0.5, rtol=1e-14)


def test_refusals() -> None:
    def frozen(**changed: Any) -> linearization.FrozenFlow:
        given = {"network": NETWORK, "params": PARAMS, "sample": SAMPLE, "times": TIMES, **changed}
        return linearization.frozen_flows(
            given["network"],
            given["params"],
            TARGET,
            CIRCLE,
            given["times"],
            sample=given["sample"],
        )

    with refused("params is missing: an apply function has no analytic kernel"):
        frozen(network=NETWORK.apply, params=None)
    with refused("sample must hold points of the measure's space, of 2 dimensions, got 3."):
        frozen(sample=jnp.ones((DRAWS, N, 3)))
    with refused("params' leading axis has 3 entries and the points has 2"):
        frozen(sample=SAMPLE[:2])
    with refused("sample must have"):
        frozen(sample=SAMPLE[0])
    with refused("times must"):
        frozen(times=TIMES[::-1])
    with refused("network must return one number a point"):
        frozen(network=lambda theta, x: NETWORK.apply(theta, x)[:, None])
    with refused("points must have"):
        kernels.tangent_kernels(NETWORK, PARAMS, SAMPLE[0])
    with refused("sample has 2 entries and params' first axis has 3"):
        _movement.losses(NETWORK, PARAMS, TARGET, CIRCLE, sample=SAMPLE[:2])
    with refused("params and start must be trees of the same structure"):
        _movement.movement(PARAMS, {"a": jnp.zeros(3)})
    with refused("params must have the axes (b, s, …) where start has (b, …)"):
        _movement.movement(PARAMS, PARAMS)
