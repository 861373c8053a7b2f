"""Layers one after another: few as one piece of a program, many as a loop over them."""

import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

SHALLOW = 8
"""Layers that become one loop over the entries of a tile, without arrays in between; a loop over
more layers keeps what is compiled small."""


def by_layer(stacked: PyTree) -> PyTree:
    """Returns arrays (layers, n) as a profile: of few layers a list of what belongs to each."""
    count = len(jax.tree.leaves(stacked)[0])
    if count > SHALLOW:
        return jax.tree.map(jnp.transpose, stacked)
    return [jax.tree.map(operator.itemgetter(k), stacked) for k in range(count)]


def both(one: PyTree, other: PyTree) -> Any:
    """Returns pairs of what belongs to a layer, of few layers one by one."""
    return list(zip(one, other, strict=True)) if isinstance(one, list) else (one, other)


def through(step: Callable[..., Any], state: Any, layers: Any) -> Any:
    """Returns the state after some layers."""
    if not isinstance(layers, list):
        return jax.lax.scan(step, state, layers)[0]
    for each in layers:
        state, _ = step(state, each)
    return state


def split(layers: Any) -> tuple[Any, Any]:
    """Returns what belongs to all layers but the last, and what belongs to that."""
    if isinstance(layers, list):
        return layers[:-1], layers[-1]
    return jax.tree.map(lambda v: v[:-1], layers), jax.tree.map(lambda v: v[-1], layers)
