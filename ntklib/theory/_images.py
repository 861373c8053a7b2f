r"""The functions $T_n^0 r_0$ of many initializations at once."""

import functools

import jax
from jaxtyping import Array, Float, PyTree

from ntklib import _checks
from ntklib.measures import Measure
from ntklib.networks import Network, _door, _network, _outputs, _parameters
from ntklib.networks._network import Apply, Target

SIDE_BY_SIDE = 256
"""Draws whose images are computed at once: narrow networks are too small for one at a time."""


def images(
    network: Network | Apply,
    params: PyTree,
    target: Target,
    measure: Measure,
    *,
    sample: Float[Array, "b n d"] | None = None,
) -> Float[Array, "b q"]:
    r"""The functions $T_n^0 r_0$ of many initializations, r₀ = −f*, without their kernels.

    $T_n^0 r_0(x) = \frac1n\sum_i K_0(x, x_i)\,r_0(x_i)$ is minus the speed at which f(x) sets out.
    It is the product J(Jᵀ·) of one gradient and one directional derivative, so 10⁵ draws of a
    narrow network take a second. With one hidden layer it is a mean over neurons: the images of
    `pools.cut(params, 1)` make those of every width.

    Args:
      network: a `Network`, or any (θ, x) ↦ f(x; θ) that returns shape (q,) for x of shape (q, d);
        compiled once for each object and shape.
      params: θ₀, each leaf with a leading axis b.
      target: f*.
      measure: ρ.
      sample: shape (b, n, d), one a draw; None for n = ∞, by the measure's nodes and weights.

    Returns:
      At the nodes, shape (b, q).

    Raises:
      TypeError: the arrays are not floating-point numbers, network or target is no function.
      ValueError: wrong shapes, NaN or infinite values, several outputs, or x64 is off.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import measures
      >>> from ntklib.theory import onset
      >>> linear, two = lambda theta, x: x @ theta, measures.empirical(jnp.eye(2))
      >>> onset.images(linear, jnp.zeros((1, 2)), lambda x: x[:, 0], two).tolist()
      [[-0.5, 0.0]]
    """
    _checks.require_x64("A difference of kernels")
    _parameters.dtype_of(params)
    draws = _parameters.draw_count(params)
    apply, _ = _network.functions(network)
    nodes = measure.nodes
    shares, points = -measure.weights * _door.values_of(target, nodes), nodes
    if sample is not None:
        points = _checks.real_array("sample", sample, "b n d")
        _checks.same_length("sample", points.shape[0], "the leading axis of params", draws)
        shares = -_door.values_of(target, points, alone=False) / points.shape[1]
    _outputs.one_number_a_point(network, params, nodes, "the nodes")
    found = _images(params, points, shares, nodes, apply=apply, shared=sample is None)
    return _checks.real_array("T_n⁰ r₀", found)


@functools.partial(jax.jit, static_argnames=("apply", "shared"))
def _images(
    params: PyTree, points: Array, shares: Array, nodes: Array, *, apply: Apply, shared: bool
) -> Float[Array, "b q"]:
    def one(draw: tuple[PyTree, ...]) -> Array:
        theta, x, share = (*draw, points, shares) if shared else draw
        _, pullback = jax.vjp(lambda each: apply(each, x), theta)
        (gradient,) = pullback(share)
        return jax.jvp(lambda each: apply(each, nodes), (theta,), (gradient,))[1]

    batch = (params,) if shared else (params, points, shares)
    return jax.lax.map(one, batch, batch_size=SIDE_BY_SIDE)
