"""Networks compute the formulas of the source, from independent standard normal parameters."""

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import Case, by_name, every_case, points
from refusals import refused
from scipy import signal, stats

from ntklib import kernels, networks
from ntklib.networks import _antisymmetric, _layers, _network
from ntklib.networks.activations import ACTIVATIONS


@pytest.mark.parametrize(("d", "width", "seed"), [(2, 5, 0), (3, 8, 1)])
@every_case
def test_output_is_the_formula_of_the_source(case: Case, d: int, width: int, seed: int) -> None:
    network = case.network(d, width)
    params = network.init(jax.random.key(seed))
    x = points(4, d, seed)
    expected = [case.output(params, point) for point in x]
    np.testing.assert_allclose(network.apply(params, jnp.asarray(x)), expected, rtol=1e-12)


def test_widths_may_differ_from_layer_to_layer() -> None:
    network = networks.fully_connected(2, (7, 3, 5), "tanh", biases=True)
    params = network.init(jax.random.key(0))
    shapes = [(layer["weight"].shape, layer["bias"].shape) for layer in params]
    assert shapes == [((7, 2), (7,)), ((3, 7), (3,)), ((5, 3), (5,)), ((5,), ())]
    assert network.width == 3
    tanh = by_name("tanh-2-biases")
    x = points(3, 2)
    expected = [tanh.output(params, point) for point in x]
    np.testing.assert_allclose(network.apply(params, jnp.asarray(x)), expected, rtol=1e-12)


@pytest.mark.parametrize(("d", "width"), [(2, 5), (4, 16)])
@every_case
def test_number_of_parameters(case: Case, d: int, width: int) -> None:
    network = case.network(d, width)
    held = sum(leaf.size for leaf in jax.tree.leaves(network.init(jax.random.key(0))))
    assert network.parameters == held == case.parameters(d, width)
    assert networks.antisymmetric(network).parameters == 2 * held
    assert network.width == networks.antisymmetric(network).width == width


def test_parameters_are_independent_standard_normal() -> None:
    m = 96
    network = networks.fully_connected(m, (m, m), biases=True)
    draws = jax.vmap(network.init)(jax.random.split(jax.random.key(3), 12))
    leaves = [np.asarray(leaf).ravel() for leaf in jax.tree.leaves(draws)]
    for leaf in leaves:
        assert stats.kstest(leaf, "norm").pvalue > 1e-3
    # Layers of one shape, weights and biases, and draws share no random numbers.
    rows = [np.asarray(leaf).reshape(12, -1) for leaf in jax.tree.leaves(draws)]
    blocks = [row[draw] for row in rows for draw in (0, 1)]
    for a, b in itertools.combinations(blocks, 2):
        n = min(a.size, b.size)
        if n > 1:
            assert abs(np.corrcoef(a[:n], b[:n])[0, 1]) < 5 / np.sqrt(n)


def test_the_key_decides_the_parameters() -> None:
    network = networks.fully_connected(2, (4,))
    first, again, other = (network.init(jax.random.key(seed)) for seed in (0, 0, 1))
    assert jax.tree.all(jax.tree.map(jnp.array_equal, first, again))
    assert not jnp.array_equal(first[0]["weight"], other[0]["weight"])


def test_same_arguments_give_the_same_object() -> None:
    network = networks.fully_connected(2, (8, 8), "tanh", biases=True)
    assert networks.fully_connected(2, [8, 8], "tanh", biases=True) is network
    assert networks.antisymmetric(network) is networks.antisymmetric(network)
    others = [
        networks.fully_connected(3, (8, 8), "tanh", biases=True),
        networks.fully_connected(2, (8, 9), "tanh", biases=True),
        networks.fully_connected(2, (8, 8), "erf", biases=True),
        networks.fully_connected(2, (8, 8), "tanh"),
        networks.fully_connected(2, (8, 8), "tanh", biases=True, dtype=jnp.float32),
    ]
    assert len({id(each) for each in [network, *others]}) == 6


@every_case
def test_antisymmetric_start_is_zero_and_keeps_the_kernel(case: Case) -> None:
    network = case.network(3, 8)
    twin = networks.antisymmetric(network)
    x = jnp.asarray(points(4))
    for seed in (0, 1):
        params = network.init(jax.random.key(seed))
        start = twin.init(jax.random.key(seed))
        assert jnp.all(twin.apply(start, x) == 0)
        with jax.disable_jit():  # compiling would take longer than all the rest
            base = kernels.empirical(network, params, x, method="jacobian")
            doubled = kernels.empirical(twin, start, x, method="jacobian")
        np.testing.assert_allclose(doubled, base, atol=1e-12 * float(jnp.max(base)), rtol=0)
    assert twin.kernel is network.kernel
    # Away from the start it is the difference of the two halves, over √2.
    moved = {"plus": jax.tree.map(lambda leaf: 2 * leaf, params), "minus": params}
    half = network.apply(moved["plus"], x) - network.apply(params, x)
    np.testing.assert_allclose(twin.apply(moved, x), half / np.sqrt(2), rtol=1e-13)


@pytest.mark.parametrize("beyond", [0, 1])
def test_an_antisymmetric_network_is_the_same_of_few_and_many_points(beyond: int) -> None:
    """Both halves are evaluated as one, or one after the other."""
    network = networks.fully_connected(2, (4,), "erf", biases=True)
    twin, plus, minus = (
        networks.antisymmetric(network), *(network.init(jax.random.key(seed)) for seed in (0, 1))
    )  # fmt: skip
    x = jnp.asarray(points(_antisymmetric.SMALL // 17 + beyond, 2))
    assert _network.count(plus) == 17
    expected = (network.apply(plus, x) - network.apply(minus, x)) / np.sqrt(2)
    found = twin.apply({"plus": plus, "minus": minus}, x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    assert jnp.all(twin.apply({"plus": plus, "minus": plus}, x) == 0)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_precision_is_that_of_the_parameters(dtype: Any) -> None:
    network = networks.antisymmetric(
        networks.fully_connected(3, (8, 8), "softplus", biases=True, dtype=dtype)
    )
    params = network.init(jax.random.key(0))
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(dtype)}
    assert network.apply(params, jnp.asarray(points(2), dtype)).dtype == dtype


def test_precision_defaults_to_that_of_jax() -> None:
    def kind() -> Any:
        return networks.fully_connected(2, (3,)).init(jax.random.key(0))[0]["weight"].dtype

    assert kind() == jnp.float64
    with jax.enable_x64(False):
        assert kind() == jnp.float32


def test_single_and_double_precision_agree() -> None:
    x = points(5)
    for biases in (False, True):
        single = networks.fully_connected(3, (16, 16), biases=biases, dtype=jnp.float32)
        double = networks.fully_connected(3, (16, 16), biases=biases)
        params = single.init(jax.random.key(0))
        wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), params)
        np.testing.assert_allclose(
            single.apply(params, jnp.asarray(x, jnp.float32)),
            double.apply(wide, jnp.asarray(x)),
            rtol=1e-5,
            atol=1e-6,
        )


def test_smooth_activations_are_those_of_assumption_1() -> None:
    smooth = {name for name, kind in ACTIVATIONS.items() if kind.smooth}
    assert smooth == {"erf", "gelu", "softplus", "tanh"}
    for name, kind in ACTIVATIONS.items():
        # The second derivative, by differences on both sides of 0, where ReLU's slope jumps.
        ends = jax.vmap(jax.grad(kind.function))(jnp.asarray([-1e-6, 1e-6]))
        assert (float(ends[1] - ends[0]) < 1e-5) == (name in smooth)


def test_odd_activations() -> None:
    u = jnp.linspace(0.1, 3, 20)
    for name, kind in ACTIVATIONS.items():
        odd = bool(jnp.allclose(kind.function(-u), -kind.function(u), rtol=1e-12))
        assert odd == kind.odd == (name in {"erf", "tanh"})


@pytest.mark.parametrize("outputs", [1, 3])
def test_several_outputs_share_the_hidden_layers(outputs: int) -> None:
    """Each output is the scalar network with its own row of v and c."""
    x = jnp.asarray(points(4, 6))
    for make, arguments in (
        (networks.fully_connected, (6, (5, 4), "gelu")),
        (networks.residual, (6, 5, 2, "tanh")),
        (networks.convolutional, ((3, 2), (4, 5), "relu")),
    ):
        several: Any = make(*arguments, biases=True, outputs=outputs)
        scalar: Any = make(*arguments, biases=True)
        params = several.init(jax.random.key(0))
        got = several.apply(params, x)
        assert got.shape == (4, outputs)
        assert several.parameters == sum(leaf.size for leaf in jax.tree.leaves(params))
        for j in range(outputs):
            own = [*params[:-1], jax.tree.map(lambda leaf, j=j: leaf[j], params[-1])]
            np.testing.assert_allclose(got[:, j], scalar.apply(own, x), rtol=1e-13)
        np.testing.assert_array_equal(several.kernel(x, x), scalar.kernel(x, x))


def by_correlation(params: Any, image: np.ndarray) -> np.ndarray:
    """The ten outputs of LeNet-5 for one image, written with scipy's correlation."""
    arrays = jax.tree.map(np.asarray, params)

    def block(layer: Any, channels: np.ndarray) -> np.ndarray:
        rows = []
        for filters, bias in zip(layer["weight"], layer["bias"], strict=True):
            terms = zip(channels, filters, strict=True)
            z = bias + sum(signal.correlate2d(a, w, mode="valid") for a, w in terms)
            relu = np.maximum(z, 0)
            height, width = (length // 2 * 2 for length in relu.shape)
            squares = relu[:height, :width].reshape(height // 2, 2, width // 2, 2)
            rows.append(squares.max(axis=(1, 3)) if height else relu)
        return np.asarray(rows)

    first = block(arrays["c1"], image[None])
    second = block(arrays["c2_1"], first) + block(arrays["c2_2"], first)
    third = block(arrays["c3"], second).ravel()
    fourth = np.maximum(arrays["f4"]["weight"] @ third + arrays["f4"]["bias"], 0)
    return arrays["f5"]["weight"] @ fourth + arrays["f5"]["bias"]


def test_lenet5_is_the_network_of_figure_2() -> None:
    all_ten = networks.lenet5(None)
    params = all_ten.init(jax.random.key(0))
    assert all_ten.parameters == 156 + 2 * 2416 + 48120 + 10164 + 850
    x = np.random.default_rng(0).random((3, 1024))
    expected = np.asarray([by_correlation(params, image.reshape(32, 32)) for image in x])
    np.testing.assert_allclose(all_ten.apply(params, jnp.asarray(x)), expected, rtol=1e-11)
    for output in (0, 9):
        one = networks.lenet5(output).apply(params, jnp.asarray(x))
        np.testing.assert_allclose(one, expected[:, output], rtol=1e-11)
    assert networks.lenet5(dtype=jnp.float32) is networks.lenet5(0, jnp.float32)


def test_max_pool_and_its_derivative() -> None:
    """One corner of each square has the derivative, the first one of equal values."""
    random = np.random.default_rng(0)
    images = random.integers(0, 3, (2, 4, 6, 5)).astype(float)  # full of equal values
    pooled, pullback = jax.vjp(jax.jit(_layers.max_pool), jnp.asarray(images))
    signals = random.standard_normal((2, 2, 3, 5))
    slopes = np.asarray(pullback(jnp.asarray(signals))[0])
    expected = np.zeros_like(images)
    for c, i, j, n in np.ndindex(signals.shape):
        corners = [(c, 2 * i + a, 2 * j + b, n) for a in range(2) for b in range(2)]
        first = max(corners, key=lambda at: images[at])
        assert pooled[c, i, j, n] == images[first]
        expected[first] = signals[c, i, j, n]
    np.testing.assert_array_equal(slopes, expected)


def test_lenet5_starts_as_in_pytorch() -> None:
    params = networks.lenet5().init(jax.random.key(1))
    fan_in = {"c1": 25, "c2_1": 150, "c2_2": 150, "c3": 400, "f4": 120, "f5": 84}
    for name, layer in params.items():
        drawn = np.concatenate([np.ravel(layer["weight"]), np.ravel(layer["bias"])])
        bound = fan_in[name] ** -0.5
        assert stats.kstest(drawn, "uniform", (-bound, 2 * bound)).pvalue > 1e-3
    assert not np.allclose(params["c2_1"]["weight"], params["c2_2"]["weight"])


def test_lenet5_has_no_analytic_kernel() -> None:
    x = jnp.asarray(points(2, 1024))
    with refused("LeNet-5 has no analytic kernel", NotImplementedError):
        kernels.analytic(networks.lenet5(), x)
    with refused("output must be between 0 and 9, got 10."):
        networks.lenet5(10)


def test_a_network_of_ones_own_may_have_no_analytic_kernel() -> None:
    x = jnp.asarray(points(2, 2))
    for network in (lambda params, x: x @ params, object()):
        with refused("network has no analytic kernel: give one as", NotImplementedError):
            kernels.analytic(network, x)  # type: ignore[arg-type]


def test_residual_networks_need_an_odd_activation() -> None:
    """For another one the branches are correlated, and the recursion would be wrong."""
    for activation in ("relu", "gelu", "softplus"):
        with refused(
            "activation must be odd (erf or tanh) in a residual network, got "
            f"{activation!r}: only then does E[ω(u)] = 0 make the two branches uncorrelated"
        ):
            networks.residual(2, 4, 2, activation)
    for arguments, name in (((0, 4, 2), "d"), ((2, 0, 2), "width"), ((2, 4, 0), "depth")):
        with refused(f"{name} must be at least 1, got 0."):
            networks.residual(*arguments)


def test_bad_convolutions_are_refused() -> None:
    make: Any = networks.convolutional
    for shape in ((4,), (2, 2, 2, 2)):
        with refused("shape must be (length, channels) or (height, width, channels), got"):
            make(shape, (3,))
    with refused("shape[0] must be at least 1, got 0."):
        make((0, 1), (3,))
    with refused("channels is empty: give at least one entry, such as (16, 16)."):
        make((4, 1), ())
    with refused("filter_size must be at least 1, got 0."):
        make((4, 1), (3,), filter_size=0)
    with refused("padding must be one of SAME, CIRCULAR, VALID, got 'same'."):
        make((4, 1), (3,), padding="same")
    with refused("outputs must be at least 1, got 0."):
        make((4, 1), (3,), outputs=0)
    # The last that fits, and the first that doesn't.
    for padding, channels, size in (("VALID", (3, 3), 2), ("CIRCULAR", (3, 3), 3)):
        assert make((3, 1), channels, filter_size=size, padding=padding).width == 3
        with refused(
            f"filter_size = {size + 1} is too large for shape = (3, 1), 2 layers and padding "
            f"{padding!r}: give smaller filters or larger images."
        ):
            make((3, 1), channels, filter_size=size + 1, padding=padding)


def test_bad_arguments_are_refused() -> None:
    make: Any = networks.fully_connected
    assert make(1, (1,)).width == 1
    with refused("d must be at least 1, got 0."):
        make(0, (4,))
    with refused("d must be a whole number, got 2.0.", TypeError):
        make(2.0, (4,))
    with refused("widths is empty: give at least one entry, such as (512,)."):
        make(2, ())
    with refused("widths[1] must be at least 1, got 0."):
        make(2, (4, 0))
    with refused("widths[0] must be a whole number, got 4.5.", TypeError):
        make(2, (4.5,))
    with refused("activation must be one of erf, gelu, relu, softplus, tanh, got 'sine'."):
        make(2, (4,), "sine")
    with refused(". Of a function networks.activations.by_series makes one."):
        make(2, (4,), jnp.sin)


@pytest.mark.parametrize("biases", [False, True])
def test_layers_are_drawn_as_jax_draws_each(biases: bool) -> None:
    """Together or alone, to the last bit: what was computed from a key stays so."""
    shapes = [(3, 2), (5, 3, 2), (4,), (300, 300)]
    assert math.prod(shapes[-1]) > _layers.LENGTHS[-1] > math.prod(shapes[-2])
    keys = jax.random.split(jax.random.key(3), len(shapes))
    layers = _layers.normal(keys, shapes, biases=biases, dtype=jnp.float64)
    for layer, key, shape in zip(layers, keys, shapes, strict=True):
        weight_key, bias_key = jax.random.split(key)
        expected = {"weight": jax.random.normal(weight_key, shape)}
        if biases:
            expected["bias"] = jax.random.normal(bias_key, shape[:1] if len(shape) > 1 else ())
        jax.tree.map(np.testing.assert_array_equal, layer, expected)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("side", [64, 300])
def test_narrow_parameters_are_rounded_normal_numbers(dtype: Any, side: int) -> None:
    """Drawn in bfloat16 by JAX they would have 128 values, a mean of −0.011 and no tails."""
    keys = jax.random.split(jax.random.key(5), 1)
    found, wanted = (
        _layers.normal(keys, [(side, side)], biases=False, dtype=each)[0]["weight"]
        for each in (dtype, jnp.float32)
    )
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, wanted.astype(dtype))
    uniform = _layers.uniform(keys[0], (side, side), dtype)["weight"]
    assert uniform.dtype == dtype
    assert len(np.unique(np.asarray(uniform))) > 512
