"""Estimates of the memory and the work of the named studies' cells."""

import functools
import math
from collections.abc import Mapping
from typing import Any

import jax

from ntklib import _circle, networks

STAGES = 14
"""Copies of the parameters that the integrator has at work: seven stages and their sums."""
TAPE = 6
"""Arrays of the size of the activations that a gradient has at work in each layer."""


def linear_width_memory(point: Mapping[str, Any], batch: int, settings: Mapping[str, Any]) -> float:
    """Estimates the bytes of `linear_width`: the integrator's parameters and a gradient's tape."""
    m = int(point["width"])
    p = parameters(point["architecture"], m)
    points = max(settings["nodes"], _circle.sample_size(point["samples"]) or 0)
    at_once = batch if jax.default_backend() != "cpu" else 1  # as `ensembles` runs its draws
    tape = TAPE * 2 * m * points * 6  # two copies (antisymmetric), up to 3 layers or 2 positions
    results = 3 * batch * settings["times"] * settings["nodes"]
    return 8.0 * (2 * batch * p + at_once * (STAGES * p + tape) + results)


def theorem_1_memory(point: Mapping[str, Any], batch: int, settings: Mapping[str, Any]) -> float:
    """Estimates the bytes of `theorem_1`: as many comparisons as there are kernels."""
    more = 2 * len(_circle.OTHER_KERNELS) * batch * settings["times"] * settings["nodes"]
    return linear_width_memory(point, batch, settings) + 8.0 * more


def kernel_limit_memory(point: Mapping[str, Any], batch: int, settings: Mapping[str, Any]) -> float:
    """Estimates the bytes of `kernel_limit`: a Gram matrix, its eigenvectors and their work."""
    n = _circle.sample_size(point["samples"]) or 0
    at_once = batch if jax.default_backend() != "cpu" else 1
    results = 3 * batch * settings["times"] * settings["nodes"]
    return 8.0 * (at_once * 10 * n * (n + settings["nodes"]) + results)


@functools.cache
def parameters(architecture: str, m: int) -> int:
    """Returns the number of parameters p of the antisymmetric network."""
    network = networks.antisymmetric(_circle.build(architecture, m))
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))


def linear_width_work(point: Mapping[str, Any], settings: Mapping[str, Any]) -> float:
    """Returns operations of a gradient, up to a factor; the start-up costs as much as 10⁶."""
    points = _circle.sample_size(point["samples"]) or settings["nodes"]
    return 1e6 + parameters(point["architecture"], int(point["width"])) * points


def kernel_limit_work(point: Mapping[str, Any], settings: Mapping[str, Any]) -> float:
    """Returns operations of an eigendecomposition, up to a factor."""
    return 1e6 + float(point["samples"]) ** 3
