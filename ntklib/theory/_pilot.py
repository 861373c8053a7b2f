"""How wide, how many samples, how long: a plan from a pilot."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ntklib import _arguments, _checks, dynamics, kernels
from ntklib.measures import Measure
from ntklib.networks import Network, _door, _outputs
from ntklib.networks._network import Target
from ntklib.spectrum import nystrom
from ntklib.theory import _requirements
from ntklib.theory._comparison import compare
from ntklib.theory._corollary_5 import (
    leading_modes,
    left_out,
    stopping_time,
)
from ntklib.theory._requirements import Plan, Requirement

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
      The plan; print it. `modes` is k, `sigma` σ_k, `left_out` ‖(I−P_k)f*‖², `time` T. `width` and
      `samples` have what was `measured`, with the ends `low` and `high` of its interval, what the
      `guaranteed` rate asks for, and the size of the `pilot`.

    Raises:
      TypeError: key is none of `jax.random.key`, or draws is no whole number.
      ValueError: key holds several keys, epsilon is not positive or asks for nothing to be learned,
        modes is out of range or its eigenvalue is 0, the target is outside the span, share or level
        is outside (0, 1), draws is less than 2, or as `dynamics.network_flows`.

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
      >>> print(str(found).splitlines()[0])
      top k = 3 to ‖P_k r_T‖² ≤ 0.1, 90% of draws
    """
    share, level = _checks.fraction("share", share), _checks.fraction("level", level)
    key, draws = _arguments.key("key", key), _checks.whole_number("draws", draws, least=2)
    wide = _outputs.network_of(network, pilot[0])
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
    flows, _ = dynamics.network_flows(
        wide, target, measure, times, network_key, draws=draws,
        **{"method": "exponential", **options},
    )  # fmt: skip
    sampled = dynamics.kernel_flows(
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
