r"""Both sides of Theorem 1 and Corollary 2, the least ε that makes them true, and Corollary 5.

Theorem 1 (Bowman and Montúfar 2022b): for a fixed continuous symmetric positive definite kernel
K with eigenvalues σ₁ ≥ σ₂ ≥ …, widths $m = \tilde\Omega(T^4/\epsilon^2)$ and samples
$n = \tilde\Omega(T^2/\epsilon^2)$ suffice for, with high probability, all t ≤ T and all k,

$$\|P_k(r_t - e^{-T_K t}r_0)\|^2 \le \Big[\frac{1-e^{-\sigma_k t}}{\sigma_k}\Big]^2
  \big[4\|f^*\|_\infty^2\|K-K_0\|^2_{L^2(\rho\otimes\rho)} + \epsilon\big], \qquad
\|r_t - e^{-T_K t}r_0\|^2 \le t^2 \big[4\|f^*\|_\infty^2\|K-K_0\|^2 + \epsilon\big].$$

Corollary 2 is the case $K = K^\infty$ with the bracket replaced by ε. Constants are not given,
so what can be measured is $\hat\epsilon$, the least ε for which both hold in a given run.

Corollary 5 stops at $T \sim 1/\sigma_k$, where the top k eigenfunctions are learned to ε:
`stopping_time`, `least_size` and `growth` measure it, and `plan` uses it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks, _requirements, ensembles, kernels
from ntklib._guarantees import LeastSize, growth, leading_modes, least_size, stopping_time
from ntklib._requirements import Plan, Requirement
from ntklib._works import requirements
from ntklib.dynamics import damping_factor, ideal_flow
from ntklib.measures import Measure
from ntklib.networks import Network
from ntklib.spectrum import Eigensystem, nystrom
from ntklib.targets import Target

__all__ = [
    "Comparison",
    "LeastSize",
    "Plan",
    "Requirement",
    "compare",
    "growth",
    "leading_modes",
    "least_size",
    "plan",
    "requirements",
    "stopping_time",
]

PILOT_TIMES = 12
"""Times up to T at which a pilot compares."""


@dataclass(frozen=True, eq=False)
class Comparison:
    r"""Both sides of the two inequalities along trajectories; axes b count draws.

    Attributes:
      times: t > 0, shape (s,).
      projected: $\|P_k(r_t - e^{-T_K t}r_0)\|^2$, shape (b, s, k).
      total: $\|r_t - e^{-T_K t}r_0\|^2$, shape (b, s).
      damping: $[(1 - e^{-\sigma_k t})/\sigma_k]^2$ in units of time squared, shape (s, k).
      kernel_term: $4\|f^*\|_\infty^2\|K - K_0\|^2$, shape (b,); 0 in Corollary 2.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import dynamics, measures, spectrum, theory
      >>> poisson = lambda x, y: 0.75 / (1.25 - x @ y.T)  # its eigenvalues are 2⁻ʲ
      >>> circle, times = measures.circle(8), jnp.array([0.5, 1.0])
      >>> system = spectrum.circle(poisson, circle)
      >>> start = -circle.nodes[:, 0]
      >>> residuals = dynamics.ideal_flow(system, start, times) + 0.1  # off by 0.1 along φ₁ = 1
      >>> both = theory.compare(residuals, start, times, system)
      >>> np.asarray(both.total).round(6).tolist()
      [0.01, 0.01]
      >>> epsilon = 1.0001 * float(both.projected_epsilon[-1])
      >>> bool(np.all(both.projected <= both.projected_bound(epsilon)))
      True
    """

    times: Float[Array, " s"]
    projected: Float[Array, "*b s k"]
    total: Float[Array, "*b s"]
    damping: Float[Array, "s k"]
    kernel_term: Float[Array, "*b"]

    def projected_bound(self, epsilon: float) -> Float[Array, "*b s k"]:
        """Returns the right side of the first inequality at ε = `epsilon`."""
        bracket = self.kernel_term[..., None, None] + epsilon
        return bracket * _with_rank(self.damping, self.projected.ndim)

    def total_bound(self, epsilon: float) -> Float[Array, "*b s"]:
        """Returns the right side of the second inequality at ε = `epsilon`."""
        return (self.kernel_term[..., None] + epsilon) * _with_rank(self.times**2, self.total.ndim)

    @property
    def projected_epsilon(self) -> Float[Array, "*b s"]:
        r"""The least ε for which the first inequality holds at all t ≤ T and all k, for each T.

        $\hat\epsilon = \sup_{t\le T,k} \|P_k(r_t - e^{-T_K t}r_0)\|^2 /
        [(1-e^{-\sigma_k t})/\sigma_k]^2 - 4\|f^*\|^2_\infty\|K-K_0\|^2$. Negative where the first
        term of the bracket is more than enough.
        """
        ratio = self.projected / _with_rank(self.damping, self.projected.ndim)
        return _running_supremum(jnp.max(ratio, axis=-1)) - self.kernel_term[..., None]

    @property
    def total_epsilon(self) -> Float[Array, "*b s"]:
        """The least ε for which the second inequality holds at all t ≤ T, for each T."""
        ratio = self.total / _with_rank(self.times**2, self.total.ndim)
        return _running_supremum(ratio) - self.kernel_term[..., None]


def compare(
    residuals: Float[Array, "*b s q"],
    initial: Float[Array, " q"],
    times: Float[Array, " s"],
    eigensystem: Eigensystem,
    *,
    sup_norm: float | None = None,
    kernel_distance: Float[Array, "*b"] | None = None,
) -> Comparison:
    r"""Compares trajectories with the ideal dynamics of a kernel K.

    Args:
      residuals: r_t at the nodes, shape (b, s, q) or (s, q).
      initial: r₀ at the nodes, shape (q,); −f* with antisymmetric initialization.
      times: t > 0, strictly increasing, shape (s,).
      eigensystem: of T_K. Modes beyond those given are taken to have eigenvalue 0.
      sup_norm: ‖f*‖_∞, for Theorem 1.
      kernel_distance: ‖K − K₀‖_{L²(ρ⊗ρ)} of each draw, shape (b,) or (), for Theorem 1. Without
        it the bracket is ε alone, which is Corollary 2 when $K = K^\infty$.

    Returns:
      Both sides.

    Raises:
      TypeError: the arrays are not floating-point numbers.
      ValueError: wrong shapes, NaN or infinite values, times that start at 0, only one of
        sup_norm and kernel_distance, a negative kernel_distance, or x64 is off.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import dynamics, measures, spectrum, theory
      >>> poisson = lambda x, y: 0.75 / (1.25 - x @ y.T)  # its eigenvalues are 2⁻ʲ
      >>> circle, times = measures.circle(8), jnp.array([0.5, 1.0])
      >>> system = spectrum.circle(poisson, circle)
      >>> start = -circle.nodes[:, 0]
      >>> ideal = dynamics.ideal_flow(system, start, times)
      >>> theory.compare(ideal, start, times, system).total.tolist()
      [0.0, 0.0]
      >>> still = theory.compare(start[None].repeat(2, axis=0), start, times, system)
      >>> bool(np.all(still.total_epsilon > 0))
      True
    """
    _checks.require_x64("A difference of trajectories")
    trajectory = _checks.real_array("residuals", residuals)
    ts = _checks.increasing_times(times)
    if float(ts[0]) == 0:
        raise ValueError("times must start after 0, where both sides vanish: drop t = 0.")
    q = eigensystem.functions.shape[1]
    if trajectory.shape[-2:] != (ts.shape[0], q):
        raise ValueError(
            f"residuals must have the axes (..., times, nodes) with {ts.shape[0]} times and {q} "
            f"nodes, got shape {trajectory.shape}."
        )
    draws = trajectory.shape[:-2]
    ideal = ideal_flow(eigensystem, initial, ts)
    deviation = trajectory - _with_rank(ideal, trajectory.ndim)
    return Comparison(
        times=ts,
        projected=jnp.cumsum(eigensystem.coefficients(deviation) ** 2, axis=-1),
        total=eigensystem.measure.inner(deviation, deviation),
        damping=damping_factor(eigensystem.values, ts) ** 2,
        kernel_term=_kernel_term(sup_norm, kernel_distance, draws),
    )


def _kernel_term(
    sup_norm: float | None, kernel_distance: Array | None, draws: tuple[int, ...]
) -> Array:
    if (sup_norm is None) != (kernel_distance is None):
        missing = "sup_norm" if sup_norm is None else "kernel_distance"
        raise ValueError(
            f"{missing} is missing: Theorem 1 needs both sup_norm and kernel_distance, "
            "Corollary 2 neither."
        )
    if sup_norm is None:
        return jnp.zeros(draws)
    distance = _checks.real_array("kernel_distance", kernel_distance)
    if distance.shape != draws:
        raise ValueError(
            f"kernel_distance must have one entry a draw, shape {draws}, got {distance.shape}."
        )
    if float(jnp.min(distance)) < 0:
        raise ValueError(
            f"kernel_distance must not be negative, got {float(jnp.min(distance)):.3g}: "
            "pass the norm from kernels.distance, not a difference."
        )
    return 4 * _checks.positive("sup_norm", sup_norm) ** 2 * distance**2


def _with_rank(array: Array, ndim: int) -> Array:
    return array.reshape((1,) * (ndim - array.ndim) + array.shape)


def _running_supremum(values: Float[Array, "*b s"]) -> Float[Array, "*b s"]:
    return jnp.maximum.accumulate(values, axis=-1)


def plan(
    network: Callable[[int], Network],
    target: Target,
    measure: Measure,
    epsilon: float,
    key: Any,
    *,
    modes: int | None = None,
    pilot: tuple[int, int] = (64, 64),
    draws: int = 32,
    share: float = 0.9,
    level: float = 0.9,
    **options: Any,
) -> Plan:
    r"""How wide, how many samples and how long, to learn the top k eigenfunctions to ε.

    $\|P_k r_T\| \le \|P_k e^{-T_{K^\infty}T}r_0\| + \|P_k(r_T - e^{-T_{K^\infty}T}r_0)\|$, and each
    may be √ε/2. The first is by $T = \log(2\|f^*\|_\infty/\sqrt\epsilon)/\sigma_k$. The square of
    the second, ε/4, is shared between width and samples, whose mean squared errors add up: a pilot
    at (m, ∞) and one at (∞, n) measure them. From there, `measured` goes on like one over the
    size, which experiments show and no theorem says, and `guaranteed` at Corollary 2's rate.

    Args:
      network: width ↦ network with antisymmetric initialization.
      target: f*.
      measure: ρ; $T_{K^\infty}$ is decomposed on its nodes.
      epsilon: ε > 0, of the squared norm.
      key: a `jax.random.key`.
      modes: k; by default the least with ‖(I−P_k)f*‖² ≤ ε, never cutting a multiple eigenvalue.
      pilot: m and n of the two pilots.
      draws: of each pilot.
      share: of draws that shall succeed.
      level: of the intervals, which are of the pilots' draws and not of the assumed rate.
      **options: passed to `dynamics.gradient_flow`.

    Returns:
      The plan.

    Raises:
      ValueError: epsilon is not positive or asks for nothing to be learned, modes is out of range
        or its eigenvalue is 0, the target is outside the span, share or level is outside (0, 1),
        draws is less than 2, or as `ensembles.network_flows`.

    Example:
      >>> import jax
      >>> from ntklib import measures, networks, targets, theory
      >>> found = theory.plan(
      ...     lambda m: networks.antisymmetric(networks.fully_connected(2, (m,), biases=True)),
      ...     targets.FourierSum((1,), (1.0,)),
      ...     measures.circle(8),
      ...     epsilon=0.1,
      ...     key=jax.random.key(0),
      ...     pilot=(4, 8),
      ...     draws=2,
      ...     method="explicit",
      ...     progress=False,
      ... )
      >>> found.modes, found.width.pilot, found.samples.pilot
      (3, 4, 8)
    """
    share, level = _checks.fraction("share", share), _checks.fraction("level", level)
    draws = _checks.whole_number("draws", draws, least=2)
    wide = network(pilot[0])
    system = nystrom(kernels.analytic(wide, measure.nodes), measure)
    labels = target(measure.nodes)
    k = leading_modes(system, labels, epsilon) if modes is None else modes
    top = system.leading(k)
    sigma = _checks.positive(f"eigenvalue {k} of the kernel", top.values[-1])
    largest = float(jnp.max(jnp.abs(labels)))
    time = stopping_time(sigma, largest, np.sqrt(epsilon) / 2)
    if time == 0:
        raise ValueError(
            f"epsilon must be less than 4‖f*‖²_∞ = {4 * largest**2:.3g}, beyond which there is "
            f"nothing to learn, got {epsilon:.3g}."
        )
    times = jnp.geomspace(min(0.01 / float(top.values[0]), time / 100), time, PILOT_TIMES)

    network_key, sample_key = jax.random.split(key)
    flows, _ = ensembles.network_flows(
        wide, target, measure, times, network_key, draws=draws,
        **{"method": "exponential", **options},
    )  # fmt: skip
    sampled = ensembles.kernel_flows(
        wide.kernel, target, measure, times, sample_key, draws=draws, n=pilot[1],
        progress=options.get("progress", True),
    )  # fmt: skip

    def needed(size: int, residuals: Array) -> Requirement:
        run = compare(residuals, -labels, times, system)
        deviation, least = run.projected[:, -1, k - 1], run.projected_epsilon[:, -1]
        return _requirements.requirement(
            size, np.asarray(deviation), np.asarray(least), float(run.damping[-1, k - 1]),
            epsilon / 8, share=share, level=level,
        )  # fmt: skip

    left_out = float(measure.inner(labels, labels) - jnp.sum(top.coefficients(labels) ** 2))
    width, samples = needed(pilot[0], flows.residuals), needed(pilot[1], sampled)
    return Plan(epsilon, k, sigma, max(left_out, 0.0), time, width, samples, share, level)
