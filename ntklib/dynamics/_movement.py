r"""What saved parameters tell: the loss along a flow, and how far θ moved."""

import functools
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

from ntklib.dynamics import _problem
from ntklib.measures import Measure
from ntklib.networks import Network, _network, _outputs, _parameters
from ntklib.networks._network import Apply, Target


def losses(
    network: Network | Apply,
    params: PyTree,
    target: Target | Float[Array, "..."],
    measure: Measure,
    *,
    sample: Float[Array, "*#b n d"] | None = None,
) -> Float[Array, "b s"]:
    r"""The loss $\Phi(\theta_t) = \frac{1}{2n}\sum_i (f(x_i;\theta_t) - f^*(x_i))^2$ along flows.

    With several outputs it is the sum of theirs, as `gradient_flow` has it.

    Args:
      network: a `Network`, or any (θ, x) ↦ f(x; θ), shape (n,) for x of shape (n, d).
      params: θ_t, each leaf with leading axes (b, s): `Trajectory.params` of a flow that kept them.
      target: f*, or labels, as `dynamics.gradient_descent` has it.
      measure: ρ.
      sample: the training points, shape (n, d) or (b, n, d); None for n = ∞.

    Returns:
      Φ, shape (b, s).

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import measures
      >>> from ntklib.dynamics import linearization
      >>> linear = lambda theta, x: x @ theta
      >>> along = jnp.array([[[0.0], [0.5], [1.0]]])  # θ of one draw at three times
      >>> one_point = measures.empirical(jnp.ones((1, 1)))
      >>> linearization.losses(linear, along, lambda x: x[:, 0], one_point).tolist()
      [[0.5, 0.125, 0.0]]
    """
    dtype, count = _parameters.dtype_of(params), _parameters.draw_count(params)
    start = _parameters.draw(params, 0)
    outputs = functools.partial(_outputs.one_or_several, network, start)
    problem = _problem.posed(target, measure, sample, dtype, outputs=outputs, count=count)
    apply, _ = _network.functions(network)
    return _losses(params, problem.points, problem.labels, problem.weights, apply=apply)


@functools.partial(jax.jit, static_argnames="apply")
def _losses(
    params: PyTree, points: Array, labels: Array, weights: Array | None, *, apply: Apply
) -> Float[Array, "b s"]:
    along = jax.vmap(apply, in_axes=(0, None))
    residuals = jax.vmap(along)(params, points) - labels[:, None]
    return _problem.loss(residuals, weights, several=labels.ndim > 2)


@dataclass(frozen=True, eq=False)
class Movement:
    """What `movement` returns."""

    norm: Float[np.ndarray, "b s"]
    relative: Float[np.ndarray, "b s"]
    largest: Float[np.ndarray, "b s"]


def movement(params: PyTree, start: PyTree) -> Movement:
    r"""Measures how far parameters moved.

    Args:
      params: θ_t, each leaf with leading axes (b, s): `Trajectory.params` of a flow that kept them.
      start: θ₀, each leaf with a leading axis b.

    Returns:
      The movement, each of shape (b, s): `norm`, $\|\theta_t - \theta_0\|$; `relative`, that over
      ‖θ₀‖, NaN where θ₀ = 0; and `largest`, $\max_j |\theta_{t,j} - \theta_{0,j}|$, in units of a
      parameter's own standard deviation where every $\theta_{0,j}$ is N(0, 1), as in this library.

    Raises:
      ValueError: the trees differ, or params lacks the axes (b, s, …) over start's (b, …).

    Example:
      >>> import numpy as np
      >>> from ntklib.dynamics import linearization
      >>> start = {"weight": np.zeros((1, 2))}  # one draw
      >>> along = {"weight": np.array([[[0.0, 0.0], [3.0, 4.0]]])}  # at two times
      >>> moved = linearization.movement(along, start)
      >>> moved.norm.tolist(), moved.largest.tolist()
      ([[0.0, 5.0]], [[0.0, 4.0]])
    """
    moved, first = (
        [path for path, _ in jax.tree.leaves_with_path(tree)] for tree in (params, start)
    )
    if moved != first:
        raise ValueError("params and start must be trees of the same structure: pass θ_t and θ₀.")
    changes, origins = [], []
    for leaf, origin in zip(jax.tree.leaves(params), jax.tree.leaves(start), strict=True):
        after, before = np.asarray(leaf), np.asarray(origin)
        if after.ndim < 2 or (after.shape[:1] + after.shape[2:]) != before.shape:
            raise ValueError(
                f"params must have the axes (b, s, …) where start has (b, …), got {after.shape} "
                f"and {before.shape}: integrate with draws=True and keep_params=True."
            )
        changes.append((after - before[:, None]).reshape(*after.shape[:2], -1))
        origins.append(before.reshape(len(before), -1))
    change = np.concatenate(changes, axis=-1)
    norm = np.linalg.norm(change, axis=-1)
    size = np.linalg.norm(np.concatenate(origins, axis=-1), axis=-1, keepdims=True)
    return Movement(norm, norm / np.where(size > 0, size, np.nan), np.abs(change).max(axis=-1))
