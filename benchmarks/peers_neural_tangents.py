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
    """The empirical kernel at two small sizes, and the time they foretell for n points."""
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
    small, large = size["peer_n"], 2 * size["peer_n"]

    def timed(n: int) -> tuple[np.ndarray, float]:
        start = time.perf_counter()
        gram = np.asarray(kernel(x[:n], None, params))
        return gram, time.perf_counter() - start

    def run() -> Outcome:
        _, brief = timed(small)
        gram, long = timed(large)
        # a + b n² through both times, at the job's n.
        growth = (long - brief) / (large**2 - small**2)
        return Outcome({"gram": gram}, seconds=long + growth * (size["n"] ** 2 - large**2))

    return run


def analytic(folder: Path, size: Size) -> Run:
    """The analytic Gram matrix, by kernel_fn as it is."""
    return _analytic(folder, size, lambda kernel: kernel)


def analytic_jitted(folder: Path, size: Size) -> Run:
    """The same, by kernel_fn inside jax.jit."""
    return _analytic(folder, size, jax.jit)


def _analytic(folder: Path, size: Size, compiled: Callable[..., Any]) -> Run:
    _neural_tangents.load()
    stax = importlib.import_module("neural_tangents.stax")
    (x,) = map(jnp.asarray, load(folder, "x"))
    activation = {"erf": stax.Erf, "relu": stax.Relu}[size["activation"]]
    layers = [layer for _ in range(size["depth"]) for layer in (stax.Dense(1), activation())]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using JAX autodiff to compute the `fn`")
        _, _, kernel_fn = stax.serial(*layers, stax.Dense(1))
    kernel = compiled(lambda x: kernel_fn(x, None, "ntk"))

    def run() -> Outcome:
        return Outcome({"gram": np.asarray(kernel(x))})

    return run
