r"""Curvature of the loss at θ, and whether it goes with the error on new data.

The Hessian of $\Phi(\theta) = \frac{1}{2n}\sum_i (f(x_i;\theta) - y_i)^2$ is
$\partial^2_\theta\Phi = F + \frac1n\sum_i r_i\,\partial^2_\theta f(x_i;\theta)$ with the Fisher
information matrix $F = \frac1n\sum_i\nabla f(x_i)\nabla f(x_i)^T$, whose spectrum is
`spectrum.fisher_spectrum`, and $r_i = f(x_i;\theta) - y_i$: where the loss is 0, they are the same.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from ntklib import _checks
from ntklib.dynamics import _problem
from ntklib.measures import Measure
from ntklib.networks import Network, _network, _outputs, _parameters
from ntklib.networks._network import Apply, Target
from ntklib.spectrum import _krylov

__all__ = ["sharpness"]


def sharpness(
    network: Network | Apply,
    params: PyTree,
    target: Target | Float[Array, "*#b n"],
    measure: Measure,
    *,
    sample: Float[Array, "*#b n d"] | None = None,
) -> Float[np.ndarray, " b"]:
    r"""The sharpness at each of several θ: the largest eigenvalue of the Hessian of the loss.

    By a block Krylov method from products $\partial^2_\theta\Phi\,v$, the derivative of the
    gradient along v (Pearlmutter 1994, "Fast exact multiplication by the Hessian"): no p × p matrix
    is formed. One product costs about two gradients, and an eigenvalue takes about a hundred.
    Gradient descent with step η is stable at a minimum with sharpness below 2/η.

    Args:
      network: a `Network`, or any (θ, x) ↦ f(x; θ), shape (n,) for x of shape (n, d). It is
        compiled once for each object and shape.
      params: θ, each leaf with a leading axis b, in float64.
      target: f*, or labels, as `dynamics.gradient_descent` has it, such as one set for each θ.
      measure: ρ.
      sample: the training points x_i, shape (n, d), or (b, n, d) for those of each θ; None for
        n = ∞, the loss on the measure's nodes.

    Returns:
      The sharpness, in units of 1/time, shape (b,); negative where the loss is concave.

    Raises:
      RuntimeError: no convergence.
      TypeError: params are not float64.
      ValueError: a single parameter, or x64 is off.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import measures
      >>> from ntklib.theory import fisher
      >>> linear = lambda theta, x: x @ theta  # its Hessian is XᵀX/n
      >>> points = measures.empirical(jnp.array([[2.0, 0.0], [0.0, 4.0]]))
      >>> fisher.sharpness(linear, jnp.zeros((1, 2)), jnp.ones(2), points).round(6).tolist()
      [8.0]
    """
    _checks.require_x64("A spectrum")
    apply, _ = _network.functions(network)
    dtype, count = _parameters.dtype_of(params), _parameters.draw_count(params)
    if dtype != jnp.float64:
        raise TypeError(f"params must be float64 for a spectrum, got {dtype}: convert them.")
    problem = _problem.posed(target, measure, sample, dtype, count=count)
    _outputs.one_number_a_point(network, params, problem.points[0], "the points of a θ")
    p = sum(leaf[0].size for leaf in jax.tree.leaves(params))
    if p < 2:
        raise ValueError("params must hold at least two numbers: differentiate one twice yourself.")
    # Slices on the host cost no compilation.
    on_host = jax.device_get((params, problem.points, problem.labels))
    found = []
    for draw in range(count):
        point = _parameters.draw(on_host, draw)
        values, _ = _krylov.leading(_along((*point, problem.weights), apply), p, 1, "sharpness")
        found.append(values[0])
    return np.asarray(found)


def _along(point: tuple[PyTree, Any, Any, Any], apply: Apply) -> _krylov.Product:
    """Returns V ↦ the Hessian times V at (θ, points, labels, weights), in NumPy."""

    def product(v: np.ndarray) -> np.ndarray:
        return np.asarray(_product(*point, jnp.asarray(v), apply=apply))

    return product


@functools.partial(jax.jit, static_argnames="apply")
def _product(
    theta: PyTree,
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    weights: Float[Array, " n"] | None,
    v: Float[Array, "p b"],
    *,
    apply: Apply,
) -> Float[Array, "p b"]:
    """Returns the Hessian of the loss at θ times the vectors."""
    flat, as_tree = ravel_pytree(theta)

    def loss(vector: Array) -> Array:
        return _problem.loss(apply(as_tree(vector), x) - y, weights)

    return jax.vmap(jax.linearize(jax.grad(loss), flat)[1], 1, 1)(v)
