"""Gradient descent against closed forms, against NumPy loops, and against the flow."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases import points
from refusals import refused

from ntklib import _device, dynamics, measures, networks
from ntklib.dynamics import _meter
from ntklib.dynamics._descent import Descent
from ntklib.targets import FourierSum

STEPS = np.asarray([0, 1, 2, 7, 40])
SMALL = networks.fully_connected(2, (5,), "tanh", biases=True)
CIRCLE = measures.circle(12)
TARGET = FourierSum((1, 2), (1.0, 0.5), (0.0, 0.7))


def linear(theta: jax.Array, x: jax.Array) -> jax.Array:
    """f(x; θ) = ⟨θ, x⟩."""
    return x @ theta


def problem(n: int = 7, d: int = 3, seed: int = 0) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns θ₀, inputs and labels of a linear problem that no θ solves."""
    rng = np.random.default_rng(seed)
    return tuple(jnp.asarray(rng.normal(size=shape)) for shape in (d, (n, d), n))  # type: ignore[return-value]


def descend(
    apply: Any,
    params: Any,
    inputs: Any,
    target: Any,
    *,
    steps: Any = STEPS,
    nodes: Any = None,
    **options: Any,
) -> Descent:
    """Trains on a sample and looks at nodes, or at the sample itself."""
    measure = measures.empirical(inputs if nodes is None else nodes)
    settings = {"optimizer": 0.1, "progress": False, **options}
    return dynamics.gradient_descent(
        apply, params, target, measure, steps, sample=inputs, **settings
    )


def adam(rate: float, theta: np.ndarray, slope: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Kingma and Ba's Algorithm 1 with its default constants, all iterates."""
    first, second, path = np.zeros_like(theta), np.zeros_like(theta), [theta]
    for k in range(1, int(STEPS[-1]) + 1):
        gradient = slope(theta)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        unbiased = first / (1 - 0.9**k), second / (1 - 0.999**k)
        theta = theta - rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
        path.append(theta)
    return np.stack(path)


@pytest.mark.parametrize("rate", [0.05, 0.3])
@pytest.mark.parametrize("n", [3, 7])
def test_descent_of_a_linear_model_is_a_power(rate: float, n: int) -> None:
    """r̂_k = (I − ηG)ᵏ r̂₀ on the sample, with G = XXᵀ/n; elsewhere f follows θ_k."""
    theta, x, y = problem(n)
    got = descend(linear, theta, x, y, optimizer=rate, keep_params=True)
    gram = np.asarray(x @ x.T) / n
    start = np.asarray(x @ theta - y)
    power = [np.linalg.matrix_power(np.eye(n) - rate * gram, int(k)) @ start for k in STEPS]
    np.testing.assert_array_equal(got.steps, STEPS)
    np.testing.assert_allclose(np.asarray(got.values) - np.asarray(y), power, atol=1e-12, rtol=0)
    np.testing.assert_allclose(got.loss, np.sum(np.square(power), axis=1) / (2 * n), atol=1e-12)
    nodes = jnp.asarray(points(4, 3))
    elsewhere = descend(linear, theta, x, y, optimizer=rate, nodes=nodes)
    assert got.params is not None
    assert elsewhere.params is None
    np.testing.assert_allclose(elsewhere.values, got.params @ nodes.T, atol=1e-12, rtol=0)


def test_adam_is_the_algorithm_of_the_paper() -> None:
    theta, x, y = problem()
    got = descend(linear, theta, x, y, optimizer=optax.adam(0.03), keep_params=True)
    inputs, labels = np.asarray(x), np.asarray(y)
    path = adam(0.03, np.asarray(theta), lambda w: inputs.T @ (inputs @ w - labels) / len(labels))
    np.testing.assert_allclose(np.asarray(got.params), path[STEPS], atol=1e-12, rtol=0)


def test_small_steps_approach_the_flow() -> None:
    """Euler's method: the distance at t = 2 is proportional to the step."""
    params = SMALL.init(jax.random.key(1))
    flow = dynamics.gradient_flow(
        SMALL.apply, params, TARGET, CIRCLE, jnp.asarray([2.0]), rtol=1e-10, atol=1e-12,
        progress=False,
    )  # fmt: skip
    errors = []
    for count in (50, 100, 200):
        got = dynamics.gradient_descent(
            SMALL.apply, params, TARGET, CIRCLE, np.asarray([count]), optimizer=2.0 / count
        )
        errors.append(float(CIRCLE.norm(got.values[0] - TARGET(CIRCLE.nodes) - flow.residuals[0])))
    assert errors[0] < 0.05
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 2.0, atol=0.1)


@pytest.mark.parametrize("side_by_side", [False, True])
@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
def test_draws_are_what_they_are_one_by_one(
    own: bool, side_by_side: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_device, "side_by_side", lambda: side_by_side)
    keys = jax.random.split(jax.random.key(2), 3)
    params = jax.vmap(SMALL.init)(keys)
    inputs = jax.vmap(lambda key: CIRCLE.sample(key, 6))(keys)
    labels = jax.vmap(TARGET)(inputs)
    options = {"nodes": CIRCLE.nodes, "optimizer": optax.adam(0.02), "keep_params": True}
    given = (inputs, labels) if own else (inputs[0], labels[0])
    got = descend(SMALL.apply, params, *given, draws=True, **options)
    assert got.values.shape == (3, len(STEPS), 12)
    assert got.loss.shape == (3, len(STEPS))
    for b in range(3):
        theta = jax.tree.map(lambda leaf, b=b: leaf[b], params)
        alone = descend(SMALL.apply, theta, inputs[b * own], labels[b * own], **options)
        np.testing.assert_allclose(got.values[b], alone.values, atol=1e-12, rtol=0)
        np.testing.assert_allclose(got.loss[b], alone.loss, atol=1e-12, rtol=0)
        same = jax.tree.map(
            lambda many, one, b=b: np.allclose(many[b], one, atol=1e-12), got.params, alone.params
        )
        assert all(jax.tree.leaves(same))


def test_without_a_sample_the_nodes_count_by_their_weights() -> None:
    """Two nodes with the weights 1/3 and 2/3 are three points, of which two are the same."""
    theta, x, y = problem(2)
    rule, twice = measures.empirical(x, jnp.asarray([1 / 3, 2 / 3])), jnp.asarray([0, 1, 1])
    got = dynamics.gradient_descent(linear, theta, y, rule, STEPS, optimizer=0.1, progress=False)
    expected = descend(linear, theta, x[twice], y[twice], nodes=x)
    np.testing.assert_allclose(got.values, expected.values, atol=1e-12, rtol=0)
    np.testing.assert_allclose(got.loss, expected.loss, atol=1e-12, rtol=0)


def test_a_function_is_a_target_as_its_labels_are() -> None:
    theta, x, _ = problem()
    got = descend(linear, theta, x, lambda x: x[:, 0])
    np.testing.assert_array_equal(got.values, descend(linear, theta, x, x[:, 0]).values)


def test_precision_is_that_of_the_parameters() -> None:
    theta, x, y = problem()
    got = descend(linear, theta.astype(jnp.float32), x, y, optimizer=optax.adam(0.03))
    assert got.values.dtype == got.loss.dtype == jnp.float32
    exact = descend(linear, theta, x, y, optimizer=optax.adam(0.03))
    error = np.max(np.abs(np.asarray(got.values, dtype=float) - np.asarray(exact.values)))
    assert 0 < error < 1e-5


def test_another_rate_compiles_nothing_again() -> None:
    compiled = []

    def counted(theta: jax.Array, x: jax.Array) -> jax.Array:
        compiled.append(1)
        return x @ theta

    theta, x, y = problem()
    descend(counted, theta, x, y, optimizer=0.1)
    first = len(compiled)
    descend(counted, theta, x, y, optimizer=0.2)
    assert len(compiled) == first


def test_bar_is_told_of_every_draw_and_only_when_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, float]] = []
    monkeypatch.setattr(
        _meter, "_advance", lambda bar, draw, part: told.append((int(draw), float(part)))
    )
    theta, x, y = problem()
    thetas = jnp.stack([theta, 2 * theta])
    steps = np.asarray([1, 250])
    rule = measures.empirical(x)
    dynamics.gradient_descent(linear, thetas, y, rule, steps, optimizer=0.1, draws=True)
    for draw in (0, 1):
        parts = sorted(part for which, part in told if which == draw)
        np.testing.assert_allclose(parts, np.arange(0, 250, 2) / 250, atol=1e-12)
    told.clear()
    descend(linear, thetas, x, y, steps=np.asarray([1, 251]), draws=True)
    assert told == []


def test_divergence_is_refused() -> None:
    theta, x, _ = problem()
    with refused("gradient descent left the finite numbers in 1 of 2 draw(s)", RuntimeError):
        # From the solution there is nothing to descend, so that draw stays finite.
        best = jnp.linalg.lstsq(x, x @ theta)[0]
        descend(
            linear, jnp.stack([best, 2 * best]), x, x @ best, optimizer=50.0,
            steps=np.asarray([2000]), draws=True,
        )  # fmt: skip


def test_bad_arguments_are_refused() -> None:
    theta, x, y = problem()
    many = jnp.stack([theta, theta])
    with refused("steps must be non-negative and strictly increasing"):
        descend(linear, theta, x, y, steps=np.asarray([0, 3, 3]))
    with refused("steps must be non-negative and strictly increasing"):
        descend(linear, theta, x, y, steps=np.asarray([-1, 3]))
    with refused("steps must be whole numbers, got dtype float64.", TypeError):
        descend(linear, theta, x, y, steps=np.asarray([0.0, 1.0]))
    with refused("steps must list at least one number, got shape (0,)."):
        descend(linear, theta, x, y, steps=np.asarray([], dtype=int))
    with refused("optimizer must be a positive finite number, got -0.1."):
        descend(linear, theta, x, y, optimizer=-0.1)
    with refused("optimizer must be a learning rate or an optax.GradientTransformation", TypeError):
        descend(linear, theta, x, y, optimizer=None)
    with refused("target has 6 entries and sample has 7: they must agree."):
        descend(linear, theta, x, y[:6])
    with refused("target has 6 entries and the measure has 7: they must agree."):
        dynamics.gradient_descent(linear, theta, y[:6], measures.empirical(x), STEPS, optimizer=0.1)
    with refused("target must have the axes (n), got shape (7, 1)."):
        descend(linear, theta, x, y[:, None])
    with refused("sample has 3 entries and params' first axis has 2: they must agree."):
        descend(linear, many, jnp.stack([x] * 3), y, draws=True, nodes=x)
    with refused("sample must hold points of dimension 2, like the measure's nodes, got shape (7,"):
        descend(linear, theta, x, y, nodes=x[:, :2])
    with refused(
        "target must have a column for each of the network's 2 outputs, got shape (7,): if the "
        "network should have one output, check its last layer and, with several draws, pass draws"
    ):
        descend(linear, many.T, x, y)
    with refused("params must hold real floating-point numbers", TypeError):
        descend(linear, jnp.arange(3), x, y)
    with refused("target holds 1 NaN or infinite value(s) among 7"):
        descend(linear, theta, x, y.at[2].set(jnp.nan))


def test_a_batch_of_all_points_is_gradient_descent() -> None:
    theta, x, y = problem()
    whole = descend(linear, theta, x, y)
    batches = descend(linear, theta, x, y, batch=7, key=jax.random.key(0))
    np.testing.assert_allclose(batches.values, whole.values, rtol=1e-13)


def test_steps_of_batches_have_the_mean_and_the_covariance_of_draws_without_repetition() -> None:
    n, size, eta, draws = 7, 3, 0.1, 20_000
    theta, x, y = problem(n)
    one = descend(
        linear,
        jnp.broadcast_to(theta, (draws, 3)),
        x,
        y,
        steps=np.asarray([1]),
        optimizer=eta,
        batch=size,
        key=jax.random.key(1),
        draws=True,
        keep_params=True,
    )
    assert one.params is not None
    moved = np.asarray(one.params)[:, 0] - np.asarray(theta)
    slopes = np.asarray((x @ theta - y)[:, None] * x)
    covariance = eta**2 * (1 / size - 1 / n) * np.cov(slopes.T)
    off = (moved.mean(axis=0) + eta * slopes.mean(axis=0)) / np.sqrt(np.diag(covariance) / draws)
    assert np.abs(off).max() < 4
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert np.abs((np.cov(moved.T) - covariance) / scale).max() < 0.04


def test_batches_are_their_keys() -> None:
    theta, x, y = problem()
    start = jnp.stack([theta, theta])
    first, again, other = (
        descend(linear, start, x, y, batch=2, key=jax.random.key(k), draws=True).values
        for k in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    for one, another in ((first, other), (first[:1], first[1:])):
        assert np.abs(one - another)[:, 1:].min(axis=(0, 2)).max() > 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"batch": 2}, TypeError, "key must come from jax.random.key, got None"),
        ({"key": jax.random.key(0)}, TypeError, "key draws the points of a batch"),
        ({"batch": 8, "key": jax.random.key(0)}, ValueError, "batch must be at most the 7"),
        ({"batch": 0, "key": jax.random.key(0)}, ValueError, "batch"),
        ({"batch": 2, "key": 0}, TypeError, "key"),
    ],
)
def test_batches_that_cannot_be_drawn(options: Any, error: type[Exception], words: str) -> None:
    theta, x, y = problem()
    with pytest.raises(error, match=words):
        descend(linear, theta, x, y, **options)


def test_batches_need_a_sample() -> None:
    theta, x, y = problem()
    with pytest.raises(ValueError, match="batch needs sample"):
        dynamics.gradient_descent(
            linear,
            theta,
            y,
            measures.empirical(x),
            STEPS,
            optimizer=0.1,
            batch=2,
            key=jax.random.key(0),
        )
