"""What is asked of whatever a reader's function returns, and what is said where it fails."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

TURN = (1, 1, 0, 1)
"""Places of points in a second batch, which lacks some and repeats others."""


def changes(values: Any, again: Any, turn: np.ndarray) -> np.ndarray:
    """Returns which rows of a second batch differ from those of the first by more than rounding.

    Sums in another order differ by some ε, which cancellation makes larger; a batch's mean or
    scale changes everything: ⁴√ε is far from both. What isn't finite says nothing.
    """
    before, after = np.asarray(values), np.asarray(again)
    if not (np.all(np.isfinite(before)) and np.all(np.isfinite(after))):
        return np.zeros(before.shape, bool)
    eps = float(np.finfo(before.dtype).eps)
    slack = eps**0.25 * np.max(np.abs(before))
    return np.abs(after - before[turn]) > slack


def function(name: str, value: Any, form: str) -> None:
    if not callable(value):
        shape = getattr(value, "shape", None)
        got = repr(value)[:60] if shape is None else f"an array of shape {shape}"
        raise TypeError(f"{name} must be a function {form}, got {got}.")


def called(
    name: str,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    single: Callable[[], tuple[Any, ...]],
    remedy: str,
) -> Any:
    """Returns what a function returns; where it fails, says of what or how to mend it."""
    try:
        return function(*arguments)
    except Exception as error:
        if _is_number(function, single):
            raise ValueError(f"{name} takes one point at a time: {remedy}") from error
        shapes = " and ".join(str(each.shape) for each in arguments if hasattr(each, "shape"))
        error.add_note(f"{name} was called with points of shape {shapes}.")
        raise


def _is_number(function: Callable[..., Any], single: Callable[[], tuple[Any, ...]]) -> bool:
    """Returns whether a function of one point returns one number."""
    try:
        return np.shape(function(*single())) == ()
    except Exception:  # the first error says more
        return False


def array(name: str, found: Any) -> Any:
    """Returns an array, or the shape of one, or says that it is none."""
    if hasattr(found, "shape"):
        return found if isinstance(found, jax.Array | jax.ShapeDtypeStruct) else jnp.asarray(found)
    if not isinstance(found, list | complex | float | int):
        raise TypeError(f"{name} must return an array, got a {type(found).__name__}.")
    array = np.asarray(found)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{name} must return an array of numbers, got dtype {array.dtype}.")
    return jnp.asarray(array)


def traced(*arrays: Any) -> bool:
    return any(isinstance(each, jax.core.Tracer) for each in arrays)
