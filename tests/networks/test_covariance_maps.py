"""Kernels of convolutional networks in tiles: their values, gradients and memory."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import kernels, networks
from ntklib.networks import _neural_tangents
from ntklib.networks._deviations import Deviations
from ntklib.networks.activations import named

Gram = Callable[[Any, Any], Any]

FORMS: dict[str, dict[str, Any]] = {
    "same": {"shape": (6, 5, 2), "depth": 2, "size": 3, "padding": "SAME"},
    "even": {"shape": (5, 4, 2), "depth": 3, "size": 2, "padding": "SAME"},
    "circular": {"shape": (5, 4, 1), "depth": 2, "size": 3, "padding": "CIRCULAR"},
    "valid": {"shape": (8, 7, 1), "depth": 2, "size": 3, "padding": "VALID"},
    "signals": {"shape": (9, 2), "depth": 2, "size": 3, "padding": "SAME"},
    "shallow": {"shape": (6, 1), "depth": 1, "size": 4, "padding": "CIRCULAR"},
}


def ours(activation: str, form: dict[str, Any], biases: bool) -> Gram:
    depth = form["depth"]
    return networks.convolutional(
        form["shape"], (1,) * depth, activation, filter_size=form["size"],
        padding=form["padding"], biases=biases,
    ).kernel  # fmt: skip


def theirs(activation: str, form: dict[str, Any], biases: bool) -> Gram:
    """What neural-tangents makes of the same layers."""
    *lengths, _ = form["shape"]
    lost = form["depth"] * (form["size"] - 1) if form["padding"] == "VALID" else 0
    found = _neural_tangents.convolutional_kernel(
        positions=int(np.prod([length - lost for length in lengths])),
        deviations=Deviations(1.0, float(biases)),
        activation=dataclasses.replace(named(activation), maps=None), **form,
    )  # fmt: skip
    return jax.jit(found)


def images(n: int, form: dict[str, Any], seed: int = 0) -> Any:
    normal = np.random.default_rng(seed).standard_normal((n, int(np.prod(form["shape"]))))
    return jnp.asarray(normal)


def slopes(kernel: Gram, x: Any, y: Any) -> Any:
    """Gradients of Σ sin K(x, y) by both sets of images."""
    return jax.jit(jax.grad(lambda x, y: jnp.sum(jnp.sin(kernel(x, y))), (0, 1)))(x, y)


@pytest.mark.parametrize(
    ("name", "activation", "biases"),
    [
        ("same", "relu", False), ("even", "erf", False), ("circular", "relu", True),
        ("valid", "erf", True), ("signals", "relu", True), ("shallow", "erf", False),
    ],
)  # fmt: skip
def test_kernel_is_what_neural_tangents_computes(name: str, activation: str, biases: bool) -> None:
    form = FORMS[name]
    kernel, other = (make(activation, form, biases) for make in (ours, theirs))
    x, y = images(70, form), images(130, form, seed=1)  # more than one tile
    expected = np.asarray(other(x, y))
    within = 1e-12 * np.abs(expected).max()
    np.testing.assert_allclose(kernel(x, y), expected, atol=within, rtol=0)
    alone = np.asarray(kernel(x, x))
    np.testing.assert_array_equal(alone, alone.T)
    expected = np.asarray(other(x, x))
    apart = ~np.eye(len(x), dtype=bool)
    np.testing.assert_allclose(alone[apart], expected[apart], atol=within, rtol=0)
    # Where images coincide, theirs of ReLU has half of the digits.
    np.testing.assert_allclose(np.diagonal(alone), np.diagonal(expected), rtol=1e-7)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_gradients_are_those_of_neural_tangents(activation: str) -> None:
    form = FORMS["signals"]
    kernel, other = (make(activation, form, True) for make in (ours, theirs))
    x, y = images(70, form), images(70, form, seed=1)
    for got, expected in zip(slopes(kernel, x, y), slopes(other, x, y), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-11 * np.abs(expected).max(), rtol=0)
    alone = jax.jit(jax.grad(lambda x: jnp.sum(jnp.sin(kernel(x, x)))))(x)
    first, second = slopes(kernel, x, jnp.array(x))
    np.testing.assert_allclose(alone, first + second, atol=1e-11 * np.abs(alone).max(), rtol=0)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_second_derivatives_are_differences_of_the_first(activation: str) -> None:
    """See `test_covariances`: through loops they are those of the functions' own bodies."""
    kernel = networks.convolutional((2, 1, 1), (1, 1), activation, filter_size=2).kernel
    x, y = np.random.default_rng(0).standard_normal((2, 1, 2))
    slope = jax.grad(lambda x: kernel(x, jnp.asarray(y))[0, 0])
    expected = [(slope(x + 1e-5 * e) - slope(x - 1e-5 * e)) / 2e-5 for e in jnp.eye(2)[:, None]]
    found = jax.jacfwd(slope)(jnp.asarray(x))
    np.testing.assert_allclose(found[0, :, 0], jnp.stack(expected, axis=-1)[0], atol=1e-8)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_one_position_is_a_dense_network(activation: str) -> None:
    """Whose kernel is exact where points coincide: a test of images that do, or nearly so."""
    x, aside = np.random.default_rng(0).standard_normal((2, 3))
    near = jnp.asarray([x, x, *(x + t * aside for t in (1e-3, 1e-7, 1e-10))])
    kernel = networks.convolutional((1, 1, 3), (1, 1), activation, filter_size=1).kernel
    dense = networks.fully_connected(3, (1, 1), activation).kernel
    np.testing.assert_allclose(kernel(near, near), dense(near, near), rtol=1e-14)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_gradients_where_images_coincide_or_are_empty(activation: str) -> None:
    """They are finite; where two coincide, that of the entry by one is half the diagonal's."""
    form = FORMS["circular"]
    kernel = ours(activation, form, biases=False)
    x = images(1, form).at[:, :8].set(0)  # some windows see nothing
    several = jnp.concatenate([x, x, jnp.zeros_like(x), -x])
    gradient = jax.jit(jax.grad(lambda x, weights: jnp.sum(weights * kernel(x, x))))
    normal = np.random.default_rng(0).standard_normal((4, 4))
    assert np.all(np.isfinite(gradient(several, jnp.asarray(normal))))
    diagonal, beside = (
        gradient(several, jnp.zeros((4, 4)).at[place].set(1.0))[0] for place in ((0, 0), (0, 1))
    )
    within = 1e-13 * np.abs(diagonal).max()
    np.testing.assert_allclose(beside, diagonal / 2, atol=within, rtol=0)


@pytest.mark.parametrize(("activation", "most"), [("relu", 1e8), ("gelu", 2e8), ("tanh", 7e8)])
def test_memory_is_bounded(activation: str, most: float) -> None:
    """Of all pairs and positions at once it would be some 10 GB."""
    kernel = networks.convolutional((28, 28, 1), (1, 1), activation).kernel
    x = jax.ShapeDtypeStruct((1000, 784), jnp.float64)
    programs = [lambda x: kernel(x, x)]
    if activation == "relu":
        programs.append(jax.grad(lambda x: jnp.sum(jnp.sin(kernel(x, x)))))
    for program in programs:
        lowered: Any = jax.jit(program).lower(x)
        found = lowered.compile().memory_analysis()
        assert 0 < found.temp_size_in_bytes < most


@pytest.mark.parametrize("activation", ["gelu", "tanh"])
def test_tiles_of_neural_tangents_make_the_same_matrix(
    activation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = FORMS["signals"]
    x, y = images(20, form), images(13, form, seed=1)
    whole = theirs(activation, form, biases=True)
    expected = [whole(x, y), whole(x, x)]
    monkeypatch.setattr(_neural_tangents, "PAIRS", 9 * 36)
    tiles = theirs(activation, form, biases=True)
    for got, wanted in zip([tiles(x, y), tiles(x, x)], expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-13)


def test_single_precision_stays_single() -> None:
    form = FORMS["same"]
    x = images(5, form)
    gram = kernels.analytic(networks.convolutional(form["shape"], (1, 1), "relu"), x.astype("f4"))
    assert gram.dtype == jnp.float32
    np.testing.assert_allclose(gram, ours("relu", form, biases=False)(x, x), rtol=1e-5)
