"""Kernels of dense networks where angles are hard to tell, against mpmath; their gradients."""

import importlib
from typing import Any

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from cases import points

from ntklib import kernels, networks
from ntklib.networks import _network, _neural_tangents, _stacks

EXACTNESS = 4e-16 / np.finfo(np.float64).eps
"""Relative to the diagonal, in units of ε a hidden layer, and as much for the two outer ones."""


def moments(activation: str, c: Any, s: Any, r: Any) -> tuple[Any, Any]:
    """E[ω(u)ω(v)] and E[ω'(u)ω'(v)] in as many digits as mpmath has."""
    if activation == "erf":
        root = mp.sqrt((1 + 2 * s) * (1 + 2 * r))
        sine = 2 * c / root
        return 2 / mp.pi * mp.asin(sine), 4 / mp.pi / root / mp.sqrt(1 - sine**2)
    scale = mp.sqrt(s * r)
    cosine = max(min(c / scale, mp.mpf(1)), mp.mpf(-1))
    phi = mp.acos(cosine)
    value = scale * (mp.sin(phi) + (mp.pi - phi) * cosine) / (2 * mp.pi)
    return value, (mp.pi - phi) / (2 * mp.pi)


def exact(
    activation: str, depth: int, bias: float, residual: bool, dots: Any, weight: float = 1.0
) -> Any:
    """The kernel of two points, by the recursion, for biases and weights of these deviations.

    It depends on the points x and y by x·x/d, y·y/d and x·y/d alone.
    """
    w, b = mp.mpf(weight) ** 2, mp.mpf(bias) ** 2
    s, r, c = dots
    tangent = mp.mpf(0)
    for layer in range(depth):
        s_in, r_in, c_in = w * s + b, w * r + b, w * c + b
        value, slope = moments(activation, c_in, s_in, r_in)
        new = [moments(activation, v, v, v)[0] for v in (s_in, r_in)]
        adds = residual and layer > 0
        tangent = slope * (w * tangent + c_in) + adds * tangent
        s, r, c = new[0] + adds * s, new[1] + adds * r, value + adds * c
    return w * (tangent + c) + b


def close_points(d: int, norm: float, dtype: Any) -> np.ndarray:
    """Two points and what is the same, opposite, parallel or nearly so to the first."""
    first, second, aside = np.random.default_rng(0).standard_normal((3, d))
    first, aside = first / np.linalg.norm(first), aside / np.linalg.norm(aside)
    near = [sign * first + t * aside for sign in (1, -1) for t in (1e-3, 1e-7, 1e-10)]
    return (norm * np.stack([first, second, first, -first, 3 * first, *near])).astype(dtype)


def largest_error(
    network: Any, form: tuple[str, int, float, bool], x: np.ndarray, weight: float = 1.0
) -> float:
    """The error beside the first point, relative to the diagonal and ε times depth + 1."""
    gram = np.asarray(kernels.analytic(network, jnp.asarray(x)))
    np.testing.assert_array_equal(gram, gram.T)
    # The squares of variances of 10³⁰⁰ and 1 are told apart.
    with mp.workdps(700 if np.abs(x).max() > 1e10 and form[0] == "erf" else 50):
        rows = [[mp.mpf(float(value)) for value in row] for row in x]
        own = [mp.fdot(row, row) / len(row) for row in rows]
        beside = [mp.fdot(rows[0], row) / len(row) for row in rows]
        diagonal = [exact(*form, (s, s, s), weight) for s in own]
        errors = [
            abs(mp.mpf(float(gram[0, j])) - exact(*form, (own[0], own[j], beside[j]), weight))
            / mp.sqrt(diagonal[0] * diagonal[j])
            for j in range(len(x))
        ]
    return float(max(errors)) / (np.finfo(x.dtype).eps * (form[1] + 1))


def layers_that_are(shallow: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has kernels built from here on take at most so many layers for few."""
    monkeypatch.setattr(_stacks, "SHALLOW", shallow)
    _network._built.cache_clear()


FORMS = [
    pytest.param(1, 1, 1.0, np.float64, id="line"),
    pytest.param(1, 3, 1e-3, np.float64, id="one hidden layer"),
    pytest.param(3, 10, 1e145, np.float64, id="long"),
    pytest.param(3, 10, 1e-145, np.float64, id="short"),
    pytest.param(3, 100, 1.0, np.float64, id="products"),
    pytest.param(1, 10_000, 1.0, np.float64, id="many dimensions"),
    pytest.param(100, 3, 1.0, np.float64, id="deep"),
    pytest.param(3, 10, 1e15, np.float32, id="long, float32"),
    pytest.param(3, 10, 1e-15, np.float32, id="short, float32"),
    pytest.param(10, 100, 1.0, np.float32, id="float32"),
]


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("activation", ["erf", "relu"])
@pytest.mark.parametrize(("depth", "d", "norm", "dtype"), FORMS)
def test_kernel_is_exact_where_points_coincide(
    activation: str, biases: bool, depth: int, d: int, norm: float, dtype: Any
) -> None:
    # 10⁻³⁰ of the variance is left after a hundred layers of ReLU without biases.
    network = networks.fully_connected(d, (1,) * depth, activation, biases=biases)
    x = close_points(d, norm, dtype)
    assert largest_error(network, (activation, depth, biases, False), x) < EXACTNESS


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", [10, 17, 30, 100, 1000])
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_kernel_is_exact_at_angles_where_products_take_over(
    activation: str, d: int, dtype: Any
) -> None:
    # An error of the cosine is one over the sine as large in the angle.
    network = networks.fully_connected(d, (1,), activation)
    for seed in range(4):
        first, aside = np.linalg.qr(np.random.default_rng(seed).standard_normal((d, 2)))[0].T
        turned = [
            sign * np.cos(phi) * first + np.sin(phi) * aside
            for phi in np.linspace(0.1, 0.4, 12)
            for sign in (1, -1)
        ]
        x = (np.sqrt(d) * np.stack([first, *turned])).astype(dtype)
        assert largest_error(network, (activation, 1, 0.0, False), x) < EXACTNESS


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("kind", ["erf", "relu", "residual"])
def test_few_and_many_layers_make_the_same_kernel_and_gradient(
    kind: str, biases: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(x: jnp.ndarray) -> tuple[np.ndarray, np.ndarray]:
        options: Any = {"bias_std": 0.7 if biases else None, "weight_std": 1.2}
        if kind == "residual":
            network = networks.residual(3, 1, 4, "erf", **options)
        else:
            network = networks.fully_connected(3, (1,) * 4, kind, **options)
        weights = jnp.cos(jnp.arange(float(len(x)) ** 2)).reshape(len(x), -1)
        slope = jax.grad(lambda x: jnp.sum(weights * kernels.analytic(network, x)))(x)
        return np.asarray(kernels.analytic(network, x)), np.asarray(slope)

    x = jnp.asarray(points(9))
    answers = []
    for shallow in (8, 1):
        layers_that_are(shallow, monkeypatch)
        answers.append(found(x))
    for few, many in zip(*answers, strict=True):
        # A slope is a sum over all points, some of whose terms are as large as the largest slope.
        np.testing.assert_allclose(few, many, rtol=1e-14, atol=1e-15 * np.abs(many).max())


@pytest.mark.parametrize("biases", [False, True])
def test_residual_kernel_is_exact_where_points_coincide(biases: bool) -> None:
    network = networks.residual(3, 1, 5, "erf", biases=biases)
    x = close_points(3, 1.0, np.float64)
    assert largest_error(network, ("erf", 5, biases, True), x) < EXACTNESS


@pytest.mark.parametrize(("weight", "bias"), [(2**0.5, 0.1), (1.5, None), (0.3, 2.0)])
@pytest.mark.parametrize("kind", ["erf", "relu", "residual"])
def test_kernel_with_deviations_is_exact_where_points_coincide(
    kind: str, weight: float, bias: float | None
) -> None:
    options: Any = {"weight_std": weight, "bias_std": bias}
    residual = kind == "residual"
    activation = "erf" if residual else kind
    if residual:
        network = networks.residual(3, 1, 3, activation, **options)
    else:
        network = networks.fully_connected(3, (1, 1, 1), activation, **options)
    form = (activation, 3, bias or 0.0, residual)
    # erf tells 1 − ρ̃ from c to ε·(1 + 2s), of variances s that grow with σ_w².
    within = EXACTNESS * max(1.0, weight**2)
    assert largest_error(network, form, close_points(3, 1.0, np.float64), weight) < within


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_gradient_is_that_of_the_recursion(activation: str, biases: bool) -> None:
    network = networks.fully_connected(3, (1, 1, 1), activation, biases=biases)
    x, y = points(2)

    other = [mp.mpf(float(value)) for value in y]

    def kernel(point: Any) -> Any:
        pairs = ((point, point), (other, other), (point, other))
        dots = [mp.fdot(p, q) / len(p) for p, q in pairs]
        return exact(activation, 3, biases, False, dots)

    slope = jax.grad(lambda x: network.kernel(x[None], jnp.asarray(y)[None])[0, 0])(jnp.asarray(x))
    with mp.workdps(40):
        for axis in range(3):
            step = mp.mpf(10) ** -15
            there = [mp.mpf(float(value)) for value in x]
            back = list(there)
            there[axis], back[axis] = there[axis] + step, back[axis] - step
            expected = (kernel(there) - kernel(back)) / (2 * step)
            assert abs(float(slope[axis]) - float(expected)) < 1e-14


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_gradient_where_points_coincide_or_are_opposite(activation: str, biases: bool) -> None:
    """It is half the diagonal's, and the mean over directions where there is a cusp."""
    network = networks.fully_connected(3, (1, 1), activation, biases=biases)
    x = jnp.asarray(points(1))
    pair: Any = lambda x, y: network.kernel(x, y)[0, 0]  # noqa: E731
    slope: Any = jax.grad(pair)
    diagonal = jax.grad(lambda x: pair(x, x))(x)
    np.testing.assert_allclose(slope(x, jnp.array(x)), diagonal / 2, rtol=1e-13)
    weights = jnp.asarray(np.random.default_rng(0).standard_normal((3, 3)))
    stack = jnp.concatenate([x, x, -x])
    total = jax.grad(lambda x: jnp.sum(weights * network.kernel(x, x)))(stack)
    assert np.all(np.isfinite(total))
    step = 1e-6 * jnp.asarray(np.random.default_rng(1).standard_normal((1, 3)))
    opposite = slope(x, -x)
    ends = [pair(x + sign * step, -x) for sign in (1, -1)]
    np.testing.assert_allclose(
        jnp.sum(opposite * step), (ends[0] - ends[1]) / 2, atol=1e-14, rtol=1e-5
    )


def test_tiles_make_the_same_matrix_and_gradient_as_neural_tangents() -> None:
    _neural_tangents.load()
    stax = importlib.import_module("neural_tangents.stax")
    x, y = (
        jnp.asarray(np.random.default_rng(k).standard_normal((n, 5)))
        for k, n in ((0, 300), (1, 140))
    )
    layers = [stax.Dense(1), stax.Relu(), stax.Dense(1)]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        _, _, other = stax.serial(*layers)
        network = networks.fully_connected(5, (1,), "relu")
        np.testing.assert_allclose(network.kernel(x, y), other(x, y, "ntk"), atol=1e-14)
        np.testing.assert_allclose(network.kernel(x, x), other(x, None, "ntk"), atol=1e-7)
        weights = jnp.cos(jnp.arange(300 * 140.0)).reshape(300, 140)
        for axis in (0, 1):
            slopes = [
                jax.grad(lambda x, y, k=k: jnp.sum(weights * k(x, y)), axis)(x, y)
                for k in (network.kernel, lambda x, y: other(x, y, "ntk"))
            ]
            np.testing.assert_allclose(slopes[0], slopes[1], atol=1e-12)
        square = jnp.sin(jnp.arange(300 * 300.0)).reshape(300, 300)
        alone = jax.grad(lambda x: jnp.sum(square * network.kernel(x, x)))(x)
        twice = jax.grad(lambda x: jnp.sum(square * network.kernel(x, jnp.array(x))))(x)
        np.testing.assert_allclose(alone, twice, atol=1e-12)


def test_points_of_many_dimensions_are_taken_in_tiles() -> None:
    """However few they are: what a tile holds grows with the dimensions."""
    x, y = (jnp.asarray(np.random.default_rng(k).standard_normal((500, 17))) for k in (0, 1))
    kernel = jax.jit(networks.fully_connected(17, (1,), "relu").kernel)
    memory: Any = kernel.lower(x, y).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 500 * 500 * x.dtype.itemsize


def test_the_larger_set_of_points_may_move_alone() -> None:
    """Points are told from those beside them by numbers, which a larger set could run into."""
    _neural_tangents.load()
    stax = importlib.import_module("neural_tangents.stax")
    x, y = (jnp.asarray(np.random.default_rng(n).standard_normal((n, 20))) for n in (2, 5))
    weights = jnp.cos(jnp.arange(10.0)).reshape(2, 5)
    own = networks.fully_connected(20, (1,), "relu").kernel
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        _, _, other = stax.serial(stax.Dense(1), stax.Relu(), stax.Dense(1))
        slopes = [
            jax.grad(lambda y, k=k: jnp.sum(weights * k(y)))(y)
            for k in (lambda y: own(x, y), lambda y: other(x, y, "ntk"))
        ]
    np.testing.assert_allclose(slopes[0], slopes[1], atol=1e-12)


@pytest.mark.parametrize(
    ("activation", "shallow", "biases"),
    # Of erf's layers biases change what goes into the first, of ReLU's all.
    [("erf", 8, True), ("erf", 1, False), *(("relu", k, b) for k in (8, 1) for b in (True, False))],
)
def test_second_derivatives_are_differences_of_the_first(
    activation: str, shallow: int, biases: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Backward through a loop JAX drops `custom_jvp`: what differs from its own body shows here."""
    layers_that_are(shallow, monkeypatch)
    # Of as many hidden layers erf's loop is one layer shorter.
    depth = 3 if (activation, shallow) == ("erf", 1) else 2
    network = networks.fully_connected(3, (1,) * depth, activation, biases=biases)
    x, others = jnp.asarray(points(1)[0]), jnp.asarray(points(4)[1:])

    def kernel(x: Any) -> Any:
        return jnp.sum(jnp.asarray([1.0, -2.0, 0.5]) * network.kernel(x[None], others)[0])

    slope, step = jax.jit(jax.grad(kernel)), 1e-5
    expected = [(slope(x + step * e) - slope(x - step * e)) / (2 * step) for e in jnp.eye(3)]
    for second in (jax.jacfwd(slope), jax.jacrev(slope), jax.jacfwd(jax.jacfwd(kernel))):
        np.testing.assert_allclose(jax.jit(second)(x), jnp.stack(expected), atol=1e-8)
