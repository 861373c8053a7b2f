"""How a learning problem is posed to all that train: (model, params, target, measure, …, sample=).

The target is f*, or an array where only its values are known: one for each point of the sample, or
for each node where there is no sample.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks
from ntklib.measures import Measure
from ntklib.networks import _door
from ntklib.networks._network import Target

ARRAYS = (jax.Array, np.ndarray)


class Problem(NamedTuple):
    """A learning problem of b draws.

    Attributes:
      points: the training points, shape (b, n, d).
      labels: what is to be learned there, shape (b, n), or (b, n, o) with o outputs.
      weights: of the points in the loss, shape (n,); None for equal ones, those of a sample.
      nodes: of ρ, shape (q, d).
    """

    points: Float[Array, "b n d"]
    labels: Float[Array, "b n *o"]
    weights: Float[Array, " n"] | None
    nodes: Float[Array, "q d"]


def posed(
    target: Target | Float[Array, "..."],
    measure: Measure,
    sample: Float[Array, "*#b n d"] | None,
    dtype: Any,
    *,
    outputs: Callable[[Array], tuple[int, ...]] | None = None,
    count: int = 1,
    draws: bool = True,
    looked_at: bool = False,
) -> Problem:
    """Checks a learning problem and converts it to a precision.

    Args:
      target: f*, or labels, shape (n,), or with draws (b, n); with several outputs (…, n, o).
      measure: ρ.
      sample: training points, shape (n, d), or with draws (b, n, d); the measure's nodes with their
        weights where None.
      dtype: the precision.
      outputs: nodes ↦ the axes of a network's output at a point, () or (o,); None for ().
      count: how many draws b there are.
      draws: whether a leading axis of them is allowed.
      looked_at: whether it is known that a value of f* doesn't depend on the points beside it.

    Raises:
      ValueError: points and labels don't fit each other, the measure or the draws.
    """
    nodes, weights = measure.nodes.astype(dtype), None
    if sample is None:
        points, weights = nodes, measure.weights.astype(dtype)
    else:
        points = _of_draws("sample", sample, "n d", count, draws=draws).astype(dtype)
        if points.shape[-1] != nodes.shape[-1]:
            raise ValueError(
                f"sample must hold points of dimension {nodes.shape[-1]}, like the measure's "
                f"nodes, got shape {points.shape}."
            )
    n, d = points.shape[-2:]
    points = jnp.broadcast_to(points, (count, n, d))
    axes = outputs(nodes) if outputs else ()
    if isinstance(target, ARRAYS):
        place = "the measure" if sample is None else "sample"
        labels = _labels("target", target, (count, n, *axes), place, draws=draws)
    else:
        alone = sample is not None and not looked_at
        labels = _door.values_of(target, points, alone=alone, outputs=axes)
    return Problem(points, labels.astype(dtype), weights, nodes)


def with_noise(
    problem: Problem, noise: Float[Array, "..."] | None, sample: Any, *, draws: bool
) -> Problem:
    """Returns a problem whose labels have noise.

    Raises:
      ValueError: there is no sample, or it has another number of points.
    """
    if noise is not None and sample is None:
        raise ValueError("noise is of a sample's labels: give a sample, too.")
    return problem._replace(labels=noisy(problem.labels, noise, draws=draws))


def noisy(labels: Float[Array, "b n *o"], noise: Any, *, draws: bool) -> Float[Array, "b n *o"]:
    """Returns a sample's labels with noise: None, or of each draw, or the same for all.

    Raises:
      ValueError: it is of another number of points.
    """
    if noise is None:
        return labels
    return labels + _labels("noise", noise, labels.shape, "sample", draws=draws).astype(
        labels.dtype
    )


def known_at_nodes(target: Any, sample: Any) -> None:
    """Raises a TypeError if a target has only labels of a sample."""
    if isinstance(target, ARRAYS) and sample is not None:
        raise TypeError(
            "target must be a function of points, x ↦ f*(x), such as a targets.FourierSum, got an "
            f"array of shape {target.shape}: without a sample the values at the measure's nodes "
            "will do, and dynamics.gradient_descent learns labels."
        )


def at_nodes(
    target: Target | Float[Array, "q *o"],
    measure: Measure,
    sample: Any,
    dtype: Any,
    outputs: tuple[int, ...] = (),
) -> Float[Array, "q *o"]:
    """Returns f* at the nodes, where residuals are wanted.

    Raises:
      ValueError: it has another number of values than there are nodes.
    """
    if not isinstance(target, ARRAYS):
        nodes = measure.nodes.astype(dtype)
        alone = sample is not None
        return _door.values_of(target, nodes, alone=alone, outputs=outputs).astype(dtype)
    shape = (1, measure.weights.shape[0], *outputs)
    return _labels("target", target, shape, "the measure", draws=False)[0].astype(dtype)


def _labels(name: str, given: Any, shape: tuple[int, ...], place: str, *, draws: bool) -> Array:
    """Returns an array of labels in their shape (b, n) or (b, n, o)."""
    outputs = shape[2:]
    if outputs:
        _door.columns(name, _checks.real_array(name, given), outputs)
    array = _of_draws(name, given, "n o" if outputs else "n", shape[0], draws=draws)
    _checks.same_length(name, array.shape[-1 - len(outputs)], place, shape[1])
    return jnp.broadcast_to(array, shape)


def _of_draws(name: str, value: Any, axes: str, count: int, *, draws: bool) -> Array:
    """Returns an array that all draws share, or one with a leading axis of them."""
    array = _checks.real_array(name, value)
    own = draws and array.ndim != len(axes.split())
    _checks.form(name, array, f"b {axes}" if own else axes)
    if own:
        _checks.same_length(name, array.shape[0], "params' first axis", count)
    return array


def loss(
    misfit: Float[Array, "..."], weights: Float[Array, " n"] | None, *, several: bool = False
) -> Float[Array, "..."]:
    """Returns half the mean square over the training points, on the last axis.

    Args:
      misfit: f − y, shape (..., n), or (..., n, o) with several outputs, which are summed.
      weights: of the points, shape (n,).
      several: whether the last axis is that of outputs.
    """
    squares = jnp.sum(misfit**2, axis=-1) if several else misfit**2
    return 0.5 * (jnp.mean(squares, axis=-1) if weights is None else squares @ weights)
