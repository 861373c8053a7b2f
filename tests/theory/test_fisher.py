"""Sharpness against whole Hessians and closed forms."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from jax.flatten_util import ravel_pytree
from refusals import refused

from ntklib import kernels, measures, networks, spectrum
from ntklib.theory import fisher

NETWORK = networks.fully_connected(2, (4,), "tanh", biases=True)
DRAWS, N = 3, 5
KEYS = jax.random.split(jax.random.key(0), DRAWS)
PARAMS = jax.vmap(NETWORK.init)(KEYS)
INPUTS = jax.vmap(lambda key: jax.random.normal(key, (N, 2)))(KEYS)
LABELS = jax.vmap(lambda key: 3 * jax.random.normal(key, (N,)))(KEYS)


def linear(theta: jax.Array, x: jax.Array) -> jax.Array:
    """f(x; θ) = ⟨θ, x⟩."""
    return x @ theta


def bowl(theta: jax.Array, x: jax.Array) -> jax.Array:
    """f(x; θ) = −‖θ‖²/2 for every x: at θ = 0 the Hessian of the loss is the mean of y times I."""
    return jnp.full(x.shape[0], -0.5) * jnp.sum(theta**2)


def sharpness(network: Any, params: Any, sample: Any, target: Any) -> Any:
    """The sharpness of the loss on samples."""
    rule = measures.empirical(sample[0])
    return fisher.sharpness(network, params, target, rule, sample=sample)


def draw_of(tree: Any, index: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], tree)


@pytest.mark.parametrize("paired", [False, True], ids=["plain", "antisymmetric"])
def test_sharpness_is_the_largest_eigenvalue_of_the_hessian(paired: bool) -> None:
    network = networks.antisymmetric(NETWORK) if paired else NETWORK
    params = jax.vmap(network.init)(KEYS)
    if paired:  # away from the start, where the halves are equal
        params = jax.tree.map(lambda leaf: leaf * 1.3, params) | {"minus": PARAMS}
    got = sharpness(network, params, INPUTS, LABELS)
    _, as_tree = ravel_pytree(draw_of(params, 0))

    def loss(flat: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
        return 0.5 * jnp.mean((network.apply(as_tree(flat), x) - y) ** 2)

    hessian = jax.jit(jax.hessian(loss))
    for draw in range(DRAWS):
        flat, _ = ravel_pytree(draw_of(params, draw))
        values = np.linalg.eigvalsh(np.asarray(hessian(flat, INPUTS[draw], LABELS[draw])))
        assert values[0] < -0.01  # so that the largest eigenvalue is not that of a positive matrix
        np.testing.assert_allclose(got[draw], values[-1], rtol=1e-11)


def test_where_the_loss_is_zero_sharpness_is_that_of_the_fisher_matrix() -> None:
    fitted = jax.vmap(NETWORK.apply)(PARAMS, INPUTS)
    got = sharpness(NETWORK, PARAMS, INPUTS, fitted)
    for draw in range(DRAWS):
        gram = kernels.empirical(NETWORK, draw_of(PARAMS, draw), INPUTS[draw])
        values = spectrum.fisher_spectrum(gram, measures.empirical(INPUTS[draw]))
        np.testing.assert_allclose(got[draw], values[0], rtol=1e-11)
    assert np.all(np.abs(sharpness(NETWORK, PARAMS, INPUTS, LABELS) / got - 1) > 1e-3)


@pytest.mark.parametrize(("n", "d"), [(3, 7), (9, 2)])
def test_sharpness_of_a_linear_model_is_that_of_its_inputs(n: int, d: int) -> None:
    x = jnp.asarray(points(n, d))
    theta, y = jnp.asarray(points(2, d, seed=1)), jnp.asarray(points(2, n, seed=2))
    got = sharpness(linear, theta, jnp.stack([x, 2 * x]), y)
    largest = np.linalg.norm(np.asarray(x), 2) ** 2 / n
    np.testing.assert_allclose(got, [largest, 4 * largest], rtol=1e-12)


def test_sharpness_on_a_measure_is_that_of_its_points_by_weight() -> None:
    """Two points with the weights 1/3 and 2/3 are three, of which two are the same."""
    x, y = INPUTS[:1, :2], LABELS[:1, :2]
    twice = jnp.asarray([0, 1, 1])
    rule = measures.empirical(x[0], jnp.asarray([1 / 3, 2 / 3]))
    theta = jax.tree.map(lambda leaf: leaf[:1], PARAMS)
    got = fisher.sharpness(NETWORK, theta, y, rule)
    np.testing.assert_allclose(got, sharpness(NETWORK, theta, x[:, twice], y[:, twice]), rtol=1e-11)


@pytest.mark.parametrize("slope", [-2.0, 0.0, 0.7])
def test_sharpness_of_multiples_of_the_identity(slope: float) -> None:
    """Concave, flat and convex alike in every direction."""
    got = sharpness(bowl, jnp.zeros((1, 6)), jnp.ones((1, 3, 2)), jnp.full((1, 3), slope))
    np.testing.assert_allclose(got, [slope], atol=1e-13)


def test_sharpness_compiles_once_for_all_draws() -> None:
    compiled = []

    def counted(theta: jax.Array, x: jax.Array) -> jax.Array:
        compiled.append(1)
        return jnp.tanh(x @ theta)

    theta, x, y = (jnp.asarray(points(rows, 3)) for rows in (4, 4, 4))
    inputs = jnp.stack([x[:3]] * 4)
    sharpness(counted, theta[:1], inputs[:1], y[:1])
    first = len(compiled)
    sharpness(counted, theta, inputs, y)
    assert len(compiled) - first <= 1  # the look at the shape


def test_bad_arguments_of_sharpness_are_refused() -> None:
    theta, x, y = jnp.ones((2, 3)), jnp.ones((2, 4, 3)), jnp.ones((2, 4))
    assert sharpness(linear, theta, x, y).shape == (2,)
    with refused("sample must have the axes (b, n, d), got shape (1, 2, 4, 3)."):
        fisher.sharpness(linear, theta, y, measures.empirical(x[0]), sample=x[None])
    with refused("target has 1 entries and params' first axis has 2: they must agree."):
        sharpness(linear, theta, x, y[:1])
    with refused("target has 3 entries and sample has 4: they must agree."):
        sharpness(linear, theta, x, y[:, :3])
    with refused("network must return one number a point, shape (4,) for the points of a θ, but"):
        sharpness(lambda theta, x: x, theta, x, y)
    with refused("params must be float64 for a spectrum, got float32: convert them.", TypeError):
        sharpness(linear, theta.astype(jnp.float32), x, y)
    with refused("params must hold at least two numbers"):
        sharpness(linear, theta[:, :1], x[:, :, :1], y)
    rule = measures.empirical(x[0])
    with jax.enable_x64(False), refused("A spectrum needs float64"):
        fisher.sharpness(linear, theta, y, rule, sample=x)
