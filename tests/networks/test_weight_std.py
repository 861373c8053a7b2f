"""σ_w and σ_b: networks and kernels with deviations, against neural-tangents and their draws."""

import copy
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from refusals import refused

from ntklib import kernels, networks
from ntklib.networks import _neural_tangents
from ntklib.networks.activations import named

D = 6
OPTIONS: dict[str, Any] = {"weight_std": 1.3, "bias_std": 0.4}
IMAGE: dict[str, Any] = {"filter_size": 2, "padding": "CIRCULAR"}
MAKERS: dict[str, Callable[..., networks.Network]] = {
    "fully connected": lambda m, omega, **options: networks.fully_connected(
        D, (m, m), omega, **options
    ),
    "residual": lambda m, omega, **options: networks.residual(D, m, 3, omega, **options),
    "convolutional": lambda m, omega, **options: networks.convolutional(
        (D, 1), (m,), omega, **IMAGE, **options
    ),
}
KINDS = [
    ("fully connected", "relu"), ("fully connected", "erf"), ("fully connected", "gelu"),
    ("residual", "erf"), ("residual", "tanh"), ("convolutional", "relu"),
    ("convolutional", "erf"), ("convolutional", "gelu"),
]  # fmt: skip


def stax(kind: str, activation: str) -> Callable[[Any, Any], Any]:
    """What neural-tangents computes of the layers, written out; none of residual networks."""
    parts: Any = _neural_tangents._stax()
    omega = named(activation).layer(parts)
    form: Any = {"b_std": OPTIONS["bias_std"], "parameterization": "ntk"}
    weight = OPTIONS["weight_std"]
    dense = parts.Dense(1, W_std=weight, **form)
    if kind == "fully connected":
        _, _, kernel = parts.serial(dense, omega, dense, omega, dense)
        return lambda x, y: kernel(x, y, "ntk")
    conv = parts.Conv(1, (2,), padding="CIRCULAR", W_std=weight * math.sqrt(2), **form)
    readout = parts.Dense(1, W_std=weight * math.sqrt(D), **form)
    _, _, kernel = parts.serial(conv, omega, parts.Flatten(), readout)
    return lambda x, y: kernel(x[..., None], y[..., None], "ntk")


@pytest.mark.parametrize(("kind", "activation"), [each for each in KINDS if each[0] != "residual"])
def test_kernel_is_that_of_neural_tangents(kind: str, activation: str) -> None:
    x, y = jnp.asarray(points(4, D)), jnp.asarray(points(3, D, seed=1))
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        expected = np.asarray(stax(kind, activation)(x, y))
    found = MAKERS[kind](2, activation, **OPTIONS).kernel(x, y)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


STANDARD = [
    ("fully connected", "relu"), ("residual", "erf"), ("convolutional", "gelu"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "activation", "parameterization"),
    [(*each, "ntk") for each in KINDS] + [(*each, "standard") for each in STANDARD],
)
def test_mean_over_draws_is_the_kernel(kind: str, activation: str, parameterization: str) -> None:
    network = MAKERS[kind](128, activation, parameterization=parameterization, **OPTIONS)
    x = jnp.asarray(points(4, D))
    draws = np.asarray(kernels.initial_kernels(network, x, jax.random.key(0), draws=24))
    expected = np.asarray(kernels.analytic(network, x))
    off = (draws - expected) / np.abs(expected).max()
    spread = off.std(axis=0) / math.sqrt(len(off))
    # Up to its standard error, and a bias of order 1/m.
    assert np.all(np.abs(off.mean(axis=0)) < 5 * spread + 1 / 128)


@pytest.mark.parametrize("kind", MAKERS)
def test_every_method_has_the_same_deviations(kind: str) -> None:
    network = MAKERS[kind](5, "erf", outputs=2, **OPTIONS)
    params, x = network.init(jax.random.key(0)), jnp.asarray(points(4, D))
    expected = kernels.empirical(network.apply, params, x, method="jacobian")
    for method in ("layers", "products"):
        found = kernels.empirical(network, params, x, method=method)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", MAKERS)
def test_defaults_are_the_source_s(kind: str) -> None:
    make = functools.partial(MAKERS[kind], 4, "erf")
    assert make() is make(weight_std=1.0)
    assert make(biases=True) is make(bias_std=1.0) is make(biases=True, bias_std=1.0)
    other = make(**OPTIONS)
    assert other.name.endswith(", erf, σ_w = 1.3, σ_b = 0.4")
    assert copy.copy(other) is other  # as pickle does
    assert other.parameters == make(biases=True).parameters


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("bad", [0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("name", list(OPTIONS))
def test_deviations_are_positive(kind: str, name: str, bad: float) -> None:
    with refused(f"{name} must be a positive finite number, got"):
        MAKERS[kind](4, "erf", **{name: bad})


@pytest.mark.parametrize("kind", MAKERS)
def test_standard_parameters_are_products(kind: str) -> None:
    """The same function, whose layers' parts of the kernel are multiplied by m/σ_w² and 1/σ_b²."""
    ntk, standard = (
        MAKERS[kind](4, "erf", parameterization=each, **OPTIONS) for each in ("ntk", "standard")
    )
    assert standard.name == f"{ntk.name}, standard parameterization"
    theta, products = (each.init(jax.random.key(0)) for each in (ntk, standard))
    x = jnp.asarray(points(5, D))
    np.testing.assert_allclose(standard.apply(products, x), ntk.apply(theta, x), rtol=1e-12)
    parts = jax.jacobian(ntk.apply)(theta, x)
    channels = 1 if kind == "convolutional" else D
    expected = np.zeros((5, 5))
    for layer, m in zip(parts, (channels, *[4] * len(parts)), strict=False):
        for rows, gain in (
            (layer["weight"], m / OPTIONS["weight_std"] ** 2),
            (layer["bias"], 1 / OPTIONS["bias_std"] ** 2),
        ):
            flat = np.asarray(rows).reshape(5, -1)
            expected += gain * flat @ flat.T
    for method in ("layers", "jacobian"):
        found = kernels.empirical(standard, products, x, method=method)
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_standard_kernel_grows_with_each_width() -> None:
    """Layer by layer, from kernels in NTK scaling whose other layers have no part in it."""
    x = jnp.asarray(points(3, D))

    def gram(*widths: int) -> np.ndarray:
        network = networks.fully_connected(D, widths, "erf", parameterization="standard", **OPTIONS)
        return np.asarray(kernels.analytic(network, x))

    first, second = gram(9, 5) - gram(8, 5), gram(8, 6) - gram(8, 5)
    np.testing.assert_allclose(gram(108, 205), gram(8, 5) + 100 * first + 200 * second, rtol=1e-10)
    assert np.all(np.linalg.eigvalsh(first) > 0)


def test_other_parameterizations_are_refused() -> None:
    with refused("parameterization must be one of ntk, standard, got 'mup'"):
        networks.fully_connected(2, (4,), parameterization="mup")
