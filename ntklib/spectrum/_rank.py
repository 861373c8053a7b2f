"""How many eigenvalues count: effective ranks, and the number that carries a share of the trace."""

from typing import Any, Literal

import numpy as np
from scipy.special import entr

from ntklib import _arguments, _checks


def effective_rank(values: Any, form: Literal["trace", "entropy"] = "trace") -> float:
    r"""The effective rank of a positive semidefinite operator with the eigenvalues σᵢ.

    "trace": $\sum_i\sigma_i/\sigma_1$ (the intrinsic dimension). "entropy": $\exp(-\sum_i p_i\log
    p_i)$ with $p_i = \sigma_i/\sum_j\sigma_j$ (Roy and Vetterli 2007). Both lie between 1 and the
    rank, which they reach when all nonzero eigenvalues are equal.

    Args:
      values: all σᵢ, in any order, shape (k,); without the smallest ones, the result is too small.
      form: which.

    Raises:
      ValueError: a value is negative, or all are 0.

    Example:
      >>> import numpy as np
      >>> from ntklib import spectrum
      >>> spectrum.effective_rank(np.array([1.0, 0.5, 0.5]))
      2.0
      >>> round(spectrum.effective_rank(np.ones(4), form="entropy"), 6)
      4.0
    """
    sigma = _nonnegative(values)
    if _arguments.choice("form", form, ("trace", "entropy")) == "trace":
        return float(np.sum(sigma / sigma.max()))
    return float(np.exp(np.sum(entr(sigma / sigma.max() / np.sum(sigma / sigma.max())))))


def _nonnegative(values: Any) -> np.ndarray:
    sigma = np.asarray(_checks.real_array("values", values, "k"), np.float64)
    if sigma.min() < 0 or sigma.max() == 0:
        raise ValueError(
            f"values must be non-negative and not all 0, got {sigma.min():.3g} to "
            f"{sigma.max():.3g}: set to 0 what rounding made negative."
        )
    return sigma


def carried_by(values: Any, share: float) -> int:
    r"""How many of the largest eigenvalues carry a share of the trace.

    $\min\{k : \sum_{i\le k}\sigma_i \ge s\sum_i\sigma_i\}$.

    Args:
      values: all σᵢ, in any order, shape (k,).
      share: s, above 0 and below 1.

    Raises:
      ValueError: a value is negative, or all are 0.

    Example:
      >>> import numpy as np
      >>> from ntklib import spectrum
      >>> spectrum.carried_by(np.array([5.0, 3.0, 1.0, 1.0]), share=0.75)
      2
    """
    sigma = _nonnegative(values)
    carried = np.cumsum(np.sort(sigma)[::-1])
    return int(np.searchsorted(carried, _checks.fraction("share", share) * carried[-1])) + 1
