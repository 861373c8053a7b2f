r"""Corollary 5 in numbers: stopping times and leading modes; the public names are in `theory`.

Corollary 5 (Bowman and Montúfar 2022b): $T = \tilde\Omega(1/\sigma_k)$,
$m = \tilde\Omega(\sigma_k^{-8}/\epsilon^2)$ and $n = \tilde\Omega(\sigma_k^{-6}/\epsilon^2)$ give
$\|P_k r_T\|^2 \le \epsilon$ and $\frac12\|r_T\|^2 \le \tilde O(\epsilon) + \|(I-P_k)r_0\|^2$.
"""

import math
from typing import SupportsFloat

import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks
from ntklib.spectrum import Eigensystem

SAME = 1e-9
"""Eigenvalues that differ by less than this part of the larger count as one multiple eigenvalue."""


def stopping_time(sigma: SupportsFloat, sup_norm: SupportsFloat, norm: SupportsFloat) -> float:
    r"""The time from which on the ideal dynamics have learned the leading modes.

    $\|P_k e^{-T_K t} r_0\| \le e^{-\sigma_k t}\|f^*\|_\infty \le \delta$ for all
    $t \ge \log(\|f^*\|_\infty/\delta)/\sigma_k$.

    Args:
      sigma: σ_k > 0.
      sup_norm: ‖f*‖_∞, of the order of which ‖r₀‖ is; or any other bound of ‖P_k r₀‖.
      norm: δ, what may be left of the norm (not its square).

    Returns:
      t in units of 1/σ; 0 if norm is not less than sup_norm.

    Raises:
      ValueError: an argument is not positive and finite.

    Example:
      >>> import math
      >>> from ntklib import theory
      >>> round(theory.stopping_time(sigma=0.5, sup_norm=math.e, norm=1.0), 6)
      2.0
    """
    rate = _checks.positive("sigma", sigma)
    start, end = _checks.positive("sup_norm", sup_norm), _checks.positive("norm", norm)
    return max(0.0, math.log(start / end)) / rate


def leading_modes(system: Eigensystem, g: Float[Array, " q"], epsilon: SupportsFloat) -> int:
    r"""The least k with $\|(I - P_k)g\|^2_\rho \le \epsilon$ that cuts no multiple eigenvalue.

    Args:
      system: eigenpairs of T_K.
      g: a function at the nodes, such as f*, shape (q,).
      epsilon: ε > 0.

    Returns:
      k, from 1 on.

    Raises:
      ValueError: epsilon is not positive, or more than ε of g is outside the span of all given
        eigenfunctions.

    Example:
      >>> from ntklib import measures, spectrum, theory
      >>> poisson = lambda x, y: 0.75 / (1.25 - x @ y.T)  # its eigenvalues are 2⁻ʲ
      >>> circle = measures.circle(8)
      >>> system = spectrum.circle(poisson, circle)
      >>> theory.leading_modes(
      ...     system, circle.nodes[:, 0], 0.01
      ... )  # cos θ is the second, sin θ comes with it
      3
    """
    most = _checks.positive("epsilon", epsilon)
    rest = left_out(system, g)[1:]
    enough = np.flatnonzero(rest <= most)
    if not enough.size:
        raise ValueError(
            f"epsilon must be at least {rest[-1]:.3g}, which is what the {rest.size} given "
            f"eigenfunctions leave of g, got {most:.3g}: raise it, or give more eigenfunctions."
        )
    sigma = np.asarray(system.values)
    k = int(enough[0]) + 1
    while k < sigma.size and sigma[k] > (1 - SAME) * sigma[k - 1]:
        k += 1
    return k


def left_out(system: Eigensystem, g: Float[Array, " q"]) -> Float[np.ndarray, " modes"]:
    r"""Returns $\|(I - P_k)g\|^2_\rho$ for k = 0, 1, …, as sums of what is left.

    A difference from ‖g‖² would be rounding of it where little is left.
    """
    coefficients = system.coefficients(g)
    beyond = g - system.synthesis(coefficients)
    squares = np.append(np.asarray(coefficients) ** 2, float(system.measure.inner(beyond, beyond)))
    return np.cumsum(squares[::-1])[::-1]
