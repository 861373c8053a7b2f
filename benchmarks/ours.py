"""ntklib's sides, as a reader of its documentation would write them."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import reference
from benchmarks.inputs import lenet_parameters, load
from benchmarks.worker import Outcome, Run
from ntklib import dynamics, kernels, measures, networks, spectrum

jax.config.update("jax_enable_x64", True)

Size = dict[str, Any]

LENET_BUDGET = 2**29
"""Bytes for LeNet-5's kernel: smaller chunks of images are as fast and leave the rest to others."""


def dense(folder: Path, size: Size) -> Run:
    """The empirical kernel of one hidden layer, with its eigenvalues unless `gram_only`."""
    x, hidden, hidden_bias, output, output_bias = map(
        jnp.asarray, load(folder, "x", "hidden", "hidden_bias", "output", "output_bias")
    )
    network = networks.fully_connected(
        size["d"], (size["m"],), "softplus", biases=True, dtype=size["precision"]
    )
    params = [
        {"weight": hidden, "bias": hidden_bias},
        {"weight": output, "bias": output_bias},
    ]
    return _gram_and_spectrum(network, params, x, size["gram_only"], kernels.DEFAULT_BUDGET)


def lenet(folder: Path, size: Size) -> Run:
    """The empirical kernel of LeNet-5, with its eigenvalues unless `gram_only`."""
    network = networks.lenet5(dtype=size["precision"])
    params = jax.tree.map(jnp.asarray, lenet_parameters(folder))
    (x,) = map(jnp.asarray, load(folder, "x"))
    return _gram_and_spectrum(network, params, x, size["gram_only"], LENET_BUDGET)


def _gram_and_spectrum(
    network: networks.Network, params: Any, x: Any, gram_only: bool, budget: int
) -> Run:
    measure = measures.empirical(x)

    def run() -> Outcome:
        gram = kernels.empirical(network, params, x, memory_budget=budget)
        if gram_only:
            return Outcome({"gram": np.asarray(gram)})
        values = spectrum.fisher_spectrum(gram, measure)
        return Outcome({"values": np.asarray(values)})

    return run


def flow(folder: Path, size: Size) -> Run:
    """One flow of ntklib's own network."""
    return _flow(folder, size, _network(size).apply, seeds=None)


def flow_of_seeds(folder: Path, size: Size) -> Run:
    """One flow for each seed, all in one call."""
    return _flow(folder, size, _network(size).apply, seeds=size["seeds"])


def flow_of_own_apply(folder: Path, size: Size) -> Run:
    """One flow of a function that a reader wrote, points first."""
    d, m = size["d"], size["m"]

    def apply(params: Any, x: Any) -> Any:
        hidden, output = (layer["weight"] for layer in params)
        return jnp.tanh(x @ hidden.T / math.sqrt(d)) @ output / math.sqrt(m)

    return _flow(folder, size, apply, seeds=None)


def _network(size: Size) -> networks.Network:
    return networks.fully_connected(size["d"], (size["m"],), "tanh", dtype=jnp.float32)


def target(x: Any) -> Any:
    """The function to be learned, f*(x) = sin x₁."""
    return jnp.sin(x[:, 0])


def _flow(folder: Path, size: Size, apply: Callable[..., Any], seeds: int | None) -> Run:
    x, hidden, output = map(jnp.asarray, load(folder, "x", "hidden", "output"))
    which = 0 if seeds is None else slice(seeds)
    params = [{"weight": hidden[which]}, {"weight": output[which]}]
    measure = measures.empirical(x)
    times = jnp.asarray([size["time"]])

    def run() -> Outcome:
        # Labels at the measure's nodes, which are the sample: n points, each of weight 1/n.
        flow = dynamics.gradient_flow(
            apply, params, target, measure, times, draws=seeds is not None, progress=False
        )
        # Tsitouras's method evaluates the gradient six times a step (its first stage is the
        # last of the step before).
        evaluations = 6 * int(jnp.sum(flow.steps))
        first = flow.residuals if seeds is None else flow.residuals[0]
        return Outcome({"residual": np.asarray(first[-1])}, units=evaluations)

    return run


def long_flow(folder: Path, size: Size) -> Run:
    """A flow of ntklib's own network by the exponential method."""
    horizons = [size[name] for name in ("peer_horizon", "horizon") if name in size]
    flow = _long_flow(folder, size, "exponential")

    def run() -> Outcome:
        return Outcome({"values": flow(horizons)})

    return run


def long_flow_explicit(folder: Path, size: Size) -> Run:
    """The same by the explicit method, extrapolated from `peer_horizon` where there is one."""
    flow = _long_flow(folder, size, "explicit")

    def timed(horizon: float) -> tuple[np.ndarray, float]:
        start = time.perf_counter()
        return flow([horizon]), time.perf_counter() - start

    def run() -> Outcome:
        if "peer_horizon" not in size:
            return Outcome({"values": flow([size["horizon"]])})
        far = size["peer_horizon"]
        _, brief = timed(far / 2)
        values, long = timed(far)
        # a + bT through both times, at the job's horizon.
        seconds = long + (long - brief) / (far / 2) * (size["horizon"] - far)
        return Outcome({"values": values}, seconds=seconds)

    return run


LONG_FLOW_RTOL = 2.5e-7
"""Of both methods: at 10⁻⁶ the explicit one was off by up to 2.6·10⁻⁶ at the quick sizes."""


def _long_flow(
    folder: Path, size: Size, method: Literal["explicit", "exponential"]
) -> Callable[[list[float]], np.ndarray]:
    """Returns horizons ↦ f at the nodes at the first of them, once all have been reached."""
    measure, network = measures.circle(size["n"]), reference.circle_network(size)
    params, (unit,) = reference.start(folder, size), load(folder, "unit")

    def flow(horizons: list[float]) -> np.ndarray:
        found = dynamics.gradient_flow(
            network, params, reference.TARGET, measure, jnp.asarray(horizons) * unit,
            method=method, rtol=LONG_FLOW_RTOL, progress=False,
        )  # fmt: skip
        return np.asarray(found.residuals[0] + reference.TARGET(measure.nodes))

    return flow


def analytic(folder: Path, size: Size) -> Run:
    """The analytic Gram matrix of a deep network."""
    (x,) = map(jnp.asarray, load(folder, "x"))
    network = _deep(size)

    def run() -> Outcome:
        return Outcome({"gram": np.asarray(kernels.analytic(network, x))})

    return run


def analytic_gradient(folder: Path, size: Size) -> Run:
    """The derivative of a weighted sum of an analytic Gram matrix by the first points."""
    x, y, weights = map(jnp.asarray, load(folder, "x", "y", "weights"))
    network = _deep(size)
    slope = jax.jit(jax.grad(lambda x: jnp.vdot(weights, kernels.analytic(network, x, y))))

    def run() -> Outcome:
        return Outcome({"gradient": np.asarray(slope(x))})

    return run


def _deep(size: Size) -> networks.Network:
    widths = (1,) * size["depth"]  # they play no part in the limit
    return networks.fully_connected(size["d"], widths, size["activation"])


def convolutional(folder: Path, size: Size) -> Run:
    """The analytic Gram matrix of a convolutional network."""
    (x,) = map(jnp.asarray, load(folder, "x"))
    shape = (size["side"], size["side"], 1)
    network = networks.convolutional(shape, (1,) * size["depth"], size["activation"])

    def run() -> Outcome:
        return Outcome({"gram": np.asarray(kernels.analytic(network, x))})

    return run


def sphere(folder: Path, size: Size) -> Run:
    """Eigenvalues by degree from the Funk–Hecke formula."""
    network = networks.fully_connected(size["d"], (1,), "relu")

    def run() -> Outcome:
        values = spectrum.funk_hecke(network.kernel, size["d"], size["degree"])
        return Outcome({"values": np.asarray(values)})

    return run


def krylov(folder: Path, size: Size) -> Run:
    """The largest eigenpairs of a Gram matrix."""
    (gram,) = load(folder, "gram")
    measure = measures.empirical(jnp.zeros((size["n"], 1)))

    def run() -> Outcome:
        system = spectrum.nystrom(gram, measure, size["k"])
        return Outcome({"values": np.asarray(system.values)})

    return run
