r"""One pool of neurons cut into networks of different widths, for exponents in the width.

The errors of narrow networks have a long tail, for single neurons with a large outgoing weight. Of
a pool of M neurons one network of width M can be made, or M/m networks of width m. The mean of an
error over the networks of a pool has the same expectation as that of a network drawn by itself,
and the pool's large neurons are in it at every width, so that they drop out of an exponent: with
$T_{K_0 - K^\infty}r_0 = \frac1m\sum_i g_i$ over the neurons of a network and independent $g_i$ of
mean 0,

$$\frac mM\sum_{\text{networks}}\Big\|\frac1m\sum_i g_i\Big\|^2 = \frac1{mM}\Big(\sum_{i=1}^M
  \|g_i\|^2 + \sum_{i\ne j\text{ of one network}}\langle g_i, g_j\rangle\Big).$$

The first sum, with the tail, is the same at every width, and the second has the mean 0. Pools are
independent: use `statistics.fit_rate(..., paired=True)`.

`adjustable` makes networks of several widths one shape, hence one program.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ntklib import _arguments, _checks
from ntklib.dynamics import _flows
from ntklib.dynamics._adjustable import adjustable, narrowed
from ntklib.measures import Measure
from ntklib.networks import Network, _network, _outputs, _parameters
from ntklib.networks._network import Target

__all__ = ["adjustable", "cut", "flows", "narrowed"]


def cut(params: PyTree, m: int) -> PyTree:
    r"""Cuts networks with one hidden layer of M neurons into M/m networks of m neurons each.

    With NTK scaling a tangent kernel at the start is a mean over neurons, so that of a pool is the
    mean of those of its networks.

    Args:
      params: of b networks, each leaf of shape (b, M, ...) or (b,), such as an output's bias, which
        all networks of a pool get.
      m: width of the networks.

    Returns:
      The parameters of b·M/m networks, those of one pool beside each other.

    Raises:
      ValueError: m doesn't divide M, or the leaves differ in M, as with several hidden layers.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib.dynamics import pools
      >>> pools_of_eight = [
      ...     {"weight": jnp.zeros((3, 8, 2))},
      ...     {"weight": jnp.zeros((3, 8))},
      ... ]  # 3 pools
      >>> [layer["weight"].shape for layer in pools.cut(pools_of_eight, 2)]  # 12 networks
      [(12, 2, 2), (12, 2)]
    """
    width = _checks.whole_number("m", m, least=1)
    neurons = {leaf.shape[1] for leaf in jax.tree.leaves(params) if leaf.ndim > 1}
    if len(neurons) != 1:
        raise ValueError(
            "params must be of networks with one hidden layer and a leading axis of pools: the "
            f"second axes have the lengths {sorted(neurons)}."
        )
    (widest,) = neurons
    if widest % width:
        raise ValueError(f"m must divide the {widest} neurons of a pool, got {width}.")

    def of_leaf(leaf: Array) -> Array:
        if leaf.ndim == 1:
            return jnp.repeat(leaf, widest // width)
        return leaf.reshape(-1, width, *leaf.shape[2:])

    return jax.tree.map(of_leaf, params)


def flows(
    network: Callable[[int], Network],
    target: Target,
    measure: Measure,
    times: Float[Array, " s"],
    keys: Any,
    *,
    m: int,
    widest: int,
    points: Float[Array, "N d"],
    n: int | None = None,
    **options: Any,
) -> Float[Array, "b c s q"]:
    """Gradient flows of all networks of width m in each pool.

    A program is compiled for each number of training points, so all n are trained on N points: a
    sample of n points, each N/n times, is the same empirical measure.

    Args:
      network: width ↦ network with one hidden layer.
      target: f*.
      measure: ρ.
      times: where residuals are wanted, shape (s,).
      keys: b keys, one for each pool: of its neurons and of its N·M/m points.
      m: width of the networks.
      widest: M, the neurons of a pool, a multiple of m.
      points: N points that stand for ρ with equal weights, shape (N, d).
      n: sample size, which divides N. With n = N each network has a part of the pool's points to
        itself; a smaller sample is made of the pool's first points, for all of its networks. None
        for n = ∞, the loss on `points`.
      **options: passed to `dynamics.gradient_flow`, such as rtol.

    Returns:
      r_t at the nodes, by pool and network, shape (b, M/m, s, q).

    Raises:
      ValueError: n doesn't divide N, or the network isn't in NTK scaling; or as `cut` and
        `dynamics.gradient_flow` do.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from ntklib import measures, networks, targets
      >>> from ntklib.dynamics import pools
      >>> circle, times = measures.circle(8), jnp.linspace(0.1, 1.2, 12)
      >>> found = pools.flows(
      ...     lambda m: networks.antisymmetric(networks.fully_connected(2, (m,), biases=True)),
      ...     targets.FourierSum((1,), (1.0,)),
      ...     circle,
      ...     times,
      ...     jax.random.split(jax.random.key(0), 1),
      ...     m=4,
      ...     widest=8,
      ...     points=circle.nodes,
      ...     n=8,
      ...     progress=False,
      ... )
      >>> found.shape  # pools, networks of a pool, times, nodes
      (1, 2, 12, 8)
    """
    keys = _arguments.keys("keys", keys)
    size, d = _checks.real_array("points", points, "N d").shape
    if d != measure.nodes.shape[1]:
        raise ValueError(
            f"points must hold points of {measure.nodes.shape[1]} dimensions, like the measure's "
            f"nodes, got shape {points.shape}."
        )
    if n is not None and size % _checks.whole_number("n", n, least=1):
        raise ValueError(f"n must divide the {size} points of the program, got {n}.")
    neuron_keys, point_keys = jax.vmap(jax.random.split, out_axes=1)(keys)
    pool = _outputs.network_of(network, widest)
    _network.require_ntk_scaling(pool)
    theta_0 = cut(_parameters.starts(pool, neuron_keys), m)
    copies = widest // m
    if n is None:
        sample = jnp.broadcast_to(points, (len(keys) * copies, size, d))
    else:
        drawn = jax.vmap(lambda key: measure.sample(key, size * copies))(point_keys)
        if n < size:
            drawn = jnp.tile(drawn[:, None, :n], (1, copies, size // n, 1))
        sample = drawn.reshape(-1, size, d)
    found = _flows.gradient_flow(
        network(m), theta_0, target, measure, times, sample=sample, draws=True, **options
    )
    return found.residuals.reshape(len(keys), copies, *found.residuals.shape[1:])
