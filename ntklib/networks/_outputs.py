"""What a user's network returns: looked at once, like what `_door` looks at."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ntklib import _checks
from ntklib.networks import _calls, _network
from ntklib.networks._network import Apply, Network

BY_INPUT = "pass jax.vmap(network, in_axes=(None, 0))."


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
        first, turn = np.asarray(points[: len(_calls.TURN)]), np.asarray(_calls.TURN)
        few = first[np.arange(len(_calls.TURN)) % len(first)]
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
