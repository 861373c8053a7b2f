"""How a learning problem is posed to all that train: (model, params, target, measure, …, sample=).

The target is f*, or an array where only its values are known: one for each point of the sample, or
for each node where there is no sample.
"""

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
      labels: what is to be learned there, shape (b, n).
      weights: of the points in the loss, shape (n,); None for equal ones, those of a sample.
      nodes: of ρ, shape (q, d).
    """

    points: Float[Array, "b n d"]
    labels: Float[Array, "b n"]
    weights: Float[Array, " n"] | None
    nodes: Float[Array, "q d"]


def posed(
    target: Target | Float[Array, "*#b n"],
    measure: Measure,
    sample: Float[Array, "*#b n d"] | None,
    dtype: Any,
    *,
    count: int = 1,
    draws: bool = True,
    looked_at: bool = False,
) -> Problem:
    """Checks a learning problem and converts it to a precision.

    Args:
      target: f*, or labels, shape (n,), or with draws (b, n).
      measure: ρ.
      sample: training points, shape (n, d), or with draws (b, n, d); the measure's nodes with their
        weights where None.
      dtype: the precision.
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
    if isinstance(target, ARRAYS):
        given = _of_draws("target", target, "n", count, draws=draws)
        place = "the measure" if sample is None else "sample"
        _checks.same_length("target", given.shape[-1], place, n)
        labels = jnp.broadcast_to(given, (count, n))
    else:
        alone = sample is not None and not looked_at
        labels = _door.values_of(target, points, alone=alone)
    return Problem(points, labels.astype(dtype), weights, nodes)


def with_noise(
    problem: Problem, noise: Float[Array, "*#b n"] | None, sample: Any, *, draws: bool
) -> Problem:
    """Returns a problem whose labels have noise.

    Raises:
      ValueError: there is no sample, or it has another number of points.
    """
    if noise is not None and sample is None:
        raise ValueError("noise is of a sample's labels: give a sample, too.")
    return problem._replace(labels=noisy(problem.labels, noise, draws=draws))


def noisy(labels: Float[Array, "b n"], noise: Any, *, draws: bool) -> Float[Array, "b n"]:
    """Returns a sample's labels with noise: None, or of each draw, or the same for all.

    Raises:
      ValueError: it is of another number of points.
    """
    if noise is None:
        return labels
    count, n = labels.shape
    given = _of_draws("noise", noise, "n", count, draws=draws)
    _checks.same_length("noise", given.shape[-1], "sample", n)
    return labels + jnp.broadcast_to(given, (count, n)).astype(labels.dtype)


def at_nodes(
    target: Target | Float[Array, " q"], measure: Measure, sample: Any, dtype: Any
) -> Float[Array, " q"]:
    """Returns f* at the nodes, where residuals are wanted.

    Raises:
      TypeError: target has only labels of a sample.
      ValueError: it has another number of values than there are nodes.
    """
    if not isinstance(target, ARRAYS):
        nodes = measure.nodes.astype(dtype)
        return _door.values_of(target, nodes, alone=sample is not None).astype(dtype)
    if sample is not None:
        raise TypeError(
            "target must be a function of points, x ↦ f*(x), such as a targets.FourierSum, got an "
            f"array of shape {target.shape}: without a sample the values at the measure's nodes "
            "will do, and dynamics.gradient_descent learns labels."
        )
    values = _checks.real_array("target", target, "q")
    _checks.same_length("target", values.shape[0], "the measure", measure.weights.shape[0])
    return values.astype(dtype)


def _of_draws(name: str, value: Any, axes: str, count: int, *, draws: bool) -> Array:
    """Returns an array that all draws share, or one with a leading axis of them."""
    array = _checks.real_array(name, value)
    own = draws and array.ndim != len(axes.split())
    _checks.form(name, array, f"b {axes}" if own else axes)
    if own:
        _checks.same_length(name, array.shape[0], "params' first axis", count)
    return array


def mean(values: Float[Array, "*b n"], weights: Float[Array, " n"] | None) -> Float[Array, "*b"]:
    """Returns the mean over the training points, on the last axis."""
    return jnp.mean(values, axis=-1) if weights is None else values @ weights
