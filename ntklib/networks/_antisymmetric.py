"""Antisymmetric initialization, of any network."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ntklib import _arguments
from ntklib.networks import _network
from ntklib.networks._layers import Affine
from ntklib.networks._network import Network

SMALL = 2**20
"""Parameters times points up to which both halves are evaluated as one: the program of a flow
compiles in four fifths of the time, where a larger one would run for longer."""


def antisymmetric(network: Network) -> Network:
    r"""Antisymmetric initialization (ASI): f(·; θ₀) ≡ 0 without changing the tangent kernel.

    $f(x; (\theta, \theta')) = (g(x; \theta) - g(x; \theta'))/\sqrt{2}$ with θ' = θ at the start:
    the gradients of the two halves have the same Gram matrix, each counted half (Zhang et al.
    2020, "A type of generalization error induced by initialization in deep neural networks").

    Args:
      network: g.

    Returns:
      The network f, with twice the parameters and the width and kernel of g.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from ntklib import networks
      >>> network = networks.antisymmetric(networks.fully_connected(2, (4,), biases=True))
      >>> params = network.init(jax.random.key(0))
      >>> network.apply(params, jnp.eye(2)).tolist()
      [0.0, 0.0]
    """
    if not isinstance(network, Network):
        raise TypeError(
            f"network must be a Network, got a {type(network).__name__}: put init, apply and "
            "kernel of your own into one."
        )
    return _antisymmetric(network)


@_network.made_by
def _antisymmetric(network: Network) -> Network:
    def init(key: Any) -> PyTree:
        params = network.init(_arguments.key("key", key))
        return {"plus": params, "minus": params}

    @functools.partial(jax.jit, inline=True)
    def apply(params: PyTree, x: Float[Array, "n d"]) -> Float[Array, "n *o"]:
        halves = params["plus"], params["minus"]
        # A network whose layers aren't known may have operations that aren't for several at once.
        if network.forward is not None and _network.count(halves[0]) * len(x) <= SMALL:
            together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *halves)
            plus, minus = jax.vmap(network.apply, (0, None))(together, x)
        else:
            plus, minus = (network.apply(half, x) for half in halves)
        return (plus - minus) / math.sqrt(2)

    def forward(params: PyTree, x: Float[Array, "n d"], affine: Affine) -> Float[Array, "n *o"]:
        assert network.forward is not None  # noqa: S101  # see below
        plus, minus = (network.forward(params[half], x, affine) for half in ("plus", "minus"))
        return (plus - minus) / math.sqrt(2)

    return Network(
        name=f"{network.name}, antisymmetric",
        width=network.width,
        init=init,
        apply=apply,
        kernel=network.kernel,
        forward=None if network.forward is None else forward,
    )
