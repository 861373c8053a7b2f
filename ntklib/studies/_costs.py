"""Estimates of the memory and the work of the named studies' cells.

The factors are from what XLA reports of the compiled flows, and from the peak of whole cells.
"""

import functools
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ntklib import networks
from ntklib.kernels import _factors
from ntklib.kernels._costs import Shape
from ntklib.networks import Network, _architectures, _layers
from ntklib.studies import _named, _problem

STAGES = 14
"""Copies of the parameters that the integrator has at work: seven stages and their sums."""
TAPE = 1.5
"""Times the inputs and outputs of all layers that a gradient holds."""
DRAWN = 3
"""Copies of what `_layers` draws in one."""
KERNEL = 5
"""Numbers that K^∞ holds for a pair of points."""
WORK = 5
"""Gram matrices that an eigendecomposition and the look at a matrix's symmetry take for work."""
OPERATOR = 4
"""Gram matrices that an operator and its eigenfunctions on the nodes take."""
RESULTS = 8
"""Arrays of the size of the residuals that a comparison holds."""


def linear_width_memory(
    point: Mapping[str, Any], batch: int, settings: Mapping[str, Any], device: str = "cpu"
) -> float:
    """Estimates the bytes of `linear_width`: the drawing of θ₀ or the flows, and the comparison.

    With p parameters, A inputs and outputs of layers for each of n points, D numbers drawn, and r
    flows at a time: 8·max(batch·(p + 3D), batch·p + r·(14p + 1.5·nA)).
    """
    architecture, m, measure = point["architecture"], int(point["width"]), _problem.of(point)[0]
    p, shapes = parameters(architecture, m, measure), _layer_shapes(architecture, m, measure)
    points = max(settings["nodes"], _named.sample_size(point["samples"]) or 0)
    held = sum(shape.numbers(1, as_gradients=False) for shape in shapes)
    drawing = batch * (p + DRAWN * _drawn(architecture, m, measure))
    flows = batch * p + _at_once(batch, device) * (STAGES * p + TAPE * points * held)
    return 8.0 * max(drawing, flows) + _comparison_memory(point, batch, settings)


def theorem_1_memory(
    point: Mapping[str, Any], batch: int, settings: Mapping[str, Any], device: str = "cpu"
) -> float:
    """Estimates the bytes of `theorem_1`: as many comparisons as there are kernels."""
    nodes = settings["nodes"]
    each = nodes * (2 * batch * settings["times"] + OPERATOR * nodes)
    more = 8.0 * len(_problem.other_kernels(_problem.of(point)[0])) * each
    return linear_width_memory(point, batch, settings, device) + more


def kernel_limit_memory(
    point: Mapping[str, Any], batch: int, settings: Mapping[str, Any], device: str = "cpu"
) -> float:
    """Estimates the bytes of `kernel_limit`: Gram matrices, their eigenvectors, the comparison."""
    n, nodes = _named.sample_size(point["samples"]) or 0, settings["nodes"]
    flow = KERNEL * n * (n + nodes) + WORK * n**2
    return 8.0 * _at_once(batch, device) * flow + _comparison_memory(point, batch, settings)


def _comparison_memory(point: Mapping[str, Any], batch: int, settings: Mapping[str, Any]) -> float:
    """Estimates the bytes of an operator on the nodes and the comparison of residuals with it."""
    nodes = settings["nodes"]
    operator = (KERNEL + OPERATOR) * nodes**2
    return 8.0 * (operator + RESULTS * batch * settings["times"] * nodes)


def _at_once(batch: int, device: str) -> int:
    """Returns how many draws are in work at a time, as `_device.over_draws` has them."""
    return 1 if device == "cpu" else batch


@functools.cache
def _layer_shapes(architecture: str, m: int, measure: str) -> list[Shape]:
    """Returns the sizes of the layers of the antisymmetric network."""
    return _shapes_of(_network(architecture, m, measure), measure)


def _shapes_of(network: Network, measure: str) -> list[Shape]:
    assert network.forward is not None  # noqa: S101  (all of `ARCHITECTURES` have one)
    theta_0 = jax.eval_shape(network.init, jax.random.key(0))
    point = jnp.zeros((1, math.prod(_problem.named(measure).shape)))
    return _factors.layer_shapes(network.forward, theta_0, point)


def _network(architecture: str, m: int, measure: str) -> Network:
    return networks.antisymmetric(_single(architecture, m, measure))


def _single(architecture: str, m: int, measure: str) -> Network:
    """Returns the network of which the antisymmetric one holds two."""
    return _architectures.build(architecture, m, shape=_problem.named(measure).shape)


@functools.cache
def _drawn(architecture: str, m: int, measure: str) -> int:
    """Returns how many numbers are drawn in one, of which small layers leave most unused."""
    hidden = jax.eval_shape(_single(architecture, m, measure).init, jax.random.key(0))
    small, length = _layers.together([leaf.size for leaf in jax.tree.leaves(hidden)])
    return len(small) * length


@functools.cache
def parameters(architecture: str, m: int, measure: str = "circle") -> int:
    """Returns the number of parameters p of the antisymmetric network.

    Example:
      >>> from ntklib import studies
      >>> studies.parameters("fully connected, depth 1", 4)  # 2·(4·2 + 4 + 4 + 1)
      34
    """
    return _network(architecture, m, measure).parameters


def linear_width_work(point: Mapping[str, Any], settings: Mapping[str, Any]) -> float:
    """Returns operations of a gradient, up to a factor; the start-up costs as much as 10⁶."""
    points = _named.sample_size(point["samples"]) or settings["nodes"]
    p = parameters(point["architecture"], int(point["width"]), _problem.of(point)[0])
    return 1e6 + p * points


def kernel_limit_work(point: Mapping[str, Any], settings: Mapping[str, Any]) -> float:
    """Returns operations of an eigendecomposition, up to a factor."""
    return 1e6 + float(point["samples"]) ** 3
