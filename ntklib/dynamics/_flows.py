"""Trajectories of gradient flows of finite networks."""

from dataclasses import dataclass
from typing import Literal

import jax
from jaxtyping import Array, Float, Int, PyTree

from ntklib import _checks, _shown
from ntklib.dynamics import _integrator
from ntklib.dynamics._solver import Solver
from ntklib.measures import Measure
from ntklib.networks import Network, _parameters
from ntklib.networks._network import Apply, Target


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What a gradient flow went through; a leading axis b counts draws where there are several.

    Attributes:
      times: t, shape (s,).
      residuals: r_t at the nodes, shape (b, s, q) or (s, q); of a network with several outputs
        with a last axis of them.
      params: θ_t, each leaf with leading axes (b, s) or (s,); None unless asked for.
      steps: integrator steps, accepted and rejected, shape (b,) or ().

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import dynamics
      >>> flow = dynamics.Trajectory(jnp.array([1.0, 2.0]), jnp.zeros((2, 8)), None, jnp.array(10))
      >>> flow.residuals[-1].shape  # at t = 2, at 8 nodes
      (8,)
      >>> flow
      Trajectory(s=2, q=8 nodes, t 1 to 2, 10 steps)
    """

    times: Float[Array, " s"]
    residuals: Float[Array, "..."]
    params: PyTree | None
    steps: Int[Array, "*b"]

    def __repr__(self) -> str:
        draws, (s, q, *outputs) = self.steps.shape, self.residuals.shape[self.steps.ndim :]
        axes = "".join(f"draws={b}, " for b in draws)
        several = "".join(f", {o} outputs" for o in outputs)
        kept = "" if self.params is None else ", θ_t kept"
        return (
            f"Trajectory({axes}s={s}, q={q} nodes{several}, t {_shown.span(self.times)}, "
            f"{_shown.span(self.steps)} steps{kept})"
        )

    def draw(self, index: int) -> "Trajectory":
        """Returns one draw of several.

        Args:
          index: of the draw, from 0.

        Raises:
          ValueError: there is no such draw, or no axis of draws.
        """
        if self.steps.ndim == 0:
            raise ValueError("the trajectory has no axis of draws: it is a single one.")
        index = _checks.whole_number("index", index, least=0, most=self.residuals.shape[0] - 1)
        chosen = _parameters.draw((self.residuals, self.params, self.steps), index)
        return Trajectory(self.times, *chosen)

    def params_at(self, index: int) -> PyTree:
        """Returns θ_t at one of the times.

        Args:
          index: of the time, from 0, or from the end where it is negative.

        Returns:
          The parameters, each leaf with a leading axis b where there are draws.

        Raises:
          ValueError: there is no such time, or parameters weren't kept.
        """
        if self.params is None:
            raise ValueError("params were not kept: integrate with keep_params=True.")
        s = self.times.shape[0]
        index = _checks.whole_number("index", index, least=-s, most=s - 1)
        before = (slice(None),) * self.steps.ndim
        return jax.tree.map(lambda leaf: leaf[(*before, index)], self.params)


def gradient_flow(
    network: Network | Apply,
    params: PyTree,
    target: Target | Float[Array, "q *o"],
    measure: Measure,
    times: Float[Array, " s"],
    *,
    sample: Float[Array, "*#b n d"] | None = None,
    noise: Float[Array, "..."] | None = None,
    ridge: float = 0.0,
    draws: bool = False,
    method: Literal["explicit", "exponential"] = "explicit",
    rtol: float = 1e-6,
    atol: float | None = None,
    linearized: bool = False,
    keep_params: bool = False,
    max_steps: int = 100_000,
    progress: bool = True,
) -> Trajectory:
    r"""Integrates the gradient flow $\partial_t\theta = -\partial_\theta\Phi(\theta)$ of a network.

    $\Phi(\theta) = \frac{1}{2n}\sum_i (f(x_i;\theta) - f^*(x_i))^2$ over the sample; without a
    sample n = ∞, which means $\Phi(\theta) = \frac12\|f(\cdot;\theta) - f^*\|^2_{L^2(\rho)}$ by
    the measure's quadrature. Adaptive steps land on every time asked for, so that no interpolation
    error adds to the tolerance. Labels may have noise, $f^*(x_i) + \zeta_i$, and the loss a ridge,
    $\frac\lambda2\|\theta - \theta_0\|^2$; what of that a kernel makes is in `kernel_flow`.

    A network with o > 1 outputs, such as one a class, is trained on the sum of their losses; its
    target has o values a point, and residuals have a last axis of outputs. At infinite width they
    decouple, since the kernel between two of them is 0: each follows the flow of $K^\infty$ from
    its own residual. At finite width they share hidden layers, and the kernel has an o × o block
    for each pair of points. Theorem 1 and Corollary 2 are stated for one output.

    - "explicit": a Runge–Kutta method of order 5 (Tsitouras 2011). The step is limited by
      stability: expect about T·λ₁/3 steps or more.
    - "exponential": a method of order 4 that solves the flow of a step's first tangent kernel
      exactly (see `_exponential`). In the kernel regime the steps grow with time, and their number
      hardly depends on T·λ₁; each takes 12 gradients, as many products with the Jacobian, and the
      eigenvectors of an n × n Gram matrix. It pays for T·λ₁ of some hundreds and more.

    Args:
      network: a `Network`, or any (θ, x) ↦ f(x; θ), shape (n,) for x of shape (n, d). It is
        compiled once for each object and shape, so pass the same object for the same network. Or
        with o > 1 outputs, shape (n, o).
      params: θ₀, a pytree of arrays of one floating-point type, which is the precision of the
        integration.
      target: f*, from points (n, d) to values (n,), or (n, o); or, without a sample, its values at
        the nodes, shape (q,), or (q, o).
      measure: ρ; residuals are returned at its nodes.
      times: at which residuals are wanted, strictly increasing, non-negative, shape (s,).
      sample: the training points, shape (n, d), or (b, n, d) for one sample a draw; None for n = ∞.
      noise: ζ of the sample's labels, shape (n,), or (b, n), with several outputs a last axis of
        them; residuals are without it.
      ridge: λ ≥ 0, in units of 1/time, for the explicit method.
      draws: whether params have a leading axis of b draws. They run in one compiled call: on a CPU
        one after another, on a GPU side by side, each being the faster way there.
      method: "explicit" or "exponential". The latter holds the factors of the Gram matrix: all
        layers' inputs and derivatives where the layers of a network with one output are known,
        else a Jacobian.
      rtol: relative tolerance of a step: with the exponential method on the predictions, relative
        to the residual at the start, in L² of the sample and of ρ; with the explicit one on every
        parameter, or on its part of the movement where the residual is small beside the network.
      atol: absolute tolerance of a step, on the same, in units of predictions or of parameters.
        None leaves its scale to the problem, so that a target of any size or unit is learned with
        the same relative accuracy; a number is meant as it is, and so is rtol beside it.
      linearized: whether the expansion of f in θ around θ₀ to first order, the $f_{lin}$ of
        `dynamics.linearization`, is trained in place of f (Lee et al. 2019, "Wide neural networks
        of any depth evolve as linear models under gradient descent"). The residual then solves the
        equation of `kernel_flow` with the empirical kernel of θ₀, without a Gram matrix. JAX must
        be able to differentiate f in forward mode, as it must for the exponential method.
      keep_params: whether to return θ_t as well, which costs s·p numbers a draw.
      max_steps: give up after this many steps.
      progress: whether a bar appears when the run is long.

    Returns:
      The trajectory.

    Raises:
      TypeError: params mix types, or target has labels of a sample only.
      ValueError: a tolerance below the rounding of the parameters' type, a Jacobian of more than
        2 GiB, noise without a sample, or a ridge for the exponential method.
      RuntimeError: max_steps was not enough, or the network or its gradient is NaN or infinite; the
        message says when, in which draws and which of these.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import dynamics, measures
      >>> linear = lambda theta, x: x @ theta  # its kernel has the eigenvalue 1/2 on the circle
      >>> circle, times = measures.circle(4), jnp.array([0.0, 2.0])
      >>> flow = dynamics.gradient_flow(linear, jnp.zeros(2), lambda x: x[:, 0], circle, times)
      >>> np.asarray(flow.residuals[:, 0]).round(4).tolist()  # −1 and −1/e
      [-1.0, -0.3679]
      >>> square, target = lambda theta, x: x @ theta**2, lambda x: 2 * x[:, 0]
      >>> flow = dynamics.gradient_flow(  # about θ₀ = 1 it is x·(2θ − 1)
      ...     square, jnp.ones(2), target, circle, times / 4, linearized=True
      ... )
      >>> np.asarray(flow.residuals[:, 0]).round(4).tolist()
      [-1.0, -0.3679]
    """
    return Trajectory(
        *_integrator.solve(
            network, params, target, measure, times, Solver(method, rtol, atol, max_steps),
            sample=sample, draws=draws, keep_params=keep_params, progress=progress,
            linearized=linearized, noise=noise, ridge=ridge,
        )
    )  # fmt: skip
