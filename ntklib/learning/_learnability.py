r"""What n samples can teach a kernel of each degree: the conservation law of kernel regression."""

from typing import Any

import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import brentq

from ntklib import _checks


def learnable_shares(
    eigenvalues: Float[Array, " k"] | Float[np.ndarray, " k"],
    multiplicities: Any,
    trace: float,
    n: int,
) -> Float[np.ndarray, " k"]:
    r"""Estimates how much of each eigenfunction a kernel has learned from n samples as t → ∞.

    $L_i = \sigma_i/(\sigma_i + \kappa)$ with the κ for which $\sum_i L_i = n$, the sum over all
    eigenfunctions (Simon et al. 2023, "The Eigenlearning Framework"; without noise and ridge). That
    the $L_i$ sum to n is exact; their form is an estimate, exact in a limit of many samples and
    eigenfunctions. Eigenvalues that aren't given are taken to be far below κ, so that together
    they learn their part of the trace over κ.

    Args:
      eigenvalues: the σ_i that differ, shape (k,).
      multiplicities: how often each occurs, shape (k,).
      trace: the sum of all eigenvalues, given or not: the mean of K(x, x).
      n: sample size.

    Returns:
      L_i, shape (k,).

    Raises:
      ValueError: the trace is less than that of the given ones, or they are all there are and no
        more than n.

    Example:
      >>> import numpy as np
      >>> from ntklib import learning
      >>> one_of_each = learning.learnable_shares(np.array([1.0, 0.25]), [1, 4], trace=2.0, n=1)
      >>> one_of_each.round(4).tolist()
      [0.4093, 0.1477]
      >>> round(float(one_of_each @ [1, 4]), 6)  # n
      1.0
    """
    sigma = np.asarray(_checks.real_array("eigenvalues", eigenvalues, "k"), float)
    copies = np.asarray(multiplicities, float)
    _checks.same_length("multiplicities", copies.size, "eigenvalues", sigma.size)
    count = _checks.whole_number("n", n, least=1)
    if sigma.min() < 0:
        raise ValueError(f"eigenvalues must not be negative, got {sigma.min():.3g}.")
    given = float(copies @ sigma)
    rest = float(trace) - given
    if rest < -1e-9 * given:
        raise ValueError(
            f"trace must be at least that of the given eigenvalues, {given:.6g}, got {trace:.6g}."
        )
    rest = max(rest, 0.0) if rest > 1e-9 * given else 0.0
    nonzero = float(copies[sigma > 0].sum())
    if rest == 0.0 and nonzero <= count:
        raise ValueError(
            f"eigenvalues must belong to more than n = {count} eigenfunctions, got {nonzero:g}: "
            "all of them are learned."
        )

    # Every L_i is at most σ_i/κ: at κ = trace/n the sum is at most n. Logarithms of κ over this
    # don't depend on the eigenvalues' unit.
    most = float(trace) / count

    def excess(log_ratio: float) -> float:
        kappa = most * np.exp(log_ratio)
        return float(copies @ (sigma / (sigma + kappa))) + rest / kappa - count

    low = -1.0
    while excess(low) < 0:
        low -= 1.0
    kappa = most * np.exp(brentq(excess, low, 0.0, xtol=1e-14, rtol=1e-14))
    return sigma / (sigma + kappa)
