"""Networks of several widths in one shape, hence one program."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ntklib import _checks
from ntklib.networks import Network, _network


@functools.cache
def adjustable(network: Network) -> Network:
    r"""One hidden layer of M neurons whose width is a parameter that training leaves as it is.

    Programs are compiled for shapes, and a flow takes longer to compile than to run, so networks of
    several widths are better trained as one shape. With factors $s_j = \sqrt{M/m}$ for j ≤ m and 0
    beyond, $f = \frac{1}{\sqrt M}\sum_j s_jv_j\,\omega(u_j) + c$ is the network of m neurons, and
    so are its derivatives; those for what belongs to other neurons are 0.

    Args:
      network: `networks.fully_connected` with one hidden layer, of width M.

    Returns:
      The network; the same argument gives the same object. Its parameters are those of `network`
      and the factors, which are 1 at first: `narrowed` sets them.

    Raises:
      TypeError: network is no `Network`.
      ValueError: it has another form, or isn't in NTK scaling.

    Example:
      >>> import jax
      >>> from ntklib import networks
      >>> from ntklib.dynamics import pools
      >>> network = pools.adjustable(networks.fully_connected(2, (8,), biases=True))
      >>> params = pools.narrowed(network.init(jax.random.key(0)), 2)
      >>> params["factors"].tolist()
      [2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network, got a {type(network).__name__}.")
    _network.require_ntk_scaling(network)
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    if not (isinstance(shapes, list) and len(shapes) == 2 and shapes[-1]["weight"].ndim == 1):
        raise ValueError(
            "network must be networks.fully_connected(d, (M,), …) with one hidden layer and one "
            f"output, before antisymmetric initialization, got {network!r}."
        )

    def init(key: Any) -> PyTree:
        layers = network.init(key)
        return {"layers": layers, "factors": jnp.ones_like(layers[-1]["weight"])}

    def apply(params: PyTree, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        hidden, last = params["layers"]
        factors = jax.lax.stop_gradient(params["factors"])
        return network.apply([hidden, last | {"weight": last["weight"] * factors}], x)

    name = f"{network.name}, of any width up to it"
    return Network(name, network.width, init, apply, network.kernel)


def narrowed(params: PyTree, m: int) -> PyTree:
    """Sets the width of an `adjustable` network, or of all that a tree of parameters holds.

    Args:
      params: of such a network, of its antisymmetric form or of many draws of either.
      m: how many of the M neurons take part, the first ones.

    Returns:
      The parameters with other factors.

    Raises:
      TypeError: m is no whole number.
      ValueError: m is less than 1 or more than M, or there are no factors.

    Example:
      >>> import jax
      >>> from ntklib import networks
      >>> from ntklib.dynamics import pools
      >>> wide = pools.adjustable(networks.fully_connected(2, (8,), biases=True))
      >>> antisymmetric = networks.antisymmetric(wide)
      >>> params = pools.narrowed(antisymmetric.init(jax.random.key(0)), 8)
      >>> params["plus"]["factors"].tolist() == params["minus"]["factors"].tolist() == [1.0] * 8
      True
    """
    found = 0

    def of_leaf(path: tuple[Any, ...], leaf: Array) -> Array:
        nonlocal found
        if getattr(path[-1] if path else None, "key", None) != "factors":
            return leaf
        found += 1
        widest = leaf.shape[-1]
        width = _checks.whole_number("m", m, least=1, most=widest)
        factors = jnp.where(jnp.arange(widest) < width, math.sqrt(widest / width), 0.0)
        return jnp.broadcast_to(factors.astype(leaf.dtype), leaf.shape)

    changed = jax.tree_util.tree_map_with_path(of_leaf, params)
    if not found:
        raise ValueError("params have no factors: draw them with pools.adjustable(network).init.")
    return changed
