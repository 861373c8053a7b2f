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
OPTIONS: dict[str, float] = {"weight_std": 1.3, "bias_std": 0.4}
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


@pytest.mark.parametrize(("kind", "activation"), KINDS)
def test_mean_over_draws_is_the_kernel(kind: str, activation: str) -> None:
    network = MAKERS[kind](128, activation, **OPTIONS)
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
