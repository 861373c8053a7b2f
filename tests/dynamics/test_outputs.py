"""Networks of several outputs: where they decouple, and where the kernel has blocks."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flows import CIRCLE, TARGET, TIMES, exact_residuals, linear, sample
from refusals import refused

from ntklib import datasets, dynamics, kernels, learning, measures, networks, targets
from ntklib.dynamics import linearization

NETWORK = networks.fully_connected(2, (5,), "tanh", biases=True, outputs=3)
POINTS = sample(6)
QUIET: dict[str, Any] = {"progress": False}


def goal(x: jax.Array) -> jax.Array:
    """Three targets, of which the first is that of the other tests."""
    return jnp.stack([TARGET(x), x[:, 0] * x[:, 1], 0.5 - TARGET(x)], axis=-1)


def twice(x: jax.Array) -> jax.Array:
    return jnp.stack([TARGET(x), -3 * TARGET(x)], axis=-1)


@pytest.mark.parametrize("method", ["explicit", "exponential"])
def test_outputs_that_share_nothing_are_flows_of_their_own(method: Any) -> None:
    """By the closed form of each, at n = ∞ and on a sample."""
    start = jnp.asarray(np.random.default_rng(0).standard_normal((5, 2)))
    for points in (None, POINTS):
        flow = dynamics.gradient_flow(
            linear, start, twice, CIRCLE, TIMES, sample=points, method=method, rtol=1e-9, **QUIET
        )
        assert flow.residuals.shape == (4, 12, 2)
        x = CIRCLE.nodes if points is None else points
        weights = CIRCLE.weights if points is None else jnp.full(6, 1 / 6)
        first = exact_residuals(start[:, 0], x, weights)
        second = -3 * exact_residuals(start[:, 1] / -3, x, weights)
        np.testing.assert_allclose(flow.residuals[..., 0], first, atol=1e-6)
        np.testing.assert_allclose(flow.residuals[..., 1], second, atol=1e-6)


def test_a_linearized_network_is_the_flow_of_its_blocks() -> None:
    """Hidden layers are shared, so outputs are coupled; with noise, a ridge and two draws."""
    params = jax.vmap(NETWORK.init)(jax.random.split(jax.random.key(0), 2))
    noise = 0.3 * jax.random.normal(jax.random.key(1), (2, 6, 3))
    flow = dynamics.gradient_flow(
        NETWORK, params, goal, CIRCLE, TIMES, sample=POINTS, noise=noise, ridge=0.05, draws=True,
        linearized=True, rtol=1e-9, keep_params=True, **QUIET,
    )  # fmt: skip
    assert repr(flow).startswith("Trajectory(draws=2, s=4, q=12 nodes, 3 outputs, t 0 to 4, ")
    for draw in range(2):
        theta = jax.tree.map(lambda leaf, draw=draw: leaf[draw], params)
        gram = kernels.empirical(NETWORK, theta, POINTS)
        cross = kernels.empirical(NETWORK, theta, CIRCLE.nodes, POINTS)
        behind = NETWORK.apply(theta, POINTS) - goal(POINTS) - noise[draw]
        initial = NETWORK.apply(theta, CIRCLE.nodes) - goal(CIRCLE.nodes)
        expected = dynamics.kernel_flow(gram, cross, behind, initial, TIMES, ridge=0.05)
        np.testing.assert_allclose(flow.residuals[draw], expected, atol=1e-7)
        one = flow.draw(draw)
        assert one.residuals.shape == (4, 12, 3)
        last = jax.tree.map(lambda leaf, draw=draw: leaf[draw, -1], flow.params)
        assert jax.tree.all(jax.tree.map(jnp.array_equal, one.params_at(-1), last))


def test_both_methods_agree_and_small_steps_of_descent_do() -> None:
    params, end = NETWORK.init(jax.random.key(2)), 2.0
    given = NETWORK, params, goal, CIRCLE
    flow, other = (
        dynamics.gradient_flow(
            *given, jnp.asarray([end]), sample=POINTS, method=method, rtol=1e-8, **QUIET
        )
        for method in ("explicit", "exponential")
    )
    np.testing.assert_allclose(flow.residuals, other.residuals, atol=1e-6)
    errors = []
    for steps in (100, 200):
        run: Any = dynamics.gradient_descent(
            *given, np.asarray([0, steps]), optimizer=end / steps, sample=POINTS,
            keep_params=True, **QUIET,
        )  # fmt: skip
        errors.append(np.abs(run.values[-1] - goal(CIRCLE.nodes) - flow.residuals[0]).max())
    assert errors[1] < 0.02
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)
    misfit = np.asarray(NETWORK.apply(params, POINTS) - goal(POINTS))
    np.testing.assert_allclose(run.loss[0], (misfit**2).sum() / (2 * 6), rtol=1e-12)
    along = jax.tree.map(lambda leaf: leaf[None], run.params)
    losses = linearization.losses(NETWORK, along, goal, CIRCLE, sample=POINTS)
    np.testing.assert_allclose(losses[0], run.loss, rtol=1e-12)


def test_outputs_of_a_kernel_decouple_and_end_at_regression() -> None:
    kernel, times = NETWORK.kernel, jnp.asarray([0.5, 1e9])
    gram, cross, labels = kernel(POINTS, POINTS), kernel(CIRCLE.nodes, POINTS), goal(POINTS)
    initial = -goal(CIRCLE.nodes)
    found = dynamics.kernel_flow(gram, cross, -labels, initial, times, ridge=0.1)
    solution = np.linalg.solve(np.asarray(gram) + 6 * 0.1 * np.eye(6), labels)
    np.testing.assert_allclose(found[-1], cross @ solution + initial, atol=1e-12)
    for column in range(3):
        own = -labels[:, column], initial[:, column]
        alone = dynamics.kernel_flow(gram, cross, *own, times, ridge=0.1)
        np.testing.assert_allclose(found[..., column], alone, atol=1e-13)
    options: Any = {"draws": 2, "n": 6, **QUIET}
    given = kernel, goal, CIRCLE, times, jax.random.key(0)
    several = dynamics.kernel_flows(*given, **options)
    assert several.shape == (2, 2, 12, 3)
    first = dynamics.kernel_flows(kernel, TARGET, *given[2:], **options)
    np.testing.assert_allclose(several[..., 0], first, atol=1e-12)
    change = dynamics.kernel_flows(*given, noise=0.1, **options) - several
    assert np.all(np.abs(np.asarray(change)).max(axis=(0, 1, 2)) > 1e-3)
    assert not np.allclose(change[..., 0], change[..., 1])


def test_noise_of_network_flows_is_of_every_output() -> None:
    given = NETWORK, goal, CIRCLE, TIMES[1:2], jax.random.key(5)
    quiet, noisy = (
        dynamics.network_flows(*given, draws=2, n=6, noise=noise, **QUIET)[0].residuals
        for noise in (0.0, 0.3)
    )
    change = np.abs(np.asarray(noisy - quiet)).max(axis=(1, 2))
    assert change.shape == (2, 3)
    assert np.all(change > 1e-3)
    assert np.unique(change).size == 6


def test_digits_are_told_apart() -> None:
    """By a network and by its kernel, in ten classes: six times as often as by chance."""
    images = datasets.digits()
    chosen = np.random.default_rng(0).permutation(len(images.labels))[:450]
    points, classes = jnp.asarray(images.points(chosen)), images.labels[chosen]
    points = points / jnp.linalg.norm(points, axis=1, keepdims=True) * 28
    target = targets.Labels(points, targets.one_hot(classes))
    network = networks.antisymmetric(networks.fully_connected(784, (32,), "erf", outputs=10))
    train, rest = points[:300], measures.empirical(points[300:])
    params, times = network.init(jax.random.key(0)), jnp.asarray([100.0])
    flow = dynamics.gradient_flow(
        network, params, target, rest, times, sample=train, rtol=1e-4, **QUIET
    )
    wanted = target(rest.nodes)
    assert learning.accuracy(flow.residuals[-1] + wanted, classes[300:]) > 0.6
    ideal = dynamics.kernel_flow(
        network.kernel(train, train), network.kernel(rest.nodes, train), -target(train), -wanted,
        times,
    )  # fmt: skip
    assert learning.accuracy(ideal[-1] + wanted, classes[300:]) > 0.6


def test_what_does_not_fit_is_refused() -> None:
    params = NETWORK.init(jax.random.key(0))

    def flow(target: Any, **options: Any) -> None:
        dynamics.gradient_flow(NETWORK, params, target, CIRCLE, TIMES, **QUIET, **options)

    with refused(
        "target must have a column for each of the network's 3 outputs, got shape (12,): if the "
        "network should have one output, check its last layer and, with several draws, pass "
        "draws=True."
    ):
        flow(TARGET)
    with refused("target must have a column for each of the network's 3 outputs, got shape (12, 2"):
        flow(jnp.ones((12, 2)))
    with refused("target has 5 entries and the measure has 12"):
        flow(jnp.ones((5, 3)))
    with refused("noise must have a column for each of the network's 3 outputs, got shape (6,)"):
        flow(goal, sample=POINTS, noise=jnp.ones(6))
    several = jax.tree.map(lambda leaf: leaf[None], params)
    with refused("network must return one number a point, shape (18,)"):
        linearization.frozen_flows(NETWORK, several, TARGET, CIRCLE, TIMES, sample=POINTS[None])
    blocks = jnp.ones((6, 6, 2, 2))
    with refused("cross must have blocks of 2 × 2, got shape (6, 6, 3, 3)."):
        dynamics.closed_form(blocks, jnp.ones((6, 6, 3, 3)), goal(POINTS), goal(POINTS), TIMES)
    with refused("sample_residual's last axis has 3 entries and a block of gram has 2"):
        dynamics.closed_form(blocks, blocks, goal(POINTS), goal(POINTS), TIMES)
    with refused("initial's last axis has 2 entries and sample_residual has 3"):
        gram = jnp.eye(6)
        dynamics.closed_form(gram, gram, goal(POINTS), twice(POINTS), TIMES)
