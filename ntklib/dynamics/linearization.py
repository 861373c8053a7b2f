r"""Networks beside their linearizations: flows whose kernel stands still, and how far θ moves.

The linearized network

$$f_{lin}(x;\theta) = f(x;\theta_0) + \langle\nabla_\theta f(x;\theta_0), \theta - \theta_0\rangle$$

is trained by K₀, the network of infinite width by $K^\infty$. Neither
moves, so both flows have a closed form. `dynamics.gradient_flow(..., linearized=True)`
integrates the first, and has its θ_t.
"""

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ntklib import _checks
from ntklib.dynamics import _decay, _problem
from ntklib.dynamics._movement import losses, movement
from ntklib.kernels import _draws
from ntklib.measures import Measure
from ntklib.networks import Network, _door
from ntklib.networks._network import Apply, Kernel, Target

__all__ = ["frozen_flows", "losses", "movement"]


@dataclass(frozen=True, eq=False)
class FrozenFlow:
    """What `frozen_flows` returns."""

    times: Float[Array, " s"]
    residuals: Float[Array, "b s q"]
    sample_residuals: Float[Array, "b s n"]
    movement: Float[Array, "b s"]
    values: Float[Array, "b n"]


def frozen_flows(
    network: Network | Apply,
    params: PyTree | None,
    target: Target,
    measure: Measure,
    times: Float[Array, " s"],
    *,
    sample: Float[Array, "b n d"],
    noise: Float[Array, "*#b n"] | None = None,
    ridge: float = 0.0,
) -> FrozenFlow:
    r"""The flows of linearized networks, one for each θ₀, or of $K^\infty$, on given samples.

    With $K(X,X)/n = U\Lambda U^T$, $c = U^T\hat r_0$ and $d_i(t) = (1 - e^{-\lambda_it})/\lambda_i$
    the residuals are those of `dynamics.kernel_flow`, $\hat r_t = Ue^{-\Lambda t}c$, and

    $$\|\theta_t - \theta_0\|^2 = \frac1n\sum_i \lambda_i\,d_i(t)^2\,c_i^2
      \;\to\; \hat r_0^T K(X,X)^{-1}\hat r_0 \qquad (t \to \infty),$$

    because $\theta_t - \theta_0 = -\frac1nJ^T\int_0^t\hat r_s\,ds$ and $JJ^T = K_0(X,X)$. With a
    ridge λ the residuals are those of `kernel_flow` with it, and in d_i the rate is λ_i + λ, so
    that θ ends nearer: the square of its movement tends to
    $\hat r_0^TK(X,X)\,(K(X,X) + n\lambda I)^{-2}\,\hat r_0$.

    Args:
      network: f, whose K₀ or $K^\infty$ it is; a `Network`, or any (θ, x) ↦ f(x; θ), shape (n,) for
        x of shape (n, d).
      params: θ₀, each leaf with a leading axis b; None for $K^\infty$, with r₀ = −f*.
      target: f*.
      measure: ρ; residuals are returned at its nodes.
      times: t, strictly increasing, non-negative, shape (s,).
      sample: the training points of each draw, shape (b, n, d).
      noise: ζ of the sample's labels, shape (n,) or (b, n).
      ridge: λ ≥ 0 of the loss, as `gradient_flow` has it, in units of 1/time.

    Returns:
      The flows, where λt > 1 with a relative error of λ_max/λ · 10⁻¹⁶ by rounding: `residuals`,
      r_t at the nodes, without noise, shape (b, s, q); `sample_residuals`, r̂_t, from the labels
      with their noise, shape (b, s, n); `movement`, ‖θ_t − θ₀‖, under $K^\infty$, which has no θ,
      the norm of r_t − r₀ in its RKHS, shape (b, s); `values`, the eigenvalues λ of K(X, X)/n,
      ascending, shape (b, n); and `times`.

    Raises:
      NotImplementedError: params is None and the network has no analytic kernel.
      ValueError: params are missing with an apply function.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import measures
      >>> from ntklib.dynamics import linearization
      >>> linear = lambda theta, x: x @ theta  # its own linearization
      >>> params, target = jnp.zeros((1, 2)), lambda x: x[:, 0]
      >>> circle, times = measures.circle(8), jnp.array([2.0])
      >>> flow = linearization.frozen_flows(
      ...     linear, params, target, circle, times, sample=circle.nodes[None]
      ... )
      >>> np.asarray(flow.values[0, -2:]).round(6).tolist()  # of K(X, X)/n
      [0.5, 0.5]
      >>> np.asarray(flow.movement).round(4).tolist()  # θ₁ goes to 1 at the rate 1/2: 1 − 1/e
      [[0.6321]]
    """
    _checks.require_x64("A difference of trajectories")
    ts = _checks.increasing_times(times)
    points = _checks.real_array("sample", sample, "b n d")
    (b, n, d), space = points.shape, measure.nodes.shape
    if d != space[1]:
        raise ValueError(
            f"sample must hold points of the measure's space, of {space[1]} dimensions, got {d}."
        )
    everywhere = jnp.concatenate([points, jnp.broadcast_to(measure.nodes, (b, *space))], axis=1)
    wanted = _door.values_of(target, everywhere)
    if params is not None:
        grams, start = _draws.tangents(network, params, everywhere)
    elif isinstance(network, Network):
        _door.look_at_kernel(network.kernel, measure.nodes)
        grams, start = _analytic(everywhere, kernel=network.kernel), jnp.zeros_like(wanted)
        _checks.real_array("network.kernel(x, x)", grams)
    else:
        raise ValueError(
            "params is missing: an apply function has no analytic kernel, so give θ₀ or a Network."
        )
    labels = _problem.noisy(wanted[:, :n], noise, draws=True)
    initial = start - jnp.concatenate([labels, wanted[:, n:]], axis=1)
    flow = _closed(grams[:, :, :n], initial, ts, _checks.not_negative("ridge", ridge))
    _decay.sound("the kernel at the sample", flow)
    return FrozenFlow(ts, flow.elsewhere, flow.on_sample, flow.movement, flow.values)


@jax.jit
def _closed(
    rows: Float[Array, "b all n"],
    initial: Float[Array, "b all"],
    ts: Float[Array, " s"],
    ridge: Any,
) -> _decay.GramFlow:
    """Solves each draw's flow from K(everywhere, X); the sample comes first in `everywhere`."""
    n = rows.shape[-1]

    def one(draw: tuple[Array, Array]) -> _decay.GramFlow:
        cross, start = draw
        return _decay.gram_flow(cross[:n], cross[n:], start[:n], start[n:], ts, ridge)

    return jax.lax.map(one, (rows, initial))


@functools.partial(jax.jit, static_argnames="kernel")
def _analytic(points: Float[Array, "b q d"], *, kernel: Kernel) -> Float[Array, "b q q"]:
    return jax.lax.map(lambda x: _door.gram_of(kernel, x, x), points)
