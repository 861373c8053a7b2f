"""What a user's own function returns or is given: looked at once, before anything is computed.

Shapes and types are found by `jax.eval_shape`, values on arrays that are needed anyway or on a few
points. Inside jit, where arrays have no values, shapes and types are all that is looked at.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks, _matrices
from ntklib.networks import _calls, _network
from ntklib.networks._network import Kernel, Target

FEW = 8
"""Points on which a kernel is looked at."""
FLIPPED = 0.4
"""The share of a target's values that rounding may change, where it jumps."""

BY_POINT = "pass jax.vmap(target)."
BY_PAIR = "pass jax.vmap(jax.vmap(kernel, (None, 0)), (0, None))."


def values_of(
    target: Target, points: Array, *, alone: bool = True, outputs: tuple[int, ...] | None = ()
) -> Array:
    """Returns f* at points of shape (..., d), with the points' leading axes.

    Args:
      target: f*; whole numbers that it returns become numbers of the points' type.
      points: where.
      alone: whether a value must not depend on the other points. It may where all of them are
        one set, the nodes, that the labels of a data set belong to.
      outputs: () for one value a point, or (o,); None where the target may say which.

    Raises:
      ValueError: values depend on the other points.
    """
    _calls.function("target", target, "of points, x ↦ f*(x), such as a targets.FourierSum")
    flat = points if points.ndim == 2 else points.reshape(-1, points.shape[-1])
    values = _values(target, flat, outputs)
    if alone and not _calls.traced(flat, values):
        turn = np.arange(len(flat)) // 3  # as many, or what the target calls were compiled anew
        changed = _calls.changes(
            values, _values(target, jnp.asarray(np.asarray(flat)[turn]), outputs), turn
        )
        if np.mean(changed) > FLIPPED:
            raise ValueError(
                "target must give a point the same value whatever points are beside it, but the "
                "values change with them: use fixed numbers in the place of a batch's mean or "
                "scale, and give labels of a sample as an array."
            )
    return values if points.ndim == 2 else values.reshape(*points.shape[:-1], *values.shape[1:])


def _values(target: Target, flat: Array, outputs: tuple[int, ...] | None) -> Array:
    values = _calls.array(
        "target", _calls.called("target", target, (flat,), lambda: (flat[0],), BY_POINT)
    )
    if outputs is None and values.ndim == 2 and values.shape[1] > 1:
        outputs = values.shape[1:]
    if outputs:
        columns("target", values, outputs)
    shape = (len(flat), *(outputs or ()))
    if values.shape != shape:
        number = outputs[0] if outputs else "one"
        raise ValueError(
            f"target must return {number} number{'s' * bool(outputs)} a point, shape {shape}, but "
            f"returns shape {values.shape}: index or squeeze away axes of length 1, and fill "
            f"constants up with jnp.full. If it takes one point at a time, {BY_POINT}"
        )
    if values.dtype == bool or jnp.issubdtype(values.dtype, jnp.integer):
        values = values.astype(flat.dtype)
    return _checks.real_array("target(x)", values)


def gram_of(kernel: Kernel, x1: Array, x2: Array) -> Float[Array, "n k"]:
    """Returns K(x1, x2)."""
    kernel_function(kernel)
    pair = lambda: (x1[0], x2[0])  # noqa: E731
    gram = _calls.array("kernel", _calls.called("kernel", kernel, (x1, x2), pair, BY_PAIR))
    if gram.shape != (len(x1), len(x2)):
        raise ValueError(
            f"kernel must return one number a pair of points, shape {(len(x1), len(x2))}, but "
            f"returns shape {gram.shape}: a row for each x and a column for each x'. "
            f"If it takes one pair at a time, {BY_PAIR}"
        )
    return _checks.real_array("kernel(x, x')", gram)


def kernel_function(kernel: Kernel) -> None:
    """Raises a TypeError unless a kernel is a function."""
    _calls.function("kernel", kernel, "of two sets of points, (x, x') ↦ Gram matrix")


def look_at_kernel(kernel: Kernel, points: Array) -> None:
    """Raises an error unless a kernel's Gram matrix of a few points is one.

    The analytic kernels of this library are not looked at: they would be compiled for it.

    Raises:
      ValueError: entries depend on other points than their own two.
    """
    if isinstance(kernel, _network.Analytic) or _calls.traced(points):
        return
    few = np.asarray(points)[np.linspace(0, len(points) - 1, FEW).astype(int)]
    turn = np.resize(_calls.TURN, FEW)
    some, others = jnp.asarray(few), jnp.asarray(few[turn])
    gram = _matrices.symmetric_positive("kernel(x, x)", gram_of(kernel, some, some))
    across = gram_of(kernel, some, others)
    if np.any(_calls.changes(np.asarray(gram).T, np.asarray(across).T, turn)):
        raise ValueError(
            "kernel must give a pair of points the same value whatever points are beside them, a "
            "row for each x and a column for each x', but K(x, x') isn't made of the entries of "
            "K(x, x): don't take scales from the batch, and don't transpose."
        )


def profile_of(profile: Callable[[Array], Any], t: np.ndarray) -> np.ndarray:
    """Returns g(t), or says what is wrong with it; g may be one number for all t."""
    _calls.function("profile", profile, "of t ∈ [−1, 1], t ↦ g(t)")
    values = _checks.real_array("profile(t)", _calls.array("profile", profile(jnp.asarray(t))))
    if values.shape not in ((), t.shape):
        raise ValueError(
            f"profile must return one number for each t, shape {t.shape}, but returns shape "
            f"{values.shape}: index or squeeze away axes of length 1."
        )
    return np.asarray(values)


def columns(name: str, array: Any, outputs: tuple[int, ...]) -> None:
    """Raises a ValueError unless an array of labels has a column for each output."""
    if array.ndim < 2 or array.shape[-1:] != outputs:
        raise ValueError(
            f"{name} must have a column for each of the network's {outputs[0]} outputs, got shape "
            f"{array.shape}: if the network should have one output, check its last layer and, with "
            "several draws, pass draws=True."
        )
