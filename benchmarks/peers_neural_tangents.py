"""neural-tangents, called as its documentation shows."""

import importlib
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.inputs import load
from benchmarks.worker import Outcome, Run
from ntklib.networks import _neural_tangents

jax.config.update("jax_enable_x64", True)

Size = dict[str, Any]

BATCH = 80
"""Rows and columns of a block: the fastest of 4, 8, 16, 20, 40 and 80."""


def dense(folder: Path, size: Size) -> Run:
    """The empirical kernel, its time extrapolated from two small sizes."""
    nt = _neural_tangents.load()
    x, hidden, hidden_bias, output, output_bias = map(
        jnp.asarray, load(folder, "x", "hidden", "hidden_bias", "output", "output_bias")
    )
    params = ((hidden, hidden_bias), (output, output_bias))
    d, m = size["d"], size["m"]

    def apply(params: Any, x: Any) -> Any:
        (hidden, hidden_bias), (output, output_bias) = params
        alpha = jax.nn.softplus(x @ hidden.T / d**0.5 + hidden_bias)
        return (alpha @ output / m**0.5 + output_bias)[:, None]

    by_products = nt.empirical_ntk_fn(
        apply,
        trace_axes=(-1,),
        vmap_axes=0,
        implementation=nt.NtkImplementation.NTK_VECTOR_PRODUCTS,
    )
    kernel = nt.batch(by_products, batch_size=min(BATCH, size["peer_n"]), device_count=0)
    return _extrapolated(lambda n: np.asarray(kernel(x[:n], None, params)), size)


def analytic(folder: Path, size: Size) -> Run:
    """The analytic Gram matrix, by kernel_fn as it is."""
    return _analytic(folder, size, lambda kernel: kernel)


def analytic_jitted(folder: Path, size: Size) -> Run:
    """The same, by kernel_fn inside jax.jit."""
    return _analytic(folder, size, jax.jit)


def analytic_gradient(folder: Path, size: Size) -> Run:
    """The derivative of a weighted sum of an analytic Gram matrix by the first points, jitted."""
    x, y, weights = map(jnp.asarray, load(folder, "x", "y", "weights"))
    kernel = _deep(size)
    slope = jax.jit(jax.grad(lambda x: jnp.vdot(weights, kernel(x, y, "ntk"))))

    def run() -> Outcome:
        return Outcome({"gradient": np.asarray(slope(x))})

    return run


IMAGES = 8
"""Images a side of a batch: the fastest of 4, 8, 16, 20, 40 and 80."""


def convolutional(folder: Path, size: Size) -> Run:
    """The analytic Gram matrix of a convolutional network, extrapolated as `dense` is."""
    stax, activation = _stax(size)
    side = size["side"]
    # The scaling of ours, which counts channels alone.
    convolution = stax.Conv(1, (3, 3), padding="SAME", W_std=3.0)
    layers = [layer for _ in range(size["depth"]) for layer in (convolution, activation())]
    _, _, kernel_fn = stax.serial(*layers, stax.Flatten(), stax.Dense(1, W_std=float(side)))
    compiled = jax.jit(kernel_fn, static_argnames="get")
    kernel = _neural_tangents.load().batch(compiled, batch_size=IMAGES, device_count=0)
    (x,) = map(jnp.asarray, load(folder, "x"))
    x = x.reshape(-1, side, side, 1)
    return _extrapolated(lambda n: np.asarray(kernel(x[:n], None, "ntk")), size)


def _extrapolated(gram: Callable[[int], np.ndarray], size: Size) -> Run:
    """The time for n points that those at two small sizes foretell."""
    small, large = size["peer_n"], 2 * size["peer_n"]

    def timed(n: int) -> tuple[np.ndarray, float]:
        start = time.perf_counter()
        found = gram(n)
        return found, time.perf_counter() - start

    def run() -> Outcome:
        _, brief = timed(small)
        found, long = timed(large)
        # a + b n² through both times, at the job's n.
        growth = (long - brief) / (large**2 - small**2)
        return Outcome({"gram": found}, seconds=long + growth * (size["n"] ** 2 - large**2))

    return run


def _analytic(folder: Path, size: Size, compiled: Callable[..., Any]) -> Run:
    (x,) = map(jnp.asarray, load(folder, "x"))
    kernel_fn = _deep(size)
    kernel = compiled(lambda x: kernel_fn(x, None, "ntk"))

    def run() -> Outcome:
        return Outcome({"gram": np.asarray(kernel(x))})

    return run


def _deep(size: Size) -> Callable[..., Any]:
    stax, activation = _stax(size)
    layers = [layer for _ in range(size["depth"]) for layer in (stax.Dense(1), activation())]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using JAX autodiff to compute the `fn`")
        _, _, kernel_fn = stax.serial(*layers, stax.Dense(1))
    return kernel_fn


def _stax(size: Size) -> tuple[Any, Any]:
    _neural_tangents.load()
    stax = importlib.import_module("neural_tangents.stax")
    return stax, {"erf": stax.Erf, "relu": stax.Relu}[size["activation"]]
