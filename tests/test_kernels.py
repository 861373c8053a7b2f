"""Analytic kernels against closed forms and Monte Carlo; empirical ones against the Jacobian."""

import dataclasses
import functools
import itertools
import re
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xla
from cases import (
    ACCURACY,
    CASES,
    MOMENTS,
    Case,
    by_name,
    every_case,
    every_kernel,
    points,
    refused,
)
from jax.flatten_util import ravel_pytree
from scipy import integrate

from ntklib import (
    _blocks,
    _device,
    _empirical,
    _factors,
    _neural_tangents,
    kernels,
    measures,
    networks,
)
from ntklib.networks import Network


@every_kernel
def test_analytic_kernel_is_the_recursion(case: Case) -> None:
    x1 = points(4)
    network = case.network(3, 4)
    opposite = np.concatenate([-x1[:1], points(3, seed=1)])
    for x2 in (opposite, x1):
        expected = case.kernel(x1, x2)
        got = kernels.analytic(network, jnp.asarray(x1), jnp.asarray(x2))
        np.testing.assert_allclose(got, expected, atol=ACCURACY * np.abs(expected).max(), rtol=0)


def test_analytic_kernel_of_other_shapes() -> None:
    for name in ("erf-1-biases", "tanh-1"):
        case = by_name(name)
        network, x1, x2 = case.network(2, 4), points(3, 2), points(5, 2, seed=1)
        cross = kernels.analytic(network, jnp.asarray(x1), jnp.asarray(x2))
        np.testing.assert_allclose(cross, case.kernel(x1, x2), rtol=1e-7)
        alone = kernels.analytic(network, jnp.asarray(x1))
        np.testing.assert_allclose(alone, case.kernel(x1, x1), rtol=1e-7)


def test_analytic_kernel_keeps_single_precision() -> None:
    case, x = by_name("erf-1-biases"), points(4)
    got = kernels.analytic(case.network(3, 4), jnp.asarray(x, jnp.float32))
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, case.kernel(x, x), rtol=1e-5)


def monte_carlo(network: Network, x: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """K₀ of independent draws from its definition, shape (draws, n, n).

    Run without compiling, which would take longer than all the rest.
    """
    random = np.random.default_rng(seed)
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    params = jax.tree.map(
        lambda leaf: jnp.asarray(random.standard_normal((draws, *leaf.shape))), shapes
    )

    def gradient(theta: Any, point: Any) -> Any:
        return jax.grad(lambda each: network.apply(each, point[None])[0])(theta)

    with jax.disable_jit():
        gradients = jax.vmap(jax.vmap(gradient, (None, 0)), (0, None))(params, jnp.asarray(x))
    leaves = [np.asarray(leaf).reshape(draws, len(x), -1) for leaf in jax.tree.leaves(gradients)]
    return sum(leaf @ leaf.transpose(0, 2, 1) for leaf in leaves)


# Of as many draws those at the ends tell most about a slope: four widths between them give an
# interval 5 % shorter and take twice as long.
WIDTHS = (16, 128)
DRAWS = 24


@functools.cache
def deviations(case: Case) -> list[np.ndarray]:
    """(K₀ − K^∞)/max K^∞ at four points, for each width, shape (draws, 4, 4)."""
    x = points(4, seed=2)
    analytic = np.asarray(kernels.analytic(case.network(3, WIDTHS[0]), jnp.asarray(x)))
    scale = np.max(np.abs(analytic))
    return [(monte_carlo(case.network(3, m), x, DRAWS, seed=m) - analytic) / scale for m in WIDTHS]


def rate(case: Case) -> float:
    """The exponent of m in the root mean square of K₀ − K^∞."""
    errors = [np.sqrt(np.mean(deviation**2)) for deviation in deviations(case)]
    return float(np.polyfit(np.log(WIDTHS), np.log(errors), 1)[0])


@every_case
def test_empirical_kernels_approach_the_analytic_one_like_one_over_root_m(case: Case) -> None:
    # The standard error of a rate is about 0.1: strongly correlated entries of 24 draws a width.
    assert -0.85 < rate(case) < -0.25
    # The mean over draws is K^∞ up to its standard error (and a bias of order 1/m).
    widest = deviations(case)[-1]
    mean, spread = np.mean(widest, axis=0), np.std(widest, axis=0) / np.sqrt(DRAWS)
    assert np.all(np.abs(mean) < 5 * spread + 1 / WIDTHS[-1]), np.max(np.abs(mean) / spread)


def test_the_rate_over_all_networks() -> None:
    """Independent draws, so the mean of the rates is known four times as well as each of them."""
    rates = [rate(case) for case in CASES]
    error = np.std(rates, ddof=1) / np.sqrt(len(rates))
    assert error < 0.04
    assert abs(np.mean(rates) + 0.5) < 3 * error, (np.mean(rates), error)


def test_the_reference_is_right_about_tanh() -> None:
    """The trapezoidal rule behind the reference, against adaptive quadrature over the plane."""
    s, c, r = 1.3, -0.4, 0.7
    inverse = np.linalg.inv([[s, c], [c, r]])
    mass = 2 * np.pi * np.sqrt(s * r - c**2)

    def integrand(v: float, u: float, function: Callable[[float], float]) -> float:
        density = np.exp(
            -0.5 * (inverse[0, 0] * u * u + inverse[1, 1] * v * v) - inverse[0, 1] * u * v
        )
        return function(u) * function(v) * density / mass

    for function, got in zip(
        (np.tanh, lambda u: 1 / np.cosh(u) ** 2),
        MOMENTS["tanh"](*(np.asarray(value) for value in (s, c, r))),
        strict=True,
    ):
        expected = integrate.dblquad(integrand, -9, 9, -8, 8, args=(function,), epsabs=1e-10)[0]
        assert abs(got - expected) < 1e-9


def gram_of_jacobian(apply: Any, params: Any, x1: Any, x2: Any) -> np.ndarray:
    """K(x, x') from the whole Jacobian, by reverse mode over all points at once."""
    flat, unravel = ravel_pytree(params)
    points = jnp.concatenate([x1, x2])
    rows = np.asarray(jax.jit(jax.jacrev(lambda theta: apply(unravel(theta), points)))(flat))
    first, second = rows[: len(x1)], rows[len(x1) :]
    if rows.ndim == 2:
        return first @ second.T
    return np.einsum("iap,jbp->ijab", first, second)


def everyone(outputs: int | None) -> dict[str, tuple[Network, int]]:
    """A small network of each architecture and the dimension of its points."""
    two: dict[str, Any] = {"outputs": outputs}
    convolutional = networks.convolutional
    plain = {
        "dense": (networks.fully_connected(3, (5, 6), "softplus", biases=True, **two), 3),
        "residual": (networks.residual(3, 4, 3, "erf", biases=True, **two), 3),
        # Many positions and few weights: by gradients. The other way round: by positions.
        "image": (
            convolutional((4, 3, 2), (3, 4), "relu", filter_size=2, padding="CIRCULAR", biases=True,
                          **two), 24,
        ),
        "channels": (convolutional((3, 2), (30, 40), "gelu", biases=True, **two), 6),
        "valid": (convolutional((5, 1), (3, 2), "tanh", padding="VALID", **two), 5),
    }  # fmt: skip
    paired = {
        f"{name} asi": (networks.antisymmetric(plain[name][0]), plain[name][1])
        for name in ("dense", "residual", "image")
    }
    return {**plain, **paired, "lenet": (networks.lenet5(None if outputs else 3), 1024)}


def by_neural_tangents(apply: Any, params: Any, x1: Any, x2: Any) -> np.ndarray:
    """The same by neural-tangents."""
    nt = _neural_tangents.load()
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        gram_of = nt.empirical_ntk_fn(
            lambda theta, x: apply(theta, x).reshape(x.shape[0], -1),
            trace_axes=(),
            implementation=1,
        )
        return np.asarray(jax.jit(gram_of)(x1, x2, params))


@pytest.mark.parametrize("outputs", [None, 2])
@pytest.mark.parametrize("name", everyone(None))
def test_every_method_and_neural_tangents_agree(name: str, outputs: int | None) -> None:
    network, d = everyone(outputs)[name]
    params = network.init(jax.random.key(1))
    x1, x2 = jnp.asarray(points(4, d)), jnp.asarray(points(3, d, seed=1))
    expected = gram_of_jacobian(network.apply, params, x1, x2)
    scale = np.abs(expected).max()
    reference = by_neural_tangents(network.apply, params, x1, x2).reshape(expected.shape)
    np.testing.assert_allclose(reference, expected, atol=1e-10 * scale, rtol=0)
    for method in ("layers", "jacobian", "products"):
        got = kernels.empirical(network, params, x1, x2, method=method)
        np.testing.assert_allclose(got, expected, atol=1e-12 * scale, rtol=0, err_msg=method)


def test_after_training_the_halves_of_an_antisymmetric_network_differ() -> None:
    network = networks.antisymmetric(networks.fully_connected(3, (5,), "tanh", biases=True))
    params = network.init(jax.random.key(0))
    params["minus"] = jax.tree.map(lambda leaf: 1.5 * leaf, params["minus"])
    x = jnp.asarray(points(4))
    expected = gram_of_jacobian(network.apply, params, x, x)
    for method in ("layers", "jacobian"):
        got = kernels.empirical(network, params, x, method=method)
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_an_apply_alone_is_enough() -> None:
    network = networks.fully_connected(3, (7,), "relu")
    params = network.init(jax.random.key(0))
    x = jnp.asarray(points(5))
    got = kernels.empirical(network.apply, params, x)
    np.testing.assert_allclose(got, kernels.empirical(network, params, x), rtol=1e-12)
    bare = networks.Network("bare", 7, network.init, network.apply, network.kernel)
    np.testing.assert_array_equal(kernels.empirical(bare, params, x), got)


def chosen(network: Network, x: Any, method: str = "auto", budget: int = 2**30) -> Any:
    params = network.init(jax.random.key(0))
    outputs = jax.eval_shape(network.apply, params, x).size // x.shape[0]
    return _empirical.choose(network.apply, network.forward, params, (x,), outputs, method, budget)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_numbers_held_for_a_point_are_counted_in_every_dimension(d: int) -> None:
    """Points turned over, 5 units that later layers keep the shape of, and the value."""
    network = networks.fully_connected(d, (5, 5), biases=True)
    params = network.init(jax.random.key(0))
    held = _factors.numbers_per_point(network.apply, params, jnp.zeros((1, d)))
    assert held == d + 5 + 1


def test_the_cheapest_method_is_chosen() -> None:
    x = jnp.asarray(points(40))
    # n²(features + units) against n²p: layers, as soon as there are a few units.
    assert chosen(networks.fully_connected(3, (9, 9)), x).compute.func is _factors.layer_factors
    # A single unit: its gradient is as short as its inputs.
    narrow = networks.fully_connected(3, (1,))
    assert chosen(narrow, x).compute.func is _factors.jacobian_factors
    image = networks.convolutional((6, 6, 1), (2, 2), biases=True)
    deep = networks.convolutional((2, 1), (30, 40), biases=True)
    for network, d, whole in ((image, 36, (True, True)), (deep, 2, (False, False))):
        route = chosen(network, jnp.asarray(points(40, d)), "layers")
        assert route.compute.keywords["as_gradients"][:2] in (whole, (True, whole[1]))
    # Where only θ's own derivative fits, columns.
    wide = networks.fully_connected(3, (50, 50))
    bare = networks.Network("bare", 50, wide.init, wide.apply, wide.kernel)
    assert isinstance(chosen(bare, x, budget=34 * wide.parameters), _empirical.Products)


def test_empirical_kernel_in_single_precision() -> None:
    network = networks.fully_connected(3, (6,), dtype=jnp.float32)
    params = network.init(jax.random.key(0))
    x = jnp.asarray(points(4), jnp.float32)
    got = kernels.empirical(network, params, x)
    assert got.dtype == jnp.float32
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), params)
    expected = kernels.empirical(network.apply, wide, x.astype(jnp.float64))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def held_at_most(route: Any, x: Any) -> int:
    """Bytes that a route held besides its result: the host's, and a compiled chunk's with them."""
    chunk = jax.ShapeDtypeStruct((route.plan.chunk, *x.shape[1:]), x.dtype)
    memory = (
        route.compute.func.lower(*route.compute.args, chunk, **route.compute.keywords)
        .compile(compiler_options={"xla_backend_optimization_level": 2, **xla.AS_BY_DEFAULT})
        .memory_analysis()
    )
    compiled = memory.temp_size_in_bytes + memory.output_size_in_bytes
    tracemalloc.start()
    try:
        points = _blocks.Points(x, route.compute, route.plan, lambda: None)
        making = tracemalloc.get_traced_memory()[1] + compiled
        tracemalloc.reset_peak()
        result = _blocks.gram(points, points, route.outputs, route.terms, lambda: None)
        multiplying = tracemalloc.get_traced_memory()[1] - result.nbytes
    finally:
        tracemalloc.stop()
    return max(making, multiplying + (0 if route.plan.held else compiled))


@pytest.mark.parametrize("method", ["layers", "jacobian"])
@pytest.mark.parametrize("name", ["dense", "image", "channels", "lenet"])
def test_blocks_keep_to_the_budget(name: str, method: str) -> None:
    network, d = everyone(None)[name]
    n = 6 if name == "lenet" else 60
    x = jnp.asarray(points(n, d))
    params = network.init(jax.random.key(0))
    whole = kernels.empirical(network, params, x, method=method)
    least = least_budget(network, method, x)
    plans = []
    for budget in (least, 3 * least, 12 * least, 10**9):
        route = chosen(network, x, method, budget)
        plans.append(route.plan)
        got = route.gram((x,))[:, 0, :, 0]
        np.testing.assert_allclose(got, whole, rtol=1e-11, atol=1e-12 * np.abs(whole).max())
        np.testing.assert_allclose(got, got.T, rtol=1e-12, atol=1e-13 * np.abs(whole).max())
        if budget > 200_000:  # below, the interpreter's own objects count
            assert held_at_most(route, x) <= budget
    assert plans[-1] == _blocks.Plan(n, n, held=True)
    assert plans[0].chunk < n


@pytest.mark.parametrize("outputs", [None, 2])
@pytest.mark.parametrize("name", ["dense", "image", "channels"])
def test_any_pieces_make_the_same_matrix(name: str, outputs: int | None) -> None:
    network, d = everyone(outputs)[name]
    x1, x2 = jnp.asarray(points(9, d)), jnp.asarray(points(5, d, seed=1))
    for method in ("layers", "jacobian"):
        route = chosen(network, x1, method)
        for sets in ((x1,), (x1, x2)):
            whole = route.gram(sets)
            scale = np.abs(whole).max()
            for chunk, rows, held in ((1, 2, False), (4, 4, False), (2, 5, True), (9, 4, True)):
                pieces = dataclasses.replace(route, plan=_blocks.Plan(chunk, rows, held))
                np.testing.assert_allclose(pieces.gram(sets), whole, rtol=0, atol=1e-13 * scale)
                sizes = [len(x) for x in sets]
                expected = _blocks.pairs(pieces.plan, sizes) + _blocks.chunks(pieces.plan, sizes)
                assert steps(pieces, sets) == expected


def steps(route: Any, sets: Sequence[Any]) -> int:
    """How often a route says that it has come further."""
    count = itertools.count()
    points = [_blocks.Points(x, route.compute, route.plan, count.__next__) for x in sets]
    _blocks.gram(points[0], points[-1], route.outputs, route.terms, count.__next__)
    return next(count)


def least_budget(network: Network, method: str, *sets: Any) -> int:
    params = network.init(jax.random.key(0))
    with pytest.raises(ValueError, match=f"too small for method '{method}'") as refusal:
        kernels.empirical(network, params, *sets, method=method, memory_budget=1)
    found = re.search("at least ([0-9]+)[.]", str(refusal.value))
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("method", ["layers", "jacobian", "products", "auto"])
def test_the_least_budget_that_an_error_names_is_enough(method: str) -> None:
    network = networks.fully_connected(3, (6, 6), biases=True)
    params = network.init(jax.random.key(0))
    x1, x2 = jnp.asarray(points(5)), jnp.asarray(points(3, seed=1))
    for sets in ((x1,), (x1, x2)):
        least = least_budget(network, method, *sets)
        got = kernels.empirical(network, params, *sets, method=method, memory_budget=least)
        expected = gram_of_jacobian(network.apply, params, x1, sets[-1])
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)
        with refused(
            f"memory_budget = {least - 1} bytes is too small for method {method!r} with this "
            f"network: give at least {least}."
        ):
            kernels.empirical(network, params, *sets, method=method, memory_budget=least - 1)


def test_the_route_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off the CPU products stay on the device, and convolutions run side by side."""
    network = everyone(2)["image"][0]
    params = network.init(jax.random.key(0))
    x = jnp.asarray(points(5, 24))
    expected = kernels.empirical(network, params, x, method="layers")
    monkeypatch.setattr(_device, "on_cpu", lambda: False)
    jax.clear_caches()
    budget = 2 * least_budget(network, "layers", x)
    for each in (2**30, budget):
        got = kernels.empirical(network, params, x, method="layers", memory_budget=each)
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)


def test_layers_that_are_not_known_or_not_all_there() -> None:
    network = networks.fully_connected(3, (4,))
    params = network.init(jax.random.key(0))
    x = jnp.asarray(points(3))
    with refused("method 'layers' needs a Network whose layers are known"):
        kernels.empirical(network.apply, params, x, method="layers")
    with refused("method must be one of auto, layers, jacobian, products, got 'fast'."):
        kernels.empirical(network, params, x, method="fast")

    def twice(theta: Any, z: Any, affine: Any) -> Any:
        assert network.forward is not None
        return network.forward(theta, z, affine) + network.forward(theta, z, affine)

    shared = networks.Network("shared", 4, network.init, network.apply, network.kernel, twice)
    with refused(
        "network.forward passes 32 parameters through affine(), and there are 16: pass each layer "
        "through it once, or use method='jacobian'."
    ):
        kernels.empirical(shared, params, x)


@pytest.mark.parametrize("name", ["dense", "image"])
def test_products_without_the_gram_matrix(name: str) -> None:
    network, d = everyone(None)[name]
    params = network.init(jax.random.key(3))
    x = jnp.asarray(points(7, d))
    v = jnp.asarray(np.random.default_rng(0).standard_normal(7))
    expected = gram_of_jacobian(network.apply, params, x, x) @ np.asarray(v)
    analytic = np.asarray(kernels.analytic(network, x)) @ np.asarray(v)
    with pytest.raises(ValueError, match="for products with this network") as refusal:
        kernels.tangent_products(network, params, x, memory_budget=1)
    least = int(str(refusal.value).rsplit(maxsplit=1)[-1].rstrip("."))
    for budget in (least, 2 * least, 2**30):
        product = kernels.tangent_products(network, params, x, memory_budget=budget)
        np.testing.assert_allclose(product(v), expected, rtol=1e-11)
    for budget in (7 * 8, 3 * 7 * 8, 2**30):
        got = kernels.products(network.kernel, x, memory_budget=budget)(v)
        np.testing.assert_allclose(got, analytic, rtol=1e-12)
    with refused(
        "memory_budget = 55 bytes is less than a row of the Gram matrix: give at least 56."
    ):
        kernels.products(network.kernel, x, memory_budget=55)


def test_products_of_several_outputs_are_refused() -> None:
    network = networks.fully_connected(3, (4,), outputs=2)
    params = network.init(jax.random.key(0))
    with refused(
        "network must have one output, but returns shape (5, 2): select one output coordinate."
    ):
        kernels.tangent_products(network, params, jnp.asarray(points(5)))


def test_rbf_is_its_formula() -> None:
    x1, x2 = points(4), points(3, seed=1)
    for scale in (0.3, 2.0):
        got = kernels.rbf(jnp.asarray(x1), jnp.asarray(x2), scale)
        for i in range(4):
            for j in range(3):
                square = sum((a - b) ** 2 for a, b in zip(x1[i], x2[j], strict=True))
                assert abs(float(got[i, j]) - np.exp(-square / (2 * scale**2))) < 1e-15
    single = kernels.rbf(jnp.asarray(x1, jnp.float32), jnp.asarray(x1, jnp.float32), 1.0)
    assert single.dtype == jnp.float32
    assert jnp.all(jnp.diag(single) == 1)


def test_distance_of_rank_one_kernels() -> None:
    r"""For K = ab^T the norm in L²(ρ⊗ρ) is ‖a‖‖b‖, and ‖aa^T − bb^T‖² = ‖a‖⁴ + ‖b‖⁴ − 2⟨a,b⟩²."""
    weights = jnp.asarray([0.5, 0.3, 0.2])
    weighted = measures.empirical(jnp.asarray(points(3)), weights)
    for measure in (measures.circle(9), weighted):
        random = np.random.default_rng(0)
        a, b = (jnp.asarray(random.standard_normal(measure.weights.shape[0])) for _ in range(2))
        norm_a, norm_b = float(measure.norm(a)), float(measure.norm(b))
        zero = jnp.zeros((a.size, a.size))
        assert kernels.distance(jnp.outer(a, b), zero, measure) == pytest.approx(norm_a * norm_b)
        expected = norm_a**4 + norm_b**4 - 2 * float(measure.inner(a, b)) ** 2
        got = kernels.distance(jnp.outer(a, a), jnp.outer(b, b), measure)
        assert float(got) ** 2 == pytest.approx(expected, rel=1e-12)
        assert kernels.distance(jnp.outer(a, a), jnp.outer(a, a), measure) == 0
        several = jnp.stack([jnp.outer(a, a), jnp.outer(a, b)])
        found = kernels.distance(several, several[::-1] * 2, measure)
        for one, first, second in zip(found, several, several[::-1], strict=True):
            alone = kernels.distance(first, 2 * second, measure)
            assert float(one) == pytest.approx(float(alone), rel=1e-14)


def test_bad_input_is_refused() -> None:
    network = networks.fully_connected(3, (4,))
    params = network.init(jax.random.key(0))
    x = jnp.asarray(points(3))
    with refused("x1 must have the axes (n, d), got shape (3,)."):
        kernels.analytic(network, x[0])
    with refused("x2 must have the axes (k, d), got shape (3, 3, 1)."):
        kernels.empirical(network, params, x, x[..., None])
    with refused("x1 holds 1 NaN or infinite value(s) among 9"):
        kernels.analytic(network, x.at[0, 1].set(jnp.nan))
    with refused("x2 holds 2 NaN or infinite value(s) among 9"):
        kernels.empirical(network, params, x, x.at[:2, 1].set(jnp.inf))
    with refused("x1 must hold real floating-point numbers, got dtype int64.", TypeError):
        kernels.analytic(network, jnp.ones((2, 3), int))
    with refused("x1 is empty (shape (0, 3)): give at least one entry."):
        kernels.analytic(network, x[:0])
    with refused("x1 and x2 must be points of the same space, got dimensions 3 and 2."):
        kernels.rbf(x, x[:, :2], 1.0)
    with refused("lengthscale must be a positive finite number, got 0.0."):
        kernels.rbf(x, x, 0.0)
    for wrong in (
        lambda theta, z: network.apply(theta, z)[:2],
        lambda theta, z: theta[0]["weight"].sum(),
    ):
        with refused("network must return one number a point, shape (3,), or one for each output"):
            kernels.empirical(wrong, params, x)
    with refused("memory_budget must be at least 1, got 0."):
        kernels.empirical(network, params, x, memory_budget=0)
    measure = measures.circle(3)
    with refused("gram_2 must have shape (3, 3), one row a node of the measure, got (3, 2)."):
        kernels.distance(jnp.eye(3), jnp.eye(3)[:, :2], measure)
    with refused("gram_1 holds 9 NaN or infinite value(s) among 9"):
        kernels.distance(jnp.full((3, 3), jnp.nan), jnp.eye(3), measure)
