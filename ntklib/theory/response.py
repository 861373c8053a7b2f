r"""What a small change of the operator does to the whole trajectory: the law at all times.

Let training follow an operator T instead of $T_K$, $\partial_t r_t = -T r_t$. To first order in
$T - T_K$ the damped deviations equation gives along each eigenfunction

$$\langle r_t - e^{-T_K t}r_0, \phi_i\rangle = -\int_0^t e^{-\sigma_i(t-s)}
  \langle(T - T_K)\,e^{-T_K s}r_0, \phi_i\rangle\,ds
  = -\sum_j W_{ij}(t)\,\langle(T - T_K)\phi_j, \phi_i\rangle\,\langle r_0, \phi_j\rangle, \qquad
W_{ij}(t) = \frac{e^{-\sigma_j t} - e^{-\sigma_i t}}{\sigma_i - \sigma_j},$$

and $W_{ii}(t) = t\,e^{-\sigma_i t}$. For a network T is that of its own kernel at the start, as far
as the kernel doesn't move. For n samples it is $T_n$, a mean of n independent operators of mean
$T_K$, so that the mean square is a constant over n, which is known for every t. As t → 0 both are
those of `onset`, over which they go on: to any stopping time, mode by mode, on any measure.
"""

from typing import Any

import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks
from ntklib.spectrum import Eigensystem

__all__ = ["sample_constants"]


def sample_constants(
    eigensystem: Eigensystem, initial: Float[Array, " q"], times: Float[Array, " s"]
) -> Float[np.ndarray, "s k"]:
    r"""The limits of $n\,E\langle r_t - e^{-T_K t}r_0, \phi_i\rangle^2$ as n → ∞, at m = ∞.

    $T_n - T_K$ is a mean over independent samples, and $\langle T_n g, \phi_i\rangle =
    \sigma_i\frac1n\sum_l\phi_i(x_l)\,g(x_l)$. Hence the limit is the variance over x ∼ ρ

    $$\sigma_i^2\,\mathrm{Var}_\rho\Big[\phi_i\int_0^t e^{-\sigma_i(t-s)}\,e^{-T_K s}r_0\,ds\Big].$$

    What is left out is of relative order 1/n. Divided by t² and summed over all modes it is
    `onset.sample_constant` as t → 0.

    Args:
      eigensystem: of T_K, σᵢ and φᵢ at the nodes.
      initial: r₀ at the nodes, shape (q,).
      times: non-negative, strictly increasing, shape (s,).

    Returns:
      The constants by time and mode, shape (s, k).

    Raises:
      TypeError: the arrays are not floating-point numbers.
      ValueError: wrong shapes, NaN or infinite values, bad times, or x64 is off.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import measures, spectrum
      >>> from ntklib.theory import response
      >>> two = measures.empirical(jnp.array([[1.0], [-1.0]]))
      >>> system = spectrum.nystrom(2 * jnp.eye(2), two)  # T_K is the identity
      >>> start = jnp.array([1.0, 0.0])
      >>> found = response.sample_constants(system, start, jnp.array([1.0]))
      >>> round(float(found.sum()), 4)  # t²e⁻²ᵗ times the variance 1/4 of r₀, and φ² = 2
      0.0677
    """
    _checks.require_x64("A difference of trajectories")
    sigma, modes, start, values = _expanded(eigensystem, initial)
    weights = np.asarray(eigensystem.measure.weights)
    propagator = _propagator(sigma, values, _checks.increasing_times(times))
    # φᵢ times the ideal residual that it has seen, by time, mode and node.
    seen = modes[: sigma.size] * ((propagator * start) @ modes)
    spread = seen - (seen @ weights)[..., None]
    found: np.ndarray = sigma**2 * (spread**2 @ weights)
    return found


def _expanded(
    eigensystem: Eigensystem, initial: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns σ of shape (k,); and r₀ in k + 1 functions, their coefficients and eigenvalues.

    The last function is what the eigenfunctions leave of r₀, on which T_K is taken to be 0.
    """
    start = _checks.real_array("initial", initial, "q")
    functions = np.asarray(eigensystem.functions)
    _checks.same_length("initial", start.shape[0], "measure", functions.shape[1])
    coefficients = np.asarray(eigensystem.coefficients(start))
    rest = np.asarray(start) - coefficients @ functions
    sigma = np.asarray(eigensystem.values)
    modes = np.concatenate([functions, rest[None]])
    return sigma, modes, np.append(coefficients, 1.0), np.append(sigma, 0.0)


def _propagator(sigma: np.ndarray, values: np.ndarray, times: Any) -> Float[np.ndarray, "s k j"]:
    r"""Returns $W_{ij}(t) = \int_0^t e^{-\sigma_i(t-s)}e^{-\sigma_j s}ds$, exact for equal ones."""
    t = np.asarray(times)[:, None, None]
    least = np.minimum(sigma[:, None], values)
    gap = np.abs(sigma[:, None] - values) * t
    safe = np.where(gap == 0, 1.0, gap)
    return np.asarray(t * np.exp(-least * t) * np.where(gap == 0, 1.0, -np.expm1(-safe) / safe))
