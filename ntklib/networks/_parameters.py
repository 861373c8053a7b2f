"""Parameters θ, looked at before anything is computed with them."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Array, PyTree

from ntklib import _checks
from ntklib.networks._network import Network

SPLIT = (
    "take the arrays out, and join them to the rest in network, as networks.from_equinox and "
    "networks.from_flax do of a module."
)


def dtype_of(params: PyTree, *, mixed: bool = False) -> Any:
    """Returns the floating-point type of all parameters; of the first where they may be mixed."""
    leaves = jax.tree.leaves_with_path(params)
    if not leaves:
        raise ValueError("params holds no arrays: pass the initial parameters θ₀.")
    kinds = []
    for path, leaf in leaves:
        if not isinstance(leaf, jax.Array | np.ndarray | np.generic | complex | float | int):
            raise TypeError(
                f"params must hold arrays only, but {jax.tree_util.keystr(path) or 'it'} is a "
                f"{type(leaf).__name__}: {SPLIT}"
            )
        kinds.append(_checks.real_array("params", leaf).dtype)
    if len(set(kinds)) > 1 and not mixed:
        names = sorted({str(kind) for kind in kinds})
        raise TypeError(f"params must be of one floating-point type, got {names}.")
    return kinds[0]


def starts(network: Network, keys: Array) -> PyTree:
    """Returns θ₀ for each key."""
    if not isinstance(network, Network):
        raise TypeError(
            "network must be a Network, which draws its parameters, got a "
            f"{type(network).__name__}: put init and apply into one."
        )
    try:
        return jax.vmap(network.init)(keys)
    except Exception as error:
        error.add_note(f"network.init was called by jax.vmap. If it returns a module, {SPLIT}")
        raise


def draw(params: PyTree, index: int) -> PyTree:
    """Returns one draw of parameters with a leading axis, or of other arrays that have it."""
    return _drawn(params, index)


@jax.jit
def _drawn(params: PyTree, index: Any) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[index], params)


def draw_count(params: PyTree) -> int:
    """Returns the length of the parameters' common leading axis."""
    lengths = {leaf.shape[0] if leaf.ndim else None for leaf in jax.tree.leaves(params)}
    if len(lengths) > 1 or None in lengths:
        raise ValueError(
            "with draws=True every array of params needs the same leading axis, one entry a draw: "
            "make them with jax.vmap(network.init)(keys)."
        )
    return jax.tree.leaves(params)[0].shape[0]
