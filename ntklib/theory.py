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
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ntklib import _arguments, _checks, _door, _requirements, ensembles, kernels
from ntklib._comparison import Comparison, compare
from ntklib._guarantees import (
    LeastSize,
    growth,
    leading_modes,
    least_size,
    left_out,
    stopping_time,
)
from ntklib._requirements import Plan, Requirement
from ntklib._works import requirements
from ntklib.measures import Measure
from ntklib.networks import Network
from ntklib.spectrum import nystrom
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
      TypeError: key is none of `jax.random.key`, or draws is no whole number.
      ValueError: key holds several keys, epsilon is not positive or asks for nothing to be learned,
        modes is out of range or its eigenvalue is 0, the target is outside the span, share or level
        is outside (0, 1), draws is less than 2, or as `ensembles.network_flows`.

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
    key, draws = _arguments.key("key", key), _checks.whole_number("draws", draws, least=2)
    wide = _door.network_of(network, pilot[0])
    system = nystrom(kernels.analytic(wide, measure.nodes), measure)
    labels = _door.values_of(target, measure.nodes)
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

    width, samples = needed(pilot[0], flows.residuals), needed(pilot[1], sampled)
    rest = float(left_out(top, labels)[-1])
    return Plan(epsilon, k, sigma, rest, time, width, samples, share, level)
