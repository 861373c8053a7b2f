"""Tangent kernels of many initializations."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree
from tqdm import tqdm

from ntklib import _arguments, _checks, _device
from ntklib.kernels import _gram, _routes
from ntklib.measures import Measure
from ntklib.networks import Network, _network, _outputs, _parameters
from ntklib.networks._network import Apply


def kernel_distances(
    network: Network,
    params: PyTree,
    grams: Mapping[str, Float[Array, "q q"]],
    measure: Measure,
) -> dict[str, Float[Array, " b"]]:
    r"""The distances $\|K - K_0\|_{L^2(\rho\otimes\rho)}$ of independent initializations.

    Of each K, a Gram matrix at the nodes, one distance a draw, shape (b,).
    """
    _parameters.dtype_of(params, mixed=True)
    all_grams, found = jnp.stack(list(grams.values())), []
    on_host = jax.device_get(params)  # whose slices cost no compilation
    for draw in range(_parameters.draw_count(params)):
        theta_0 = jax.tree.map(lambda leaf, draw=draw: leaf[draw], on_host)
        at_start = _gram.empirical(network, theta_0, measure.nodes)
        found.append(_gram.distance(all_grams, at_start[None], measure))
    return dict(zip(grams, jnp.stack(found, axis=1), strict=True))


def initial_kernels(
    network: Network | Apply,
    x: Float[Array, "q d"],
    key: Any,
    *,
    draws: int,
    init: Callable[[Any], PyTree] | None = None,
) -> Float[Array, "b q q"]:
    r"""The tangent kernels K₀ of independent initializations, for many draws at few points.

    Entry [b] is `kernels.empirical(network, init(keys[b]), x)` up to rounding, with the keys of
    `jax.random.split(key, draws)`. What are several steps in `empirical` is one program here, so a
    draw of a small network takes a millisecond; there is no memory budget, and the factors of all
    points are held at once. θ₀ is drawn, used and dropped, one draw after the other.

    Args:
      network: a `Network`, or any (θ, x) ↦ f(x; θ) that returns shape (q,) for x of shape (q, d).
        Compiled once for each object and shape.
      x: points, shape (q, d).
      key: a `jax.random.key`.
      draws: how many initializations b.
      init: key ↦ θ₀. Needed with an apply function; a `Network` brings its own.

    Returns:
      The Gram matrices, shape (b, q, q).

    Raises:
      ValueError: init is missing, or the network has several outputs.

    Example:
      >>> import jax
      >>> from ntklib import kernels, measures, networks
      >>> network, circle = networks.fully_connected(2, (4,), biases=True), measures.circle(8)
      >>> kernels.initial_kernels(network, circle.nodes, jax.random.key(0), draws=2).shape
      (2, 8, 8)
    """
    points = _checks.real_array("x", x, "q d")
    key, count = _arguments.key("key", key), _checks.whole_number("draws", draws, least=1)
    apply, forward = _network.functions(network)
    if isinstance(network, Network):
        init = init or network.init
    if init is None:
        raise ValueError("init must be given with an apply function: a function key ↦ θ₀.")
    keys = jax.random.split(key, count)
    first = init(keys[0])
    _parameters.dtype_of(first, mixed=True)
    _outputs.one_output(network, first, points)
    shown = tqdm(keys, desc="initial kernels", delay=2)
    # θ₀ isn't drawn in the compiled function: drawing is what takes long to compile, and this way
    # layers of one shape are compiled once for all networks.
    grams = [_routes.gram(init(each), points, apply=apply, forward=forward) for each in shown]
    return jnp.stack(grams)


def tangent_kernels(
    network: Network | Apply, params: PyTree, points: Float[Array, "b q d"]
) -> Float[Array, "b q q"]:
    r"""The tangent kernels of several parameters, each at its own points.

    `kernels.empirical` for many small cases, compiled once for a network, without a memory budget.

    Args:
      network: a `Network`, or any (θ, x) ↦ f(x; θ), shape (q,) for x of shape (q, d).
      params: θ, each leaf with a leading axis b.
      points: shape (b, q, d).

    Returns:
      $\langle\nabla_\theta f(x_i;\theta), \nabla_\theta f(x_j;\theta)\rangle$, shape (b, q, q).

    Raises:
      ValueError: several outputs.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import kernels
      >>> linear = lambda theta, x: x @ theta
      >>> points = jnp.array([[[1.0, 0.0], [1.0, 2.0]]])
      >>> kernels.tangent_kernels(linear, jnp.zeros((1, 2)), points).tolist()
      [[[1.0, 1.0], [1.0, 5.0]]]
    """
    return tangents(network, params, _checks.real_array("points", points, "b q d"))[0]


def tangents(
    network: Network | Apply, params: PyTree, points: Float[Array, "b q d"]
) -> tuple[Float[Array, "b q q"], Float[Array, "b q"]]:
    """Returns the tangent kernels and the values of f."""
    _parameters.dtype_of(params)
    _checks.same_length(
        "params' leading axis", _parameters.draw_count(params), "the points", points.shape[0]
    )
    apply, forward = _network.functions(network)
    _outputs.one_number_a_point(network, params, points[0], "the points of a draw")
    return _gradients(
        (params, points),
        apply=apply,
        forward=forward,
        side_by_side=_device.side_by_side(),
    )


@functools.partial(jax.jit, static_argnames=("apply", "forward", "side_by_side"))
def _gradients(
    batch: PyTree, *, apply: Apply, forward: Callable[..., Array] | None, side_by_side: bool
) -> tuple[Array, Array]:
    def one(draw: tuple[PyTree, Array]) -> tuple[Array, Array]:
        theta, x = draw
        return _routes.gram(theta, x, apply=apply, forward=forward), apply(theta, x)

    return _device.over_draws(one, batch, side_by_side=side_by_side)
