"""Sharpness against whole Hessians and closed forms, rank correlations against SciPy's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points, refused
from jax.flatten_util import ravel_pytree
from scipy.stats import bootstrap, spearmanr

from ntklib import fisher, kernels, measures, networks, spectrum

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


def draw_of(tree: Any, index: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], tree)


@pytest.mark.parametrize("paired", [False, True], ids=["plain", "antisymmetric"])
def test_sharpness_is_the_largest_eigenvalue_of_the_hessian(paired: bool) -> None:
    network = networks.antisymmetric(NETWORK) if paired else NETWORK
    params = jax.vmap(network.init)(KEYS)
    if paired:  # away from the start, where the halves are equal
        params = jax.tree.map(lambda leaf: leaf * 1.3, params) | {"minus": PARAMS}
    got = fisher.sharpness(network, params, INPUTS, LABELS)
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
    got = fisher.sharpness(NETWORK, PARAMS, INPUTS, fitted)
    for draw in range(DRAWS):
        gram = kernels.empirical(NETWORK, draw_of(PARAMS, draw), INPUTS[draw])
        values = spectrum.fisher_spectrum(gram, measures.empirical(INPUTS[draw]))
        np.testing.assert_allclose(got[draw], values[0], rtol=1e-11)
    assert np.all(np.abs(fisher.sharpness(NETWORK, PARAMS, INPUTS, LABELS) / got - 1) > 1e-3)


@pytest.mark.parametrize(("n", "d"), [(3, 7), (9, 2)])
def test_sharpness_of_a_linear_model_is_that_of_its_inputs(n: int, d: int) -> None:
    x = jnp.asarray(points(n, d))
    theta, y = jnp.asarray(points(2, d, seed=1)), jnp.asarray(points(2, n, seed=2))
    got = fisher.sharpness(linear, theta, jnp.stack([x, 2 * x]), y)
    largest = np.linalg.norm(np.asarray(x), 2) ** 2 / n
    np.testing.assert_allclose(got, [largest, 4 * largest], rtol=1e-12)


@pytest.mark.parametrize("slope", [-2.0, 0.0, 0.7])
def test_sharpness_of_multiples_of_the_identity(slope: float) -> None:
    """Concave, flat and convex alike in every direction."""
    got = fisher.sharpness(bowl, jnp.zeros((1, 6)), jnp.ones((1, 3, 2)), jnp.full((1, 3), slope))
    np.testing.assert_allclose(got, [slope], atol=1e-13)


def test_sharpness_compiles_once_for_all_draws() -> None:
    compiled = []

    def counted(theta: jax.Array, x: jax.Array) -> jax.Array:
        compiled.append(1)
        return jnp.tanh(x @ theta)

    theta, x, y = (jnp.asarray(points(rows, 3)) for rows in (4, 4, 4))
    inputs = jnp.stack([x[:3]] * 4)
    fisher.sharpness(counted, theta[:1], inputs[:1], y[:1])
    first = len(compiled)
    fisher.sharpness(counted, theta, inputs, y)
    assert len(compiled) - first <= 1  # the look at the shape


def test_bad_arguments_of_sharpness_are_refused() -> None:
    theta, x, y = jnp.ones((2, 3)), jnp.ones((2, 4, 3)), jnp.ones((2, 4))
    assert fisher.sharpness(linear, theta, x, y).shape == (2,)
    with refused("inputs must have the axes (b, n, d), got shape (4, 3)."):
        fisher.sharpness(linear, theta, x[0], y)
    with refused("labels has 1 entries and params' leading axis has 2: they must agree."):
        fisher.sharpness(linear, theta, x, y[:1])
    with refused("labels' second axis has 3 entries and inputs' second has 4: they must agree."):
        fisher.sharpness(linear, theta, x, y[:, :3])
    with refused("network must return one number a point, shape (4,) for the inputs of a θ, but"):
        fisher.sharpness(lambda theta, x: x, theta, x, y)
    with refused("params must be float64 for a spectrum, got float32: convert them.", TypeError):
        fisher.sharpness(linear, theta.astype(jnp.float32), x, y)
    with refused("params must hold at least two numbers"):
        fisher.sharpness(linear, theta[:, :1], x[:, :, :1], y)
    with jax.enable_x64(False), refused("A spectrum needs float64"):
        fisher.sharpness(linear, theta, x, y)


def tables(settings: int = 4, draws: int = 18) -> tuple[np.ndarray, np.ndarray]:
    x, noise = np.random.default_rng(3).standard_normal((2, settings, draws))
    return np.round(x, 1), np.round(x + noise, 1)  # rounded, for ties


def test_correlations_of_groups_are_spearmans() -> None:
    x, y = tables()
    expected = [spearmanr(x[:, b], y[:, b]).statistic for b in range(18)]
    got = fisher.rank_correlation(x, y)
    np.testing.assert_allclose(got.each, expected, atol=1e-12)
    assert got.mean == pytest.approx(np.mean(expected), abs=1e-12)
    expected = [spearmanr(x[s], y[s]).statistic for s in range(4)]
    got = fisher.rank_correlation(x, y, within="setting")
    np.testing.assert_allclose(got.each, expected, atol=1e-12)
    assert got.mean == pytest.approx(np.mean(expected), abs=1e-12)
    assert got.low < got.mean < got.high
    assert str(got) == f"{got.mean:+.2f} [{got.low:+.2f}, {got.high:+.2f}]"


def test_what_is_held_fixed_can_turn_a_correlation_around() -> None:
    """Settings differ along a rising line, the draws of a setting along a falling one."""
    setting, draw = np.arange(5.0)[:, None], np.linspace(0, 0.5, 20)[None, :]
    x, y = setting - draw, setting + draw
    assert fisher.rank_correlation(x, y).each.tolist() == pytest.approx([1.0] * 20)
    within = fisher.rank_correlation(x, y, within="setting")
    assert within.each.tolist() == pytest.approx([-1.0] * 5)
    assert (within.low, within.high) == pytest.approx((-1.0, -1.0))


def test_groups_are_ranked_apart() -> None:
    """Within each label x and y rise together; from one label to the next y falls."""
    x = np.tile(np.arange(6.0)[:, None], (1, 20))
    y = x % 3 - 10 * (x // 3)
    labels = ["low"] * 3 + ["high"] * 3
    assert fisher.rank_correlation(x, y, groups=labels).mean == pytest.approx(1.0)
    assert fisher.rank_correlation(x, y).mean < -0.5
    x, y = tables(settings=7)
    labels = ["a", "b", "a", "b", "b", "a", "b"]
    parts = [fisher.rank_correlation(x[rows], y[rows]).each for rows in ([0, 2, 5], [1, 3, 4, 6])]
    got = fisher.rank_correlation(x, y, groups=labels)
    np.testing.assert_allclose(got.each, np.mean(parts, axis=0), atol=1e-12)


def test_the_interval_within_draws_is_that_of_a_mean() -> None:
    """Of 64 correlations 48 are 1 and 16 are −1: the standard error of their mean is known."""
    x = np.tile(np.arange(4.0)[:, None], (1, 64))
    y = x * np.where(np.arange(64) < 48, 1.0, -1.0)
    got = fisher.rank_correlation(x, y, resamples=4000)
    assert got.mean == pytest.approx(0.5)
    half = 1.96 * np.sqrt(1 - 0.5**2) / 8
    np.testing.assert_allclose([got.low, got.high], [0.5 - half, 0.5 + half], atol=0.03)
    narrow = fisher.rank_correlation(x, y, level=0.5, resamples=4000)
    assert got.low < narrow.low < 0.5 < narrow.high < got.high


def test_the_interval_within_settings_redraws_draws_together() -> None:
    """Copies of one setting say no more than that setting does."""
    x, y = (table[0] for table in tables(draws=40))
    got = fisher.rank_correlation(np.stack([x] * 5), np.stack([y] * 5), within="setting")
    expected = bootstrap(
        (x, y), lambda a, b: spearmanr(a, b).statistic, paired=True, vectorized=False,
        method="percentile", n_resamples=2000, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    np.testing.assert_allclose([got.low, got.high], expected, atol=0.06)


def test_bad_tables_are_refused() -> None:
    x, y = tables()
    with refused("within must be one of draw, setting, got 'both'."):
        fisher.rank_correlation(x, y, within="both")  # type: ignore[arg-type]
    with refused("x and y must have the same shape, got (4, 18), (3, 18)."):
        fisher.rank_correlation(x, y[:3])
    with refused("x must have at least 3 settings and 16 draws, got shape (2, 18)."):
        fisher.rank_correlation(x[:2], y[:2])
    with refused("x must have at least 3 settings and 16 draws, got shape (4, 15)."):
        fisher.rank_correlation(x[:, :15], y[:, :15])
    with refused("level must lie strictly between 0 and 1, got 1.0."):
        fisher.rank_correlation(x, y, level=1.0)
    with refused("x or y is constant in 1 of 4 settings"):
        fisher.rank_correlation(x, np.where(np.arange(4)[:, None] == 2, 1.0, y), within="setting")
    with refused("groups has 3 entries and x has 4: they must agree."):
        fisher.rank_correlation(x, y, groups="aab")
    with refused("groups must have at least 3 settings with each label, but 'b' has 1: leave"):
        fisher.rank_correlation(x, y, groups="aaba")
    with refused("groups are for settings within a draw"):
        fisher.rank_correlation(x, y, groups="aaaa", within="setting")
    with refused("y holds 1 NaN or infinite value(s)"):
        fisher.rank_correlation(x, np.where(np.arange(x.size).reshape(x.shape) == 5, np.inf, y))
