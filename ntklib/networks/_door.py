"""What a user's own function returns or is given: looked at once, before anything is computed.

Shapes and types are found by `jax.eval_shape`, values on arrays that are needed anyway or on a few
points. Inside jit, where arrays have no values, shapes and types are all that is looked at.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ntklib import _checks, _matrices
from ntklib.networks import _calls, _network
from ntklib.networks._network import Apply, Kernel, Network, Target

FEW = 8
"""Points on which a kernel is looked at; half as many are enough for a network."""
TURN = (1, 1, 0, 1)
"""Places of points in a second batch, which lacks some and repeats others."""
FLIPPED = 0.4
"""The share of a target's values that rounding may change, where it jumps."""

BY_POINT = "pass jax.vmap(target)."
BY_PAIR = "pass jax.vmap(jax.vmap(kernel, (None, 0)), (0, None))."
BY_INPUT = "pass jax.vmap(network, in_axes=(None, 0))."


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
    turn = np.resize(TURN, FEW)
    some, others = jnp.asarray(few), jnp.asarray(few[turn])
    gram = _matrices.symmetric_positive("kernel(x, x)", gram_of(kernel, some, some))
    across = gram_of(kernel, some, others)
    if np.any(_calls.changes(np.asarray(gram).T, np.asarray(across).T, turn)):
        raise ValueError(
            "kernel must give a pair of points the same value whatever points are beside them, a "
            "row for each x and a column for each x', but K(x, x') isn't made of the entries of "
            "K(x, x): don't take scales from the batch, and don't transpose."
        )


def network_of(build: Callable[[int], Network], width: int) -> Network:
    """Returns the network of a width, or says that build isn't a function to networks."""
    _calls.function("network", build, "of the width, m ↦ Network")
    found = build(width)
    if not isinstance(found, Network):
        raise TypeError(
            "network must be a function of the width, m ↦ Network, but returns a "
            f"{type(found).__name__}: wrap a network of one width as lambda m: …."
        )
    return found


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


def one_number_a_point(
    network: Network | Apply, batched_params: PyTree, points: Array, where: str
) -> None:
    """Raises an error, which says where it was evaluated, unless a network has one output."""
    if shape := _outputs(network, batched_params, points):
        raise _not_one(len(points), shape, where)


def one_or_several(
    network: Network | Apply, batched_params: PyTree, nodes: Array
) -> tuple[int, ...]:
    """Returns the axes of a network's output at one of the nodes, () or (o,) with o > 1.

    Raises:
      ValueError: the output has an axis of length 1.
    """
    shape = _outputs(network, batched_params, nodes)
    if shape == (1,):
        raise _not_one(len(nodes), shape, "the measure's nodes")
    return shape


def columns(name: str, array: Any, outputs: tuple[int, ...]) -> None:
    """Raises a ValueError unless an array of labels has a column for each output."""
    if array.ndim < 2 or array.shape[-1:] != outputs:
        raise ValueError(
            f"{name} must have a column for each of the network's {outputs[0]} outputs, got shape "
            f"{array.shape}: if the network should have one output, check its last layer and, with "
            "several draws, pass draws=True."
        )


def _not_one(q: int, shape: tuple[int, ...], where: str) -> ValueError:
    return ValueError(
        f"network must return one number a point, shape ({q},) for {where}, but returns shape "
        f"{(q, *shape)}: check its last layer and, with several draws, pass draws=True."
    )


def _outputs(network: Network | Apply, batched_params: PyTree, points: Array) -> tuple[int, ...]:
    if _network.functions(network)[1] is None:
        first = _first(batched_params)
    else:  # its shapes are all that is looked at
        first = jax.eval_shape(_first, batched_params)
    return outputs_of(network, first, points)


def one_output(network: Network | Apply, params: PyTree, points: Array) -> None:
    """Raises a ValueError if a network returns several numbers a point."""
    if shape := outputs_of(network, params, points):
        raise ValueError(
            f"network must have one output, but returns shape {(len(points), *shape)}: select "
            "one output coordinate."
        )


@jax.jit
def _first(batched_params: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[0], batched_params)


def outputs_of(network: Network | Apply, params: PyTree, points: Array) -> tuple[int, ...]:
    """Returns the axes of a network's output for one point: () or (o,).

    Whether points are seen one by one is looked at where the layers aren't known, at parameters
    beside those given, since a network may be 0 there.

    Raises:
      ValueError: what it returns depends on other points.
    """
    apply, forward = _network.functions(network)
    traced, single = functools.partial(jax.eval_shape, apply), lambda: (params, points[0])
    found = _calls.called("network", traced, (params, points), single, BY_INPUT)
    shape = _calls.array("network", found).shape
    if len(shape) not in (1, 2) or shape[0] != len(points) or 0 in shape:
        raise ValueError(
            f"network must return one number a point, shape ({len(points)},), or one for each "
            f"output, shape ({len(points)}, o), but returns shape {shape}: check its last layer. "
            f"If it takes one point at a time, {BY_INPUT}"
        )
    _checks.form("network(θ, x)", found, None)
    if forward is None and not _calls.traced(points, *jax.tree.leaves(params)):
        first, turn = np.asarray(points[: len(TURN)]), np.asarray(TURN)
        few = first[np.arange(len(TURN)) % len(first)]
        before, after = (_beside(params, batch, apply=apply) for batch in (few, few[turn]))
        if np.any(_calls.changes(before, after, turn)):
            raise ValueError(
                "network must give a point the same output whatever points are beside it, but "
                "its outputs change with them: normalize by fixed numbers, as a trained batch "
                "normalization does, or over each point's own features."
            )
    return shape[1:]


@functools.partial(jax.jit, static_argnames="apply")
def _beside(params: PyTree, points: Array, *, apply: Apply) -> Array:
    """Returns f at parameters that aren't those of a special start."""

    def moved(leaf: Any) -> Array:
        value = jnp.asarray(leaf)
        wave = jnp.cos(jnp.arange(value.size, dtype=value.dtype)).reshape(value.shape)
        return value + 0.1 * (1 + jnp.abs(value)) * wave

    return apply(jax.tree.map(moved, params), points)
