"""The smallest network, measure and target that functions take."""

import jax
import jax.numpy as jnp

from ntklib import measures, networks, targets

KEY = jax.random.key(0)
CIRCLE = measures.circle(8)
TIMES = jnp.asarray([1.0])
TARGET = targets.FourierSum((1,), (1.0,))


def network(m: int) -> networks.Network:
    return networks.fully_connected(2, (m,))


NETWORK = network(4)
