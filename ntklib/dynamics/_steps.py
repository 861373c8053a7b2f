"""What the steps of gradient descent are: how many, of which optimizer, and on which batches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from ntklib import _arguments, _checks
from ntklib.dynamics._problem import Problem


def rule(
    optimizer: Any, dtype: Any
) -> tuple[Callable[[Array], optax.GradientTransformation], Array]:
    """Returns what makes the optimizer of a learning rate inside compiled code, and that rate."""
    if isinstance(optimizer, optax.GradientTransformation):
        return _Constant(optimizer), jnp.ones((), dtype)
    try:
        rate = _checks.positive("optimizer", optimizer)
    except TypeError:
        raise TypeError(
            "optimizer must be a learning rate or an optax.GradientTransformation such as "
            f"optax.adam(1e-3), got {optimizer!r}."
        ) from None
    return optax.sgd, jnp.asarray(rate, dtype)


@dataclass(frozen=True)
class _Constant:
    """Gives the same optimizer whatever the rate; equal for the same optimizer."""

    optimizer: optax.GradientTransformation

    def __call__(self, rate: Array) -> optax.GradientTransformation:
        return self.optimizer


def batch_size(batch: int | None, problem: Problem) -> int | None:
    """Returns how many points a step has, None where that is all of them."""
    if batch is None:
        return None
    size, points = _checks.whole_number("batch", batch, least=1), problem.points.shape[1]
    if problem.weights is not None:
        raise ValueError("batch needs sample: without one the loss is an integral over all nodes.")
    if size > points:
        raise ValueError(f"batch must be at most the {points} points of sample, got {size}.")
    return size


def keys(key: Any, count: int, *, wanted: bool) -> Array | None:
    """Returns a key for each draw, where there are batches."""
    if wanted:
        return jax.random.split(_arguments.key("key", key), count)
    if key is not None:
        raise TypeError("key draws the points of a batch: give batch too, or leave key out.")
    return None


def increasing(steps: Any) -> np.ndarray:
    """Returns the numbers of steps as an array, strictly increasing and non-negative."""
    array = np.asarray(steps)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"steps must list at least one number, got shape {array.shape}.")
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"steps must be whole numbers, got dtype {array.dtype}.")
    if array[0] < 0 or np.any(np.diff(array) <= 0):
        raise ValueError(
            "steps must be non-negative and strictly increasing: sort them and drop repetitions "
            f"(np.unique does both), got {array[:8].tolist()}{' …' if array.size > 8 else ''}"
        )
    return array
