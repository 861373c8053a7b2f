"""Tangent kernels along a flow: what they are summarized by, over draws and times."""

import math
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array, Float

from ntklib import _arguments, _checks, _progress, _shown
from ntklib.dynamics._flows import Trajectory
from ntklib.kernels import DEFAULT_BUDGET, empirical
from ntklib.measures import Measure
from ntklib.networks import Network, _door, _outputs, _parameters
from ntklib.networks._network import Apply, Target


@dataclass(frozen=True, eq=False)
class KernelsAlong:
    """What `kernels_along` returns."""

    times: Float[Array, " s"]
    eigenvalues: Float[np.ndarray, "*b s k"]
    norms: Float[np.ndarray, "*b s"]
    distances: Float[np.ndarray, "*b s"]
    alignments: Float[np.ndarray, "*b s"] | None

    def __repr__(self) -> str:
        *draws, s, k = self.eigenvalues.shape
        axes = "".join(f"draws={b}, " for b in draws)
        aligned = "" if self.alignments is None else ", alignments"
        return f"KernelsAlong({axes}s={s}, t {_shown.span(self.times)}, {k} eigenvalues{aligned})"


def kernels_along(
    network: Network | Apply,
    trajectory: Trajectory,
    measure: Measure,
    *,
    target: Target | Float[Array, " q"] | None = None,
    leading: int = 10,
    memory_budget: int = DEFAULT_BUDGET,
    progress: bool = True,
) -> KernelsAlong:
    r"""Follows the tangent kernel $K_t$ of a flow: its spectrum, its movement, its alignment.

    Of every draw and time the kernel is computed at the measure's nodes, summarized and dropped;
    only that of the draw's first time, $K_0$, is held beside it.

    Args:
      network: whose flow it is; a `Network`, or any (θ, x) ↦ f(x; θ) with one output.
      trajectory: of one draw or several, with `keep_params=True`. Let its times begin with 0, or
        $K_0$ is the kernel at the first of them.
      measure: ρ; for points of any set `measures.empirical(points)`, whose weights are 1/q.
      target: y, as a function or by its values at the nodes; None for no alignments.
      leading: how many eigenvalues are kept, all q at most.
      memory_budget: bytes for each kernel, as `kernels.empirical` has it.
      progress: whether a bar appears when it takes long.

    Returns:
      The summaries, with a leading axis b where the trajectory has draws: `eigenvalues` of the
      integral operator $T_{K_t}$ on $L^2(\rho)$, those of $K_t/q$ for weights 1/q, descending,
      shape (b, s, k); `norms`, $\|K_t\|_{L^2(\rho\otimes\rho)}$, and `distances`,
      $\|K_t - K_0\|_{L^2(\rho\otimes\rho)}$, as `kernels.distance` has them, shape (b, s);
      `alignments`, $\langle y, T_{K_t}y\rangle/(\|K_t\|\,\|y\|^2)$ with these norms, which is
      $y^TK_ty/(\|K_t\|_F\,\|y\|^2)$ for equal weights and at most 1, shape (b, s); and `times`.

    Raises:
      ValueError: parameters weren't kept, the network has several outputs, y is 0, or a budget
        that is too small.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import dynamics, measures
      >>> square, target = lambda theta, x: x @ theta**2, lambda x: 4 * x[:, 0]
      >>> circle, times = measures.circle(4), jnp.array([0.0, 50.0])
      >>> flow = dynamics.gradient_flow(
      ...     square, jnp.ones(2), target, circle, times, keep_params=True
      ... )
      >>> along = dynamics.kernels_along(square, flow, circle, target=target)
      >>> along.eigenvalues[:, 0].round(4).tolist()  # that of x₁ is 2θ₁², and θ₁ goes from 1 to 2
      [2.0, 8.0]
      >>> along.alignments.round(4).tolist()  # x₂ is unlearned, and only x₁ is left
      [0.7071, 1.0]
    """
    _checks.require_x64("A difference of kernels")
    count = _checks.whole_number("leading", leading, least=1)
    shown = _arguments.flag("progress", progress)
    if trajectory.params is None:
        raise ValueError("trajectory has no θ_t: integrate with keep_params=True.")
    roots = np.sqrt(np.asarray(measure.weights))
    labels = None if target is None else roots * _values(target, measure)
    axes = (*trajectory.steps.shape, *trajectory.times.shape)
    # On one axis, draw by draw.
    params = jax.tree.map(
        lambda leaf: leaf.reshape(-1, *leaf.shape[len(axes) :]), trajectory.params
    )
    _outputs.one_output(network, _parameters.draw(params, 0), measure.nodes)
    found, first = [], np.empty(0)
    with _progress.display("kernels", math.prod(axes), shown=shown) as bar:
        for index in range(math.prod(axes)):
            theta = _parameters.draw(params, index)
            gram = empirical(network, theta, measure.nodes, memory_budget=memory_budget)
            weighted = roots[:, None] * np.asarray(gram) * roots
            first = weighted if index % axes[-1] == 0 else first
            found.append(_summary(weighted, first, labels, count))
            bar.update(1)
    values, norms, distances, alignments = (
        np.stack(each).reshape(*axes, *each[0].shape) for each in zip(*found, strict=True)
    )
    aligned = None if labels is None else alignments
    return KernelsAlong(trajectory.times, values, norms, distances, aligned)


def _values(target: Target | Array, measure: Measure) -> np.ndarray:
    """Returns y at the nodes."""
    if callable(target):
        values = _door.values_of(target, measure.nodes)
    else:
        values = _checks.real_array("target", target, "q")
        _checks.same_length("target", values.shape[0], "measure.nodes", measure.nodes.shape[0])
    if not np.any(values):
        raise ValueError("target is 0 at all nodes: nothing can be aligned with it.")
    return np.asarray(values)


def _summary(
    weighted: np.ndarray, first: np.ndarray, labels: np.ndarray | None, count: int
) -> tuple[np.ndarray, ...]:
    """Returns the numbers of one kernel, with the roots of the weights in all matrices."""
    values = np.linalg.eigvalsh(weighted)[::-1][:count]
    norm = np.linalg.norm(weighted)
    overlap = np.nan if labels is None else labels @ weighted @ labels / (labels @ labels)
    distance = np.linalg.norm(weighted - first)
    return values, np.asarray(norm), np.asarray(distance), np.asarray(overlap / norm)
