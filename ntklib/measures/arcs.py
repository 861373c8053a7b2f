r"""Distributions on the circle whose density is constant on arcs, and functions seen arc by arc.

The circle is cut into J arcs of equal length, which are numbered counterclockwise. On q equispaced
nodes, q a multiple of J, arc j holds the nodes jq/J, …, (j+1)q/J − 1: it begins half a spacing
before its first node, so that each node stands for the middle of its own cell.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks
from ntklib.measures import _rules
from ntklib.measures._measure import Measure

__all__ = ["circle", "norms"]


def circle(densities: Sequence[float] | np.ndarray | Array, nodes: int) -> Measure:
    r"""A distribution on the unit circle whose density is constant on each of J equal arcs.

    Args:
      densities: positive numbers in proportion to the density on the arcs, shape (J,). What counts
        is the density relative to the uniform one, $p_j = J d_j / \sum_i d_i$, whose mean is 1.
      nodes: their number q, a multiple of J, at least 3.

    Returns:
      The measure. Its nodes are those of `measures.circle`, with the weights $p_j / q$, a midpoint
      rule on every arc; its `sample` draws points of the arcs, not nodes.

    Raises:
      ValueError: nodes is no multiple of J.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib.measures import arcs
      >>> measure = arcs.circle(jnp.array([3.0, 1.0]), nodes=4)
      >>> measure.weights.tolist()
      [0.375, 0.375, 0.125, 0.125]
    """
    given = _checks.real_array("densities", densities, "arcs")
    if float(jnp.min(given)) <= 0:
        raise ValueError(
            f"densities must be positive, got a least of {float(jnp.min(given)):.3g}: ρ has to "
            "reach every arc."
        )
    uniform = _rules.circle(nodes)
    count = given.shape[0]
    cells = _cells(nodes, count)
    shares = given / jnp.sum(given)
    return Measure(
        name=f"piecewise constant on {count} arcs of the circle",
        nodes=uniform.nodes,
        weights=jnp.repeat(shares / cells, cells),
        sampler=functools.partial(_draw, shares, 0.5 / nodes),
    )


def _draw(
    shares: Float[Array, " arcs"], half_a_cell: float, key: Any, n: int
) -> Float[Array, "n 2"]:
    which, where = jax.random.split(key)
    count = shares.shape[0]
    arc = jax.random.choice(which, count, (n,), p=shares)
    turns = (arc.astype(shares.dtype) + jax.random.uniform(where, (n,), shares.dtype)) / count
    return _rules.points_at(2 * jnp.pi * (turns - half_a_cell))


def norms(g: Float[Array, "*b q"], arcs: int) -> Float[Array, "*b arcs"]:
    r"""The root mean square of a function on each arc, with respect to length.

    $\|g\|_j = (\frac{J}{q}\sum_{i\in\text{arc } j} g(x_i)^2)^{1/2}$. No density enters: it is a
    norm of what happens on the arc, not of how often one is there.

    Args:
      g: values at the nodes of `circle`, or of `measures.circle`, shape (..., q).
      arcs: J, a divisor of q.

    Returns:
      The norms, shape (..., J).

    Raises:
      ValueError: q is no multiple of J.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib.measures import arcs
      >>> arcs.norms(jnp.array([3.0, 3.0, 0.0, 0.0]), arcs=2).tolist()
      [3.0, 0.0]
    """
    values = _checks.real_array("g", g)
    count = _checks.whole_number("arcs", arcs, least=1)
    cells = _cells(values.shape[-1], count)
    by_arc = values.reshape(*values.shape[:-1], count, cells)
    return jnp.sqrt(jnp.mean(by_arc**2, axis=-1))


def _cells(q: int, count: int) -> int:
    """Returns how many nodes an arc has."""
    if q % count:
        enough = count * (q // count + 1)
        raise ValueError(f"nodes must be a multiple of the {count} arcs, got {q}: take {enough}.")
    return q // count
